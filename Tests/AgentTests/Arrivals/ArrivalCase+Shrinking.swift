import SimulatedBus

extension ArrivalCase {
  /// The smallest case to be found by leaving things out that still has a violation of that kind, with
  /// the violation.
  func shrunk(to kind: ArrivalViolation.Kind) throws -> (ArrivalCase, ArrivalViolation)? {
    func violation(in course: ArrivalCase) throws -> ArrivalViolation? {
      try ArrivalRun.violations(in: course).first { $0.kind == kind }
    }
    guard var found = try violation(in: self) else { return nil }
    var smallest = self
    smallest.steps.removeSubrange(found.step...)
    var isSmaller: Bool
    repeat {
      isSmaller = false
      for candidate in smallest.smaller() {
        guard let violation = try violation(in: candidate) else { continue }
        smallest = candidate
        smallest.steps.removeSubrange(violation.step...)
        found = violation
        isSmaller = true
        break
      }
    } while isSmaller
    return (smallest, found)
  }

  /// Cases with one thing less.
  private func smaller() -> [ArrivalCase] {
    var cases: [ArrivalCase] = []
    func add(_ change: (inout ArrivalCase) -> Void) {
      var copy = self
      change(&copy)
      if copy != self { cases.append(copy) }
    }
    for index in steps.indices { add { $0.steps.remove(at: index) } }
    for lines in Self.smaller(rules) { add { $0.rules = lines } }
    for (index, step) in steps.enumerated() {
      switch step {
      case .replaceRules(let lines):
        for lines in Self.smaller(lines) { add { $0.steps[index] = .replaceRules(lines) } }
      case .plug(let adapter): add { $0.steps[index] = .plug(Adapter(number: adapter.number)) }
      case .replug(let adapter): add { $0.steps[index] = .replug(Adapter(number: adapter.number)) }
      default: break
      }
    }
    for index in adapters.indices {
      add { $0.adapters.remove(at: index) }
      add { $0.adapters[index] = Adapter(number: adapters[index].number) }
    }
    for index in domains.indices { add { $0.domains.remove(at: index) } }
    for index in silent.indices { add { $0.silent.remove(at: index) } }
    if modules != [.zcryptCex4, .vfioAP] { add { $0.modules = [.zcryptCex4, .vfioAP] } }
    return cases
  }

  private static func smaller(_ rules: [RuleLine]) -> [[RuleLine]] {
    var variants: [[RuleLine]] = []
    for index in rules.indices {
      var fewer = rules
      fewer.remove(at: index)
      variants.append(fewer)
      for clause in rules[index].clauses.indices where rules[index].clauses.count > 1 {
        var shorter = rules
        shorter[index].clauses.remove(at: clause)
        variants.append(shorter)
      }
      if rules[index].assignments.count > 1 {
        var shorter = rules
        shorter[index].assignments.removeLast()
        variants.append(shorter)
      }
    }
    return variants
  }

  /// The shape of the case: what distinguishes it from others of the same kind. Numbers do not.
  var shape: String {
    func abstract(_ rules: [RuleLine]) -> String {
      rules.map { rule in
        let keys = rule.clauses.map { $0.prefix { $0 != "=" && $0 != "!" } }.sorted()
        return keys.joined(separator: "+") + ":" + rule.assignments.joined(separator: "+")
      }.joined(separator: "; ")
    }
    let steps = steps.map { step in
      switch step {
      case .replaceRules(let lines): "rules(" + abstract(lines) + ")"
      default: "\(step)".split(separator: " ").prefix(2).joined(separator: " ")
      }
    }
    return ([kernel.rawValue, abstract(rules)] + modules.map(\.rawValue) + steps).joined(
      separator: " | ")
  }

  /// How large the case is, for finding the smallest of several.
  var size: Int {
    10 * steps.count + 10 * rules.count + adapters.count + domains.count + silent.count
      + rules.reduce(0) { $0 + 2 * $1.clauses.count + $1.assignments.count }
      + steps.reduce(0) { size, step in
        guard case .replaceRules(let lines) = step else { return size }
        return size + 10 * lines.count
      }
  }
}
