import APBus
import Reservation
import ReservationRules

/// Effects of rules on one machine that their author may not have intended, but for rules that decide nothing there.
struct MachineFindings {
  private(set) var diagnostics: [Diagnostic] = []
  private let assessment: Assessment
  private let rules: [Rule]

  init(_ assessment: Assessment) {
    self.assessment = assessment
    rules = assessment.decisions.rules.rules
    findOldHardware()
    findCollateral()
    findAcceptedCollateral()
    findMasterKeys()
    findGuests()
    findLPAR()
  }

  // MARK: - Master keys

  /// Master keys that rules do not expect, at these rules.
  private mutating func findMasterKeys() {
    for alarm in assessment.plan.warnings.compactMap(\.keyAlarm) {
      let rule = rules.first {
        $0.location.file == alarm.rule.file && $0.location.line == alarm.rule.line
      }
      guard let rule, let code = DiagnosticCode(rawValue: alarm.cause.rawValue) else { continue }
      diagnostics.append(Diagnostic(code, about: rule, alarm.description))
    }
  }

  // MARK: - Guests

  /// What the plan warns of about guests, at the files that define them.
  private mutating func findGuests() {
    for warning in assessment.plan.warnings {
      guard let place = warning.place, let code = DiagnosticCode(rawValue: warning.code)
      else { continue }
      // The place of a line ends in its number.
      let colon = place.lastIndex(of: ":")
      let line = colon.flatMap { Int(place[$0...].dropFirst()) }
      var diagnostic = Diagnostic(
        code, file: line == nil ? place : colon.map { String(place[..<$0]) } ?? place,
        warning.sentence(at: place))
      diagnostic.location.line = line ?? 1
      diagnostics.append(diagnostic)
    }
  }

  // MARK: - The LPAR

  /// How the machine differs from its LPAR as an HMC has it, at the rules that request what is not assigned.
  private mutating func findLPAR() {
    guard let lpar = assessment.lpar else { return }
    for finding in lpar.findings {
      guard let code = DiagnosticCode(rawValue: finding.kind.rawValue) else { continue }
      let rule = finding.rule.flatMap { place in rules.first { RuleReference($0) == place } }
      diagnostics.append(
        rule.map { Diagnostic(code, about: $0, finding.message) }
          ?? Diagnostic(code, file: lpar.configuration.file, finding.message))
    }
  }

  // MARK: - Requests that the machine cannot fulfil

  private mutating func findOldHardware() {
    let refusals = refusalsByRule {
      if case .hardwareTooOld = $0 { true } else { false }
    }
    for (index, refusals) in refusals {
      let types = Set(
        refusals.compactMap { assessment.inventory.card($0.apqn.adapter)?.hardwareType.rawValue })
      let names = types.sorted().map { "\($0)" }.joined(separator: ", ")
      diagnostics.append(
        Diagnostic(
          .hardwareTooOld, about: rules[index],
          "the rule reserves \(Self.list(refusals.map(\.apqn))) of hardware type \(names), but "
            + "vfio_ap takes only type 10 (CEX4) and newer; add HWTYPE==\"10-\""))
    }
  }

  private mutating func findCollateral() {
    let refusals = refusalsByRule {
      if case .inexpressible = $0 { true } else { false }
    }
    for (index, refusals) in refusals {
      guard let first = refusals.first else { continue }
      let others = refusals.dropFirst().map(\.apqn)
      diagnostics.append(
        Diagnostic(
          .collateral, about: rules[index],
          first.description + (others.isEmpty ? "" : "; likewise \(Self.list(others))")))
    }
  }

  /// The refusals of one kind, by the rule that decides for the queue.
  private func refusalsByRule(
    where isWanted: (Refusal.Reason) -> Bool
  ) -> [(index: Int, refusals: [Refusal])] {
    var groups: [Int: [Refusal]] = [:]
    for refusal in assessment.plan.refusals where isWanted(refusal.reason) {
      let decision = assessment.decisions.compactDecision(for: refusal.apqn)
      if let index = decision.ruleIndex { groups[index, default: []].append(refusal) }
    }
    return groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  // MARK: - Collateral that a rule accepts

  private mutating func findAcceptedCollateral() {
    let taken = APQNSet(
      assessment.plan.changes.lazy.filter { $0.cause == .collateral }.map(\.apqn))
    guard !taken.isEmpty else { return }
    for (index, requested) in acceptingRequests() {
      let rows = requested.adapters
      let columns = requested.domains
      let along = taken.filter { rows.contains($0.adapter) || columns.contains($0.domain) }
      guard !along.isEmpty else { continue }
      diagnostics.append(
        Diagnostic(
          .acceptedCollateral, about: rules[index],
          "the masks for this rule also take \(Self.list(along)) from the host"))
    }
  }

  private func acceptingRequests() -> [(index: Int, requested: APQNSet)] {
    var requests: [Int: APQNSet] = [:]
    for queue in assessment.inventory.queues {
      let decision = assessment.decisions.compactDecision(for: queue.apqn)
      guard decision.collateral == .accept, let index = decision.ruleIndex else { continue }
      requests[index, default: APQNSet()].insert(queue.apqn)
    }
    return requests.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// The queues as a rule would name them, the first few.
  private static func list(_ apqns: [APQN]) -> String {
    APQNRectangle.covering(apqns).shortList(of: 4)
  }
}

extension PlanWarning {
  /// The warning without the place that it begins with.
  fileprivate func sentence(at place: String) -> String {
    let prefix = place + ": "
    return description.hasPrefix(prefix) ? String(description.dropFirst(prefix.count)) : description
  }

  /// The file with the definition that it is about, `FILE` or `FILE:LINE`; nil for a warning of something else.
  fileprivate var place: String? {
    switch self {
    case .guest(let finding): finding.place.isEmpty ? nil : finding.place
    case .invalidDefinition(_, _, let place): place
    case .unreadableDefinitions(let unreadable): unreadable.place
    default: nil
    }
  }
}
