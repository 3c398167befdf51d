import Reports
package import APBus
package import Agent
package import HostSystem
package import Reservation
import ReservationRules

/// Writes the agent's events to the journal. It lives on the agent's thread.
package final class AgentJournal {
  private let log: any MessageLog
  private let time = HostTime()
  private var rate = MessageRate()
  /// How many queues have been reserved.
  private(set) var reserved = 0

  package init(_ log: any MessageLog) {
    self.log = log
  }

  package func note(_ event: Agent.Event) {
    if case .moved(let moves) = event { reserved += moves.count { $0.to == .vfioAP } }
    for message in LogMessage.messages(event) { write(message) }
  }

  /// Reports what an agent that is given up leaves undone.
  package func noteLeft(by agent: Agent) {
    guard let message = LogMessage.left(agent.undone, draining: agent.status.draining) else {
      return
    }
    log.write(message)
  }

  /// Reports that a changeover that was requested is refused.
  func noteRefusedChangeover(to mechanism: Mechanism, because refusals: [Refusal]) {
    let others = refusals.count - 1
    log.write(
      LogMessage(
        .warning, .changeoverRefused,
        "the changeover to \(mechanism.rawValue) is refused: \(refusals.first?.description ?? "")"
          + (others > 0 ? "; \(counted(others, "queue")) more" : ""),
        fields: [.init("AP_MECHANISM", mechanism.rawValue)]
          + refusals.prefix(100).map { .init("AP_QUEUE", $0.apqn.description) }))
  }

  private func write(_ message: LogMessage) {
    guard message.level <= .warning else { return log.write(message) }
    switch rate.verdict(message.kind.identifier, now: time.now) {
    case .suppress(isFirst: false): break
    case .suppress(isFirst: true):
      log.write(
        LogMessage(
          .warning, .suppressed,
          "more messages like the last one are left out for a while; \"apreserve status\" has them all"
        ))
    case .write(let suppressed):
      if suppressed > 0 {
        log.write(
          LogMessage(
            .warning, .suppressed,
            "\(suppressed) messages like the next one were left out"))
      }
      log.write(message)
    }
  }
}

