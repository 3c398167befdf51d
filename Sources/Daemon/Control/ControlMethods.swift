import APBus
import Agent
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots

/// What the methods of `org.apreserve` and `org.varlink.service` answer.
struct ControlMethods {
  /// The status as of now.
  var status: () -> StatusDocument
  /// How long calls took so far.
  var calls: () -> CallTimes
  /// Reads rules and configuration again for a client; the answer to it.
  var reload: (LocalSocket.Peer) -> Reply
  /// Puts a change of the rules on trial for a time, and ends that; the answer to it.
  var tryRules: (RuleTrial.Change, Duration) -> Reply
  var endTrial: (RuleTrial.Outcome) -> Reply
  /// Reports that a client has asked for something.
  var noteRequest: (HistoryEntry.Action, LocalSocket.Peer) -> Void
  /// Asks the agent to change over to another mechanism for a client, and notifies a waiter when that is done or
  /// refused.
  var changeOver: (Mechanism, LocalSocket.Peer, any SettleWaiter) -> Void
  /// Notifies a waiter when the agent has reached that end; on request, everything is scanned first.
  var settle: (any SettleWaiter, PendingSettles.End, _ scansEverything: Bool) -> Void
  /// Notifies a waiter when everything has been scanned once more, or after a moment.
  var refresh: (any SettleWaiter) -> Void
  /// What was done.
  var history: HistoryKeeper
  /// Whether one more long answer is too many.
  var isAnsweringTooMuch: () -> Bool
  /// The answers that take long, made once as long as nothing has changed.
  private let plans = LastAnswer()
  private let states = LastAnswer()
  private let metricsMaker = MetricsMaker()

  init(
    status: @escaping () -> StatusDocument, calls: @escaping () -> CallTimes,
    reload: @escaping (LocalSocket.Peer) -> Reply,
    tryRules: @escaping (RuleTrial.Change, Duration) -> Reply,
    endTrial: @escaping (RuleTrial.Outcome) -> Reply,
    noteRequest: @escaping (HistoryEntry.Action, LocalSocket.Peer) -> Void,
    changeOver: @escaping (Mechanism, LocalSocket.Peer, any SettleWaiter) -> Void,
    settle: @escaping (any SettleWaiter, PendingSettles.End, Bool) -> Void,
    refresh: @escaping (any SettleWaiter) -> Void, history: HistoryKeeper,
    isAnsweringTooMuch: @escaping () -> Bool
  ) {
    self.status = status
    self.calls = calls
    self.reload = reload
    self.tryRules = tryRules
    self.endTrial = endTrial
    self.noteRequest = noteRequest
    self.changeOver = changeOver
    self.settle = settle
    self.refresh = refresh
    self.history = history
    self.isAnsweringTooMuch = isAnsweringTooMuch
  }

  func answer(_ call: Call, for peer: LocalSocket.Peer) -> Answer {
    switch call.method {
    case "org.varlink.service.GetInfo": return .reply(information)
    case "org.varlink.service.GetInterfaceDescription": return .reply(description(call))
    case "org.apreserve.GetStatus": return .reply(statusReply)
    case "org.apreserve.GetMetrics":
      guard !isAnsweringTooMuch() else { return .reply(busy) }
      return .reply(
        Reply([.init("text", .string(metricsMaker.metrics(of: status(), calls: calls()).text))]))
    case "org.apreserve.GetHistory":
      guard !isAnsweringTooMuch() else { return .reply(busy) }
      return .reply(Reply([.init("moves", .array(history.history.moves.map(\.json)))]))
    case "org.apreserve.ListHistory":
      guard !isAnsweringTooMuch() else { return .reply(busy) }
      return .reply(listHistory(call))
    case "org.apreserve.ListQueues": return list(call)
    case "org.apreserve.GetRequests": return .reply(requests(call))
    case "org.apreserve.Explain": return .reply(explain(call))
    case "org.apreserve.Plan": return plan
    case "org.apreserve.GetPlanningState": return planningState(for: peer)
    case "org.apreserve.GetRules":
      return .reply(
        Reply([
          .init("version", .string(ProgramVersion.text)), .init("rules", status().heldRules.json),
        ]))
    case "org.apreserve.Reload":
      return .reply(ControlPermission.mayChange(peer) ? reload(peer) : .permissionDenied)
    case "org.apreserve.TryRules":
      return .reply(ControlPermission.mayChange(peer) ? tryRules(call) : .permissionDenied)
    case "org.apreserve.ConfirmRules":
      return .reply(
        ControlPermission.mayChange(peer) ? endTrial(.confirmed) : .permissionDenied)
    case "org.apreserve.TakeBackRules":
      return .reply(
        ControlPermission.mayChange(peer) ? endTrial(.takenBack) : .permissionDenied)
    case "org.apreserve.Apply":
      return ControlPermission.mayChange(peer) ? apply(call, for: peer) : .reply(.permissionDenied)
    case "org.apreserve.ChangeOver":
      return ControlPermission.mayChange(peer)
        ? changeover(call, for: peer) : .reply(.permissionDenied)
    case "org.apreserve.Settle":
      // A scan of everything costs the machine something, so it is not for everybody.
      let scans = ControlPermission.mayChange(peer)
      return .later {
        settle(ReplyWaiter(reply: $0, message: { statusReply.message }), .settled, scans)
      }
    default:
      let isKnown = InterfaceDescription.all.contains { $0.name == call.interface }
      return .reply(isKnown ? .methodNotFound(call.method) : .interfaceNotFound(call.interface))
    }
  }

