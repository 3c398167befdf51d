import APBus
package import Reservation
import ReservationRules

/// Effects of rules on machines that their author may not have intended.
///
/// The machines are added one by one, and only what was found is kept of them.
package struct FleetFindings {
  /// The machines, in a few words each.
  private var machines: [String] = []
  /// What was found on machines, each once, with these.
  private var findings: [(diagnostic: Diagnostic, machines: [String])] = []
  private var places: [Diagnostic: Int] = [:]
  private var rules: [Rule] = []
  /// The rules that decide nothing on any machine, by index, with the reason that says most.
  private var idle: [Int: (reason: IdleRules.Reason, machine: String)] = [:]

  package init() {}

  /// What there is to say of one machine.
  package init(_ assessment: Assessment) {
    self.init()
    add(assessment, named: "this machine")
  }

  /// Adds a machine, which all are assessed by the same rules.
  package mutating func add(_ assessment: Assessment, named name: String) {
    for diagnostic in MachineFindings(assessment).diagnostics {
      if let place = places[diagnostic] {
        findings[place].machines.append(name)
      } else {
        places[diagnostic] = findings.count
        findings.append((diagnostic, [name]))
      }
    }
    var rulesThere = IdleRules(
      assessment.decisions, present: assessment.inventory.queues.lazy.map(\.apqn))
    let idleThere = Dictionary(uniqueKeysWithValues: rulesThere.findings())
    if machines.isEmpty {
      rules = assessment.decisions.rules.rules
      idle = idleThere.mapValues { ($0, name) }
    } else {
      // Where a rule is for the host, it says more why it decides nothing.
      idle = idle.filter { idleThere[$0.key] != nil }
      for (index, reason) in idleThere where idle[index]?.reason.isOtherHost == true {
        if !reason.isOtherHost { idle[index] = (reason, name) }
      }
    }
    machines.append(name)
  }

  /// The findings in no particular order.
  var diagnostics: [Diagnostic] {
    let isOne = machines.count == 1
    let others = findings.map { finding in
      var diagnostic = finding.diagnostic
      if !isOne {
        diagnostic.message = "\(finding.machines.shortList(of: 3)): \(diagnostic.message)"
      }
      return diagnostic
    }
    return idle.sorted { $0.key < $1.key }.compactMap { index, finding in
      // On one machine alone, a rule for another host is not idle: nothing is known of that host.
      if isOne, finding.reason.isOtherHost { return nil }
      let start =
        isOne
        ? "the rule decides no queue of this machine: "
        : "the rule decides no queue of these \(machines.count) machines: "
          + (finding.reason.isOtherHost ? "" : "on \(finding.machine), ")
      return Diagnostic(.idleRule, about: rules[index], start + finding.reason.sentence)
    } + others
  }

  /// How many machines there are.
  package var count: Int { machines.count }
}

extension IdleRules.Reason {
  var isOtherHost: Bool {
    if case .otherHost = self { true } else { false }
  }

  var sentence: String {
    switch self {
    case .otherHost(let clause): "none of them matches \(clause.text.printable)"
    case .noQueueSatisfies(let clause): "no queue matches \(clause.text.printable)"
    case .noQueueSatisfiesAll: "no queue matches all of its clauses"
    case .unknown(let clause): "\(clause.text.printable) is unknown now"
    case .undecidable: "the queues that match are undecidable now"
    case .decided(let locations):
      "the queues that match are decided by "
        + locations.map(\.shortFileAndLine).shortList(of: 3)
    }
  }
}