extension LogMessage {
  /// The journal's messages of an event: none of plans and of writes that the kernel took, since the moves
  /// that they lead to are reported.
  package static func messages(_ event: Agent.Event) -> [LogMessage] {
    switch event {
    case .planned, .wrote(_, error: nil), .refusalsEnded: []
    case .entered(let phase, from: let last): entered(phase, from: last)
    case .chose(let choice):
      [
        LogMessage(
          .notice, .mechanism, "queues are moved by \(choice.mechanism.rawValue): \(choice.reason)",
          fields: [Field("AP_MECHANISM", choice.mechanism.rawValue)])
      ]
    case .wrote(let step, let error?): [writeRefused(step, with: error)]
    case .moved(let moves), .boundAtLoading(let moves), .unboundAtUnloading(let moves):
      moved(moves)
    case .failed(let failure, _, let pause): failed(failure, pause: pause)
    case .refused(let refusal, let rule):
      [
        LogMessage(
          .warning, .refused, refusal.description,
          fields: [Field("AP_QUEUE", refusal.apqn.description), Field("AP_ACTION", "refuse")]
            + fields(of: rule.map { RuleReference($0) }))
      ]
    case .requestsChanged(let changes): requests(changes)
    case .movedByOthers(let moves):
      moves.transitions.flatMap { transition, apqns in
        fieldSets(of: apqns).map {
          LogMessage(
            .warning, .movedByOthers, "\(apqns.shortList()) \(transition.clause)",
            fields: $0 + fields(of: transition))
        }
      }
    case .takenOnArrival(let moves):
      fieldSets(of: moves.map(\.apqn)).map {
        LogMessage(
          .warning, .takenOnArrival, moves.arrivalSentence,
          fields: $0 + [Field("AP_ACTION", "arrive")])
      }
    case .warned(.unanswered(let adapter, let read)):
      [
        LogMessage(
          .warning, .cardSilent, PlanWarning.unanswered(adapter, read).description,
          fields: [
            Field("AP_CARD", BusObject.cardName(adapter)), Field("AP_PATH", read.path.description),
          ])
      ]
    case .answered(let adapters):
      [
        LogMessage(
          .notice, .cardAnswers, AgentEventReport.sentence(ofAnswering: adapters),
          fields: adapters.map { Field("AP_CARD", BusObject.cardName($0)) })
      ]
    case .warned(.masterKey(let alarm)):
      fieldSets(of: alarm.apqns).map {
        LogMessage(
          .warning, .keyAlarm, alarm.description,
          fields: $0 + [
            Field("AP_KEY", alarm.kind.rawValue), Field("AP_ALARM", alarm.cause.rawValue),
            Field("AP_EXPECTED", alarm.expected),
          ] + (alarm.found.pattern.map { [Field("AP_MKVP", $0.description)] } ?? [])
            + Self.fields(of: alarm.rule))
      }
    case .keysChanged(let changes):
      KeyChangeGroup.groups(of: changes).flatMap { group in
        fieldSets(of: group.apqns).map {
          LogMessage(
            .warning, .keyChanged, group.sentence,
            fields: $0 + [Field("AP_REGISTER", group.register.description)]
              + (group.content.pattern.map { [Field("AP_MKVP", $0.description)] } ?? []))
        }
      }
    case .warned(let warning): [LogMessage(.warning, .warned, warning.description)]
    case .draining(let apqn, let requests):
      [
        LogMessage(
          .info, .draining,
          "\(apqn) has \(counted(requests, "request")) to finish before it is moved",
          fields: queues([apqn]) + [Field("AP_ACTION", "drain")])
      ]
    case .waiting(let requests, let driver):
      [
        LogMessage(
          .notice, .waiting,
          "\(requests.map(\.apqn).shortList()) \(requests.count == 1 ? "waits" : "wait") until \(driver) is loaded",
          fields: queues(requests.map(\.apqn)) + [Field("AP_ACTION", "wait")])
      ]
    }
  }

  /// What the agent waits for, or what blocks it. The phases in which it works show in its other events.
  private static func entered(
    _ phase: Agent.Status.Phase, from last: Agent.Status.Phase
  ) -> [LogMessage] {
    switch phase {
    case .withoutBus: return [LogMessage(.info, .withoutBus, "waiting for an AP bus")]
    case .beforeFirstScan:
      return [LogMessage(.info, .beforeFirstScan, "waiting for the first scan of the AP bus")]
    case .blocked(let obstacle): return [LogMessage(.error, .problem, "\(obstacle)")]
    case .starting, .moving, .applying, .settled, .retrying:
      guard case .blocked = last else { return [] }
      return [LogMessage(.notice, .problem, "no longer blocked; the rules are applied again")]
    }
  }

  /// The message of a program that stops before all is done; nil where nothing is left.
  package static func left(_ operations: [Operation], draining: [APQN]) -> LogMessage? {
    let apqns = Set(operations.flatMap(\.changes).map(\.apqn) + draining).sorted()
    guard !operations.isEmpty || !draining.isEmpty else { return nil }
    let what = apqns.isEmpty ? "masks" : apqns.shortList()
    var sentence =
      "stopped before \(what) could be moved; that is done when apreserve is started again"
    if !draining.isEmpty {
      sentence += "; switched on again after draining: \(draining.shortList())"
    }
    return LogMessage(.notice, .left, sentence, fields: queues(apqns))
  }

  private static func writeRefused(_ step: Step, with error: SysfsError) -> LogMessage {
    LogMessage(
      .warning, .writeRefused, error.description,
      fields: [
        Field("AP_PATH", error.path.description), Field("AP_TEXT", step.text.filter { $0 != "\n" }),
        Field("AP_ERRNO", error.errno.name),
      ])
  }