  private func tryRules(_ call: Call) -> Reply {
    guard let seconds = call["seconds"]?.integer,
      (1...Int(RuleTrial.longestTime.components.seconds)).contains(seconds)
    else { return .invalidParameter("seconds") }
    switch call["next"] {
    case nil, .null, .bool(false): return tryRules(.last, .seconds(seconds))
    case .bool(true): return tryRules(.next, .seconds(seconds))
    default: return .invalidParameter("next")
    }
  }

  /// What is asked for is in the history under the name of the client's command.
  private func apply(_ call: Call, for peer: LocalSocket.Peer) -> Answer {
    var action = HistoryEntry.Action.apply
    switch call["command"] {
    case nil, .null: break
    case .string(let name):
      guard let asked = HistoryEntry.Action(rawValue: name), asked != .reload,
        asked != .changeover
      else { return .reply(.invalidParameter("command")) }
      action = asked
    default: return .reply(.invalidParameter("command"))
    }
    noteRequest(action, peer)
    return .later { settle(ReplyWaiter(reply: $0, message: { statusReply.message }), .idle, true) }
  }

  private var information: Reply {
    Reply([
      .init("vendor", "apreserve"), .init("product", "apreserve"),
      .init("version", .string(ProgramVersion.text)), .init("url", ""),
      .init("interfaces", .array(InterfaceDescription.all.map { .string($0.name) })),
    ])
  }

  private func description(_ call: Call) -> Reply {
    guard let name = call["interface"]?.text else { return .invalidParameter("interface") }
    guard let interface = InterfaceDescription.all.first(where: { $0.name == name }) else {
      return .interfaceNotFound(name)
    }
    return Reply([.init("description", .string(interface.text))])
  }

  private func changeover(_ call: Call, for peer: LocalSocket.Peer) -> Answer {
    guard let target = call["mechanism"]?.text.flatMap({ Mechanism(rawValue: $0) }),
      target != .bind
    else { return .reply(.invalidParameter("mechanism")) }
    if let contradiction = Configuration(applied: status().settings)
      .contradiction(toChangingOverTo: target)
    {
      return .reply(.changeoverRefused(contradiction, plan: nil))
    }
    return .later {
      changeOver(
        target, peer, ReplyWaiter(reply: $0, message: { changeoverReply(to: target).message }))
    }
  }

  /// How the changeover was decided; the status is that after it.
  private func changeoverReply(to target: Mechanism) -> Reply {
    let status = status()
    let report = status.board.report
    switch report.changeover {
    case .begun: return statusReply
    case .unavailable(let error): return .changeoverFailed("\(error)")
    case .failed(let sentence): return .changeoverFailed(sentence)
    case .refused(let choice, let plan):
      var context = PlanningContext(configuration: report.configuration)
      context.changeover = target
      guard let inventory = report.inventory, let decisions = report.decisions else {
        return noInventory
      }
      let document = PlanReport(
        Assessment(
          inventory: inventory, decisions: decisions, choice: choice, plan: plan,
          requests: report.status.requests, ownership: report.ownership, context: context,
          settings: status.settings))
      return .changeoverRefused(document.changeoverRefusal ?? "", plan: document.json)
    case nil:
      if let obstacle = report.status.obstacle { return .changeoverFailed("\(obstacle)") }
      guard report.inventory != nil else { return noInventory }
      return .changeoverFailed("\(report.status)")
    }
  }

  private var statusReply: Reply { Reply([.init("status", status().json)]) }

  /// The answer while nothing is known of the machine: without a bus, before its first scan, or since something is
  /// in the way.
  private var noInventory: Reply {
    status().board.status.obstacle.map { .blocked("\($0)") }
      ?? Reply(error: "org.apreserve.NoInventory")
  }

  private var assessment: Assessment? { status().assessment }

