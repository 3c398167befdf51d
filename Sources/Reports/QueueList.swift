package import APBus
package import JSONText
package import ReservationRules

/// All queues of a machine as a table: who has each, what it does, what the rules want.
package struct QueueList {
  private let inventory: Inventory
  private let decisions: DecisionTable

  /// The queues of `inventory`.
  package init(inventory: Inventory, decisions: DecisionTable) {
    self.inventory = inventory
    self.decisions = decisions
  }

  /// The table. The column HMC has adapter and domain in decimal, as the HMC shows them.
  package func text(style: TextStyle) -> String {
    var table = TextTable(headings: [
      "QUEUE", "HMC", "TYPE", "MODE", "OWNER", "STATE", "RESERVE", "RULE", "NAME",
    ])
    for queue in inventory.queues {
      let card = inventory.card(queue.apqn.adapter)
      let decision = decisions.decision(for: queue.apqn)
      let state = QueueState(queue, in: inventory)
      table.append([
        .init(queue.apqn.description),
        .init("\(queue.apqn.adapter).\(queue.apqn.domain)", .faint),
        .init(card?.typeName ?? "-"),
        .init(card?.mode?.rawValue ?? "-"),
        .init(queue.owner.rawValue, Ink(queue.owner)),
        .init(state.rawValue, state.isProblem ? .problem : nil),
        .init(decision.request, decision.reserve == nil ? .problem : nil),
        .init(decision.rule?.location.shortFileAndLine ?? "-"),
        .init(decision.name?.printable ?? ""),
      ])
    }
    return table.lines(style: style).map { $0 + "\n" }.joined()
  }

  /// The same for programs.
  package var json: JSONValue {
    JSONObject.document("list") {
      $0.set("queues", .array(inventory.queues.map(json)))
    }
  }

  /// The queues of a card for programs: values of the type `Queue` (`org.apreserve.varlink`).
  package func json(ofCard adapter: UInt8) -> [JSONValue] {
    inventory.queues(ofCard: adapter).map(json)
  }

  private func json(_ queue: Queue) -> JSONValue {
    let card = inventory.card(queue.apqn.adapter)
    return JSONObject.make {
      $0.set("name", text: queue.apqn.description)
      $0.set("adapter", number: queue.apqn.adapter)
      $0.set("domain", number: queue.apqn.domain)
      $0.set("type", text: card?.typeName)
      $0.set("hwtype", number: card?.hardwareType.rawValue)
      $0.set("mode", text: card?.mode?.rawValue)
      $0.set("owner", text: queue.owner.rawValue)
      $0.set("driver", text: queue.driver)
      let state = QueueState(queue, in: inventory)
      $0.set("state", text: state == .unknown ? nil : state.rawValue)
      $0.set("mediatedDevice", text: inventory.mediatedDevice(holding: queue.apqn)?.uuid)
      decisions.decision(for: queue.apqn).write(to: &$0)
    }
  }
}

extension QueueState {
  /// Whether nobody can use the queue now.
  fileprivate var isProblem: Bool {
    switch self {
    case .offline, .deconfigured, .checkStopped, .unbound: true
    case .online, .unassigned, .assigned, .inUse, .unknown: false
    }
  }
}

/// What a queue is doing, in one word.
package enum QueueState: String, Hashable, Sendable, CaseIterable {
  /// With the host and usable.
  case online
  /// With the host and switched off.
  case offline
  /// Not configured, on itself or its card.
  case deconfigured = "deconfig"
  /// Check-stopped, on itself or its card.
  case checkStopped = "chkstop"
  /// On `vfio_ap`, in no mediated device.
  case unassigned
  /// In a mediated device.
  case assigned
  /// In use by a running guest.
  case inUse = "in use"
  /// Without a driver.
  case unbound
  /// The kernel does not say.
  case unknown = "-"

  /// The state of a queue in an inventory. What makes it unusable comes first.
  package init(_ queue: Queue, in inventory: Inventory) {
    let card = inventory.card(queue.apqn.adapter)
    if queue.isConfigured == false || card?.isConfigured == false {
      self = .deconfigured
    } else if queue.isCheckStopped == true || card?.isCheckStopped == true {
      self = .checkStopped
    } else {
      self = Self(working: queue, in: inventory)
    }
  }

  private init(working queue: Queue, in inventory: Inventory) {
    switch (queue.owner, queue.guestStatus) {
    case (.none, _): self = .unbound
    case (.host, _): self = queue.isOnline.map { $0 ? .online : .offline } ?? .unknown
    case (.vfioAP, .inUse): self = .inUse
    case (.vfioAP, .assigned): self = .assigned
    case (.vfioAP, let status):
      if inventory.mediatedDevice(holding: queue.apqn) != nil {
        self = .assigned
      } else {
        self = status == nil ? .unknown : .unassigned
      }
    }
  }
}
