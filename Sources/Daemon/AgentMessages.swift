import APBus
import Agent
import HostSystem
import Reservation

/// Tells the journal what the agent does. It lives on the agent's thread.
final class AgentMessages: ActivityLog {
  private let log: any MessageLog
  private let time = HostTime()
  private var rate = MessageRate()
  /// The agent whose decisions name the rules.
  weak var agent: Agent?

  init(_ log: any MessageLog) {
    self.log = log
  }

  /// How many queues have been reserved.
  private(set) var reserved = 0

  func record(_ activity: Activity) {
    if case .moved(let changes) = activity { reserved += changes.count { $0.to == .vfioAP } }
    let messages = LogMessage.messages(
      activity, decisions: agent?.decisions, mechanism: agent?.choice?.mechanism)
    for message in messages { write(message) }
  }

  /// Tells what an agent that is given up leaves undone.
  func tellLeft(by agent: Agent) {
    guard let message = LogMessage.left(agent.undone, draining: agent.status.draining) else {
      return
    }
    log.write(message)
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
