import APBus

/// Finds rules that never decide, whatever the machine: stronger ones match all that they match.
///
/// What it finds is certain, but it does not find everything. A rule is compared with the union, over
/// queues, of those stronger rules that require no more of card and host than the rule itself.
struct ShadowedRules {
  /// A rule that never decides, and those that take its queues, the strongest first.
  struct Finding {
    var index: Int
    /// Empty if too many rules are shadowed to explain each.
    var by: [Int]
  }

  private(set) var findings: [Finding] = []

  /// The queues of stronger rules, by their questions and the kinds of cards they require.
  private var taken: [Set<RuleReach.Question>: [(kinds: CardKinds, queues: Shape)]] = [:]
  private var stronger: [(index: Int, reach: RuleReach)] = []

  /// How many findings are explained.
  private static let explained = 50
  /// So many different kinds of cards are compared for each set of questions; more are passed over.
  private static let comparedKinds = 32
  /// All subsets of so many questions in one rule are looked up.
  private static let combinedQuestions = 4

  init(_ rules: RuleSet) {
    for index in rules.indicesByStrength {
      let reach = RuleReach(rules.rules[index])
      if remainder(of: reach).bands.isEmpty {
        findings.append(Finding(index: index, by: shadows(of: reach)))
      } else {
        take(reach)
        stronger.append((index, reach))
      }
    }
    findings.sort { $0.index < $1.index }
  }

  private mutating func take(_ reach: RuleReach) {
    var groups = taken[reach.questions] ?? []
    if let index = groups.firstIndex(where: { $0.kinds == reach.kinds }) {
      groups[index].queues.formUnion(reach.queues)
    } else if groups.count < Self.comparedKinds {
      groups.append((reach.kinds, reach.queues))
    }
    taken[reach.questions] = groups
  }

  /// The queues that no stronger rule is sure to take.
  private func remainder(of reach: RuleReach) -> Shape {
    var rest = reach.queues
    for questions in Self.subsets(of: reach.questions) {
      for group in taken[questions] ?? [] where reach.kinds.isSubset(of: group.kinds) {
        rest = rest.subtracting(group.queues)
        if rest.bands.isEmpty { return rest }
      }
    }
    return rest
  }

  private static func subsets<Element>(of set: Set<Element>) -> [Set<Element>] {
    guard set.count <= combinedQuestions else { return [[], set] }
    var subsets: [Set<Element>] = [[]]
    for element in set { subsets += subsets.map { $0.union([element]) } }
    return subsets
  }

  private func shadows(of reach: RuleReach) -> [Int] {
    guard findings.count < Self.explained else { return [] }
    // One rule that takes all queues is named rather than several that do so together.
    for other in stronger where other.reach.includesCards(of: reach) {
      if reach.queues.subtracting(other.reach.queues).bands.isEmpty { return [other.index] }
    }
    var rest = reach.queues
    var indices: [Int] = []
    for other in stronger where other.reach.includesCards(of: reach) {
      let smaller = rest.subtracting(other.reach.queues)
      guard !rest.intersection(other.reach.queues).bands.isEmpty else { continue }
      rest = smaller
      indices.append(other.index)
      if rest.bands.isEmpty { break }
    }
    return indices
  }
}

extension RuleSet {
  /// A warning for each rule that never decides, whatever the machine.
  package func shadowWarnings() -> [Diagnostic] {
    ShadowedRules(self).findings.map { finding in
      let rule = rules[finding.index]
      return Diagnostic(
        .shadowedRule, about: rule,
        "the rule never decides: " + Self.sentence(rule, shadowedBy: finding.by.map { rules[$0] }))
    }
  }

  private static func sentence(_ rule: Rule, shadowedBy shadows: [Rule]) -> String {
    guard let first = shadows.first else {
      return "every queue that it matches is decided by stronger rules"
    }
    let names = shadows.map(\.location).map { location in
      location.file == rule.location.file ? "line \(location.line)" : location.fileAndLine
    }.shortList(of: 3)
    let reason =
      shadows.contains { $0.reserve.locks != first.reserve.locks }
      ? "which have := or are later"
      : first.reserve.locks
        ? "which \(shadows.count == 1 ? "has" : "have") :="
        : "which \(shadows.count == 1 ? "is" : "are") later"
    return "every queue that it matches is decided by \(names), \(reason)"
  }
}

/// What a rule requires, whatever the machine: which queues, which kinds of cards, and what else.
struct RuleReach {
  /// A question about a name, which only a machine can answer.
  struct Question: Hashable {
    var condition: Condition
    var isNegated: Bool
  }

  var queues = Shape.all
  var kinds = CardKinds.all
  var questions: Set<Question> = []

  init(_ rule: Rule) {
    for clause in rule.clauses {
      if let shape = Shape(clause) {
        queues = queues.intersection(shape)
      } else if let other = CardKinds(clause) {
        kinds = kinds.intersection(other)
      } else {
        questions.insert(Question(condition: clause.condition, isNegated: clause.isNegated))
      }
    }
  }

  /// Whether this rule matches wherever the other one does, as far as the queues are the same.
  func includesCards(of other: RuleReach) -> Bool {
    other.kinds.isSubset(of: kinds) && questions.isSubset(of: other.questions)
  }
}
