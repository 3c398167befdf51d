package import Agent
package import APBus
package import HostSystem
package import Reservation
package import ReservationRules

extension LogMessage {
  /// What is to be told of an activity: nothing of plans and of writes that went well, since the moves
  /// that they lead to are told.
  package static func messages(
    _ activity: Activity, decisions: DecisionTable?, mechanism: Mechanism? = nil
  ) -> [LogMessage] {
    switch activity {
    case .planned, .wrote(_, error: nil): []
    case .chose(let choice):
      [
        LogMessage(
          .notice, .mechanism, "queues are moved by \(choice.mechanism.rawValue): \(choice.reason)",
          fields: [Field("AP_MECHANISM", choice.mechanism.rawValue)])
      ]
    case .wrote(let step, let error?): [writeRefused(step, error)]
    case .moved(let changes): moved(changes, decisions, mechanism)
    case .failed(let failure, let pause): failed(failure, pause)
    case .refused(let refusal):
      [
        LogMessage(
          .warning, .refused, refusal.description,
          fields: [Field("AP_QUEUE", refusal.apqn.description), Field("AP_ACTION", "refuse")]
            + rule(of: refusal.apqn, decisions))
      ]
    case .movedByOthers(let changes):
      [
        LogMessage(
          .warning, .movedByOthers,
          "somebody else has moved \(names(changes.map(\.apqn))) away from vfio_ap",
          fields: queues(changes.map(\.apqn)))
      ]
    case .takenOnArrival(let changes):
      fieldSets(of: changes.map(\.apqn)).map { fields in
        LogMessage(
          .warning, .takenOnArrival,
          "\(names(changes.map(\.apqn))) came and went to vfio_ap although no rule reserves "
            + (changes.count == 1 ? "it" : "them"),
          fields: fields + [Field("AP_ACTION", "arrive")])
      }
    case .warned(let warning): [LogMessage(.warning, .warned, warning.description)]
    case .draining(let apqn, let requests):
      [
        LogMessage(
          .info, .draining, "\(apqn) has \(requests) requests to finish before it is moved",
          fields: queues([apqn]) + [Field("AP_ACTION", "drain")])
      ]
    case .waiting(let apqns, let driver):
      [
        LogMessage(
          .notice, .waiting,
          "\(names(apqns)) \(apqns.count == 1 ? "waits" : "wait") until \(driver) is loaded",
          fields: queues(apqns) + [Field("AP_ACTION", "wait")])
      ]
    }
  }

  /// What is told when a program stops before all is done; nil where nothing is left.
  package static func left(_ operations: [Operation], draining: [APQN]) -> LogMessage? {
    let apqns = Set(operations.flatMap(\.changes).map(\.apqn) + draining).sorted()
    guard !operations.isEmpty || !draining.isEmpty else { return nil }
    let what = apqns.isEmpty ? "masks" : names(apqns)
    var sentence =
      "stopped before \(what) could be moved; that is done when apreserve is started again"
    if !draining.isEmpty { sentence += "; switched on again after draining: \(names(draining))" }
    return LogMessage(.notice, .left, sentence, fields: queues(apqns))
  }

  private static func writeRefused(_ step: Step, _ error: SysfsError) -> LogMessage {
    LogMessage(
      .warning, .writeRefused, error.description,
      fields: [
        Field("AP_PATH", error.path.description), Field("AP_TEXT", step.text.filter { $0 != "\n" }),
        Field("AP_ERRNO", error.errno.name),
      ])
  }

  private static func failed(_ failure: Failure, _ pause: Duration?) -> [LogMessage] {
    let outlook =
      pause.map { "next try in \($0.components.seconds) s" } ?? "not tried again"
    let subject: [APQN] =
      switch failure.subject {
      case .masks: []
      case .queue(let apqn), .online(let apqn): [apqn]
      }
    return fieldSets(of: failure.missed.isEmpty ? subject : failure.missed).map {
      LogMessage(.error, .failed, "\(failure); \(outlook)", fields: $0)
    }
  }

  /// A message for each way that queues go, with the rule behind it where one asked for that.
  private static func moved(
    _ changes: [OwnerChange], _ decisions: DecisionTable?, _ mechanism: Mechanism?
  ) -> [LogMessage] {
    struct Way: Hashable {
      var from: Owner
      var to: Owner
      var reason: String?
      var rule: String?
    }
    let ways = Dictionary(grouping: changes) { change in
      let rule = decisions?.decision(for: change.apqn).rule?.location.fileAndLine
      return switch change.cause {
      case .wanted, .givenBack: Way(from: change.from, to: change.to, reason: rule, rule: rule)
      case .collateral: Way(from: change.from, to: change.to, reason: "collateral")
      case .sideEffect:
        Way(from: change.from, to: change.to, reason: "side effect of the mask write")
      }
    }
    let sorted = ways.map { (way: $0.key, apqns: $0.value.map(\.apqn).sorted()) }
      .sorted { $0.apqns.lexicographicallyPrecedes($1.apqns) }
    return sorted.flatMap { way, apqns in
      let text =
        "\(names(apqns)) moved from \(way.from.rawValue) to \(way.to.rawValue)"
        + (way.reason.map { " (\($0))" } ?? "")
      var fields = [
        Field("AP_ACTION", way.to == .vfioAP ? "reserve" : "release"),
        Field("AP_FROM", way.from.rawValue), Field("AP_TO", way.to.rawValue),
      ]
      if let rule = way.rule { fields.append(Field("AP_RULE", rule)) }
      if let mechanism { fields.append(Field("AP_MECHANISM", mechanism.rawValue)) }
      return fieldSets(of: apqns).map {
        LogMessage(.notice, .moved, text, fields: $0 + fields)
      }
    }
  }

  private static func rule(of apqn: APQN, _ decisions: DecisionTable?) -> [Field] {
    guard let rule = decisions?.decision(for: apqn).rule else { return [] }
    return [Field("AP_RULE", rule.location.fileAndLine)]
  }

  /// The journal takes a field several times, and 256 of them are not too many for it.
  private static func queues(_ apqns: [APQN]) -> [Field] {
    apqns.prefix(fieldLimit).map { Field("AP_QUEUE", $0.description) }
  }

  private static let fieldLimit = 256

  /// As many sets of fields as it takes to name every queue; one where there is none.
  private static func fieldSets(of apqns: [APQN]) -> [[Field]] {
    guard !apqns.isEmpty else { return [[]] }
    return stride(from: 0, to: apqns.count, by: fieldLimit).map { start in
      queues(Array(apqns[start...]))
    }
  }

  private static func names(_ apqns: [APQN]) -> String {
    let shown = apqns.prefix(8).map(\.description).joined(separator: ", ")
    return apqns.count > 8 ? "\(shown) and \(apqns.count - 8) more" : shown
  }
}
