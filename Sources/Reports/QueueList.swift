package import APBus
package import JSONText
package import Reservation
import ReservationRules

/// All queues of a machine as a table, and the requested ones that are missing: who has each, what it does,
/// what the rules want and what has become of that.
package struct QueueList {
  private let inventory: Inventory
  private let decisions: DecisionTable
  private let requests: Requests
  private let missing: [APQN]

  /// The queues of an assessed machine.
  package init(_ assessment: Assessment) {
    inventory = assessment.inventory
    decisions = assessment.decisions
    requests = assessment.requests
    missing = requests.open.lazy.filter { [inventory] in inventory.queue($0.apqn) == nil }.map(
      \.apqn)
  }

  /// The adapters of all queues.
  package var adapters: APMask { inventory.adapters.union(APMask(missing.lazy.map(\.adapter))) }

  private func apqns(ofCard adapter: UInt8) -> [APQN] {
    (inventory.queues(ofCard: adapter).map(\.apqn) + missing.filter { $0.adapter == adapter })
      .sorted()
  }

  /// How many queues those adapters have.
  package func count(ofCards adapters: [UInt8]) -> Int {
    adapters.reduce(0) { $0 + apqns(ofCard: $1).count }
  }

  /// The table. The column HMC has adapter and domain in decimal, as the HMC shows them.
  package func text(style: TextStyle) -> String {
    var table = TextTable(headings: [
      "QUEUE", "HMC", "TYPE", "MODE", "OWNER", "STATE", "RESERVE", "REQUEST", "RULE", "NAME",
    ])
    for apqn in adapters.flatMap(apqns) {
      let card = inventory.card(apqn.adapter)
      let queue = inventory.queue(apqn)
      let decision = decisions.decision(for: apqn)
      let state = queue.map { QueueState($0, in: inventory) }
      let request = requests.state(of: apqn)
      table.append([
        .init(apqn.description),
        .init("\(apqn.adapter).\(apqn.domain)", .faint),
        .init(card?.typeName ?? "-"),
        .init(card?.mode?.rawValue ?? "-"),
        queue.map { .init($0.owner.rawValue, Ink($0.owner)) } ?? .init("-"),
        .init(state?.rawValue ?? "absent", state?.isProblem ?? true ? .problem : nil),
        .init(decision.request, decision.reserve == nil ? .problem : nil),
        .init(request?.rawValue ?? "-", request?.isStuck == true ? .problem : nil),
        .init(decision.rule?.location.shortFileAndLine ?? "-"),
        .init(decision.name?.printable ?? ""),
      ])
    }
    return table.lines(style: style).map { $0 + "\n" }.joined()
  }

  package var json: JSONValue {
    JSONObject.document("list") {
      $0.set("queues", .array(adapters.flatMap(apqns).map(json)))
    }
  }

  /// The queues of a card for programs: values of the type `Queue` (`org.apreserve.varlink`).
  package func json(ofCard adapter: UInt8) -> [JSONValue] {
    apqns(ofCard: adapter).map(json)
  }

  private func json(_ apqn: APQN) -> JSONValue {
    let card = inventory.card(apqn.adapter)
    let queue = inventory.queue(apqn)
    return JSONObject.make {
      $0.set("name", text: apqn.description)
      $0.set("adapter", number: apqn.adapter)
      $0.set("domain", number: apqn.domain)
      $0.set("type", text: card?.typeName)
      $0.set("hwtype", number: card?.hardwareType.rawValue)
      $0.set("mode", text: card?.mode?.rawValue)
      $0.set("owner", text: queue?.owner.rawValue)
      $0.set("driver", text: queue?.driver)
      let state = queue.map { QueueState($0, in: inventory) }
      $0.set("state", text: state == .unknown ? nil : state?.rawValue)
      $0.set("mediatedDevice", text: inventory.mediatedDevice(holding: apqn)?.uuid)
      decisions.decision(for: apqn).write(to: &$0)
      $0.set("request", text: requests.state(of: apqn)?.rawValue)
      $0.set("unanswered", text: card?.unanswered?.description)
    }
  }
}

extension QueueState {
  /// Whether the queue cannot be used now.
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

  /// The state of a queue in an inventory. What makes it unusable is first.
  package init(_ queue: Queue, in inventory: Inventory) {
    let card = inventory.card(queue.apqn.adapter)
    switch queue.hardwareFault(on: card) {
    case .deconfigured: self = .deconfigured
    case .checkStopped: self = .checkStopped
    case nil: self = Self(working: queue, in: inventory)
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