  private func requests(_ call: Call) -> Reply {
    var texts: [String: String] = [:]
    for name in ["queues", "label", "guest"] {
      guard let value = call[name] else { continue }
      guard let text = value.text else { return .invalidParameter(name) }
      texts[name] = text
    }
    var filter = RequestFilter(label: texts["label"], guest: texts["guest"])
    if let text = texts["queues"] {
      guard let pattern = try? APQNPattern(text) else { return .invalidParameter("queues") }
      filter.queues = pattern
    }
    let board = status().board
    guard let decisions = board.report.decisions else { return noInventory }
    let answer = board.status.requests.matching(
      filter, on: board.report.inventory ?? .empty, by: decisions,
      ownership: board.report.ownership, configuration: board.report.configuration)
    let groups = OpenRequest.groups(of: answer.open).prefix(StatusDocument.listLimit)
    return Reply([
      .init("requested", .integer(answer.count)),
      .init("reserved", .integer(answer.count - answer.open.count)),
      .init(
        "openRequests",
        JSONForm.list(of: .object(OpenRequest.Group.layout(limit: StatusDocument.listLimit)))
          .json(Array(groups))),
      .init("problems", .array(answer.problems.map { .string($0) })),
    ])
  }

  private func explain(_ call: Call) -> Reply {
    guard let apqn = call["queue"]?.text.flatMap({ APQN($0) }) else {
      return .invalidParameter("queue")
    }
    guard let assessment else { return noInventory }
    return Reply([.init("explanation", Explanation(apqn, in: assessment).json)])
  }

  private func listHistory(_ call: Call) -> Reply {
    var start: HistoryStart?
    if let value = call["since"] {
      start = value.text.flatMap { HistoryStart(word: $0) }
      guard start != nil else { return .invalidParameter("since") }
    }
    return Reply([.init("entries", .array(history.entries(since: start).map(\.json)))])
  }

  private var plan: Answer {
    guard !isAnsweringTooMuch() else { return .reply(busy) }
    return .message(
      plans.message(asOf: status().revision) {
        guard let assessment else { return noInventory }
        return Reply([.init("plan", PlanReport(assessment).json)])
      })
  }

  /// What sends no event, such as a guest's start, is seen only by a scan, which costs the machine something: it is
  /// made for those who may.
  private func planningState(for peer: LocalSocket.Peer) -> Answer {
    guard !isAnsweringTooMuch() else { return .reply(busy) }
    guard ControlPermission.mayChange(peer) else { return .message(planningState) }
    return .later { refresh(ReplyWaiter(reply: $0, message: { planningState })) }
  }

  private var planningState: [UInt8] {
    let status = status()
    return states.message(asOf: status.revision) {
      guard let state = status.planningState else { return noInventory }
      return Reply([
        .init("version", .string(ProgramVersion.text)), .init("state", state.json),
      ])
    }
  }

  private var busy: Reply { Reply(error: "org.apreserve.Busy") }

  /// The most queues in one answer: about a megabyte of text.
  private static let queueLimit = 4096

  private func list(_ call: Call) -> Answer {
    guard let assessment else { return .reply(noInventory) }
    let rows = QueueList(assessment)
    var adapters = rows.adapters.map(\.self)
    if let value = call["adapter"] {
      guard let number = value.integer.flatMap({ UInt8(exactly: $0) }) else {
        return .reply(.invalidParameter("adapter"))
      }
      adapters = adapters.filter { $0 == number }
    }
    guard call.wantsMore else {
      guard rows.count(ofCards: adapters) <= Self.queueLimit else { return .reply(.expectedMore) }
      return .reply(Reply([.init("queues", .array(adapters.flatMap(rows.json(ofCard:))))]))
    }
    guard !isAnsweringTooMuch() else { return .reply(busy) }
    var rest = adapters[...]
    return .replies {
      let queues = rest.popFirst().map(rows.json(ofCard:)) ?? []
      return Reply([.init("queues", .array(queues))], continues: !rest.isEmpty)
    }
  }
}

/// An answer that is made once for as long as nothing has changed, however often it is asked for: on a
/// large machine it can take megabytes, and a good part of a second.
private final class LastAnswer {
  private var revision: StatusDocument.Revision?
  private var message: [UInt8] = []

  /// The message as of a revision; made again where that is another one.
  func message(asOf revision: StatusDocument.Revision, make: () -> Reply) -> [UInt8] {
    if self.revision != revision {
      message = make().message
      self.revision = revision
    }
    return message
  }
}

/// A client that waits, and is answered with what is true at the end of the wait.
private struct ReplyWaiter: SettleWaiter {
  let reply: PendingReply
  let message: () -> [UInt8]

  var isThere: Bool { reply.isWanted }

  func finish() { reply.send(message()) }
}