  /// The first failure, and then ever fewer of the next ones: they say the same.
  private static func failed(_ failure: Failure, pause: Duration?) -> [LogMessage] {
    guard failure.attempts.nonzeroBitCount <= 1 else { return [] }
    let outlook =
      pause.map { "next try in \($0.components.seconds) s" } ?? "not tried again"
    let count = failure.attempts > 1 ? ", \(failure.attempts) times in a row" : ""
    let subject: [APQN] =
      switch failure.subject {
      case .masks: []
      case .queue(let apqn), .online(let apqn): [apqn]
      }
    return fieldSets(of: failure.missed.isEmpty ? subject : failure.missed).map {
      LogMessage(.error, .failed, "\(failure)\(count); \(outlook)", fields: $0)
    }
  }

  /// A message for each way and reason, with the rule where one asked for it.
  private static func moved(_ moves: [Agent.Move]) -> [LogMessage] {
    struct Kind: Hashable {
      var transition: OwnerTransition
      var rule: RuleReference?
      var mechanism: Mechanism?
    }
    let kinds = Dictionary(grouping: moves) { move in
      let isRequested =
        move.cause == .wanted || move.cause == .givenBack || move.foreign == .loading
        || move.foreign == .unloading
      return Kind(
        transition: move.transition, rule: isRequested ? move.rule : nil, mechanism: move.mechanism)
    }
    let sorted = kinds.map { (kind: $0.key, apqns: $0.value.map(\.apqn).sorted()) }
      .sorted { $0.apqns.lexicographicallyPrecedes($1.apqns) }
    return sorted.flatMap { kind, apqns in
      var fields = [Field("AP_ACTION", kind.transition.to == .vfioAP ? "reserve" : "release")]
      fields += Self.fields(of: kind.transition) + Self.fields(of: kind.rule)
      if let mechanism = kind.mechanism { fields.append(Field("AP_MECHANISM", mechanism.rawValue)) }
      return fieldSets(of: apqns).map {
        LogMessage(
          .notice, .moved, "\(apqns.shortList()) \(kind.transition.clause)", fields: $0 + fields)
      }
    }
  }

  private static func requests(_ changes: [Agent.RequestChange]) -> [LogMessage] {
    RequestChangeGroup.groups(of: changes).flatMap { group in
      fieldSets(of: group.apqns).map { fields in
        LogMessage(
          group.isStuck ? .warning : .notice, group.isStuck ? .requestStuck : .requestFreed,
          group.sentence,
          fields: fields + [Field("AP_STATE", group.to.rawValue)]
            + Self.fields(of: group.rule.map { RuleReference($0) }))
      }
    }
  }

  private static func fields(of transition: OwnerTransition) -> [Field] {
    [Field("AP_FROM", transition.from.rawValue), Field("AP_TO", transition.to.rawValue)]
  }

  private static func fields(of rule: RuleReference?) -> [Field] {
    guard let rule else { return [] }
    return [Field("AP_RULE", rule.fileAndLine)]
      + [("AP_LABEL", rule.label), ("AP_RULE_HASH", rule.textHash)].compactMap { name, value in
        value.map { Field(name, $0) }
      }
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
}

/// Bounds how many messages of a kind are written: a broken adapter of 85 queues says the same thing 85
/// times, again and again.
struct MessageRate: Equatable, Sendable {
  /// How many of a kind are written within `interval`.
  var burst = 20
  /// When counting begins again.
  var interval = Duration.seconds(30)

  private struct Window: Equatable {
    var start: Instant
    var count = 0
    var suppressed = 0
  }

  private var windows: [String: Window] = [:]

  /// What to do with a message.
  enum Verdict: Equatable {
    /// Write it; before it, say how many of its kind were left out meanwhile.
    case write(suppressed: Int)
    /// Leave it out; before the first one, say that this begins.
    case suppress(isFirst: Bool)
  }

  /// Decides about a message of that kind.
  mutating func verdict(_ kind: String, now: Instant) -> Verdict {
    var window = windows[kind] ?? Window(start: now)
    var suppressed = 0
    if now - window.start >= interval {
      suppressed = window.suppressed
      window = Window(start: now)
    }
    window.count += 1
    let isWritten = window.count <= burst
    if !isWritten { window.suppressed += 1 }
    windows[kind] = window
    return isWritten
      ? .write(suppressed: suppressed) : .suppress(isFirst: window.suppressed == 1)
  }
}
