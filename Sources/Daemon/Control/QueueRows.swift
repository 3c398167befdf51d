import APBus
import JSONText
import Reports
import ReservationRules

/// Queues as values of the type `Queue` (`org.apreserve.varlink`).
struct QueueRows {
  let inventory: Inventory
  let decisions: DecisionTable

  /// The most queues in one answer: about a megabyte of text.
  static let limitOfOneReply = 4096

  /// The queues of a card.
  func json(_ adapter: UInt8) -> [JSONValue] {
    let card = inventory.card(adapter)
    return inventory.queues(ofCard: adapter).map { queue in
      let decision = decisions.decision(for: queue.apqn)
      let state = QueueState(queue, in: inventory)
      func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
      return .object([
        .init("name", .string(queue.apqn.description)),
        .init("adapter", .integer(queue.apqn.adapter)),
        .init("domain", .integer(queue.apqn.domain)),
        .init("type", text(card?.typeName)),
        .init("mode", text(card?.mode?.rawValue)),
        .init("owner", .string(queue.owner.rawValue)),
        .init("state", state == .unknown ? .null : .string(state.rawValue)),
        .init("mediatedDevice", text(inventory.mediatedDevice(holding: queue.apqn)?.uuid)),
        .init("reserve", .string(decision.reserve?.rawValue ?? "undecidable")),
        .init("rule", text(decision.rule?.location.fileAndLine)),
        .init("label", text(decision.name)),
      ])
    }
  }
}
