import APBus
package import JSONText
import Reservation

// The description as a whole. Each type reads and writes its own object: `DeviceJSON.swift` has those of
// the bus, `ReservationJSON.swift` those of the reservation.

extension Snapshot {
  package static let layout = JSONLayout<Snapshot>.document(
    "snapshot", "A machine: its names, everything on its AP bus, and what else a plan depends on."
  ) {
    $0.add("time", .time, "When it was read.", \.time)
    $0.add("program", .text, "The version of apreserve that has read it.", \.program)
    $0.add("kernel", .text, "The release of its kernel.", \.kernel)
    $0.add("host", .object(HostIdentity.layout), "The names of the machine.", \.host)
    $0.add("bus", .object(BusState.layout), "What the bus itself says.", \.inventory.bus)
    $0.add("cards", .list(of: .object(Card.layout)), "The cards with their queues.") { snapshot in
      snapshot.inventory.cards.map {
        ($0, Array(snapshot.inventory.queues(ofCard: $0.adapter)))
      }
    }
    $0.add(
      "mediatedDevices", .list(of: .object(MediatedDevice.layout)), "The mediated devices.",
      \.inventory.mediatedDevices)
    $0.add(
      "configuration", .object(HostConfiguration.layout),
      "What other files of the machine say about its crypto queues."
    ) { $0.configuration == .unread ? nil : $0.configuration }
    $0.add(
      "keyLedger", .object(KeyLedger.layout),
      "The master keys of its domains, as they were when they could be read last."
    ) { $0.inventory.keyLedger.isEmpty ? nil : $0.inventory.keyLedger }
    $0.add("ownership", .object(Ownership.layout), "What apreserve has reserved on it.") {
      $0.ownership == Ownership() ? nil : $0.ownership
    }
  }

  /// The description as a JSON value.
  package var json: JSONValue { Self.layout.json(self) }

  init(_ value: JSONValue) throws(ValueError) {
    guard case .object(let members) = value else {
      throw ValueError("a machine description is an object, { ... }; this is \(value.kind)", at: "")
    }
    // Checked first: a file of another kind must not be answered with its first unknown key.
    guard members.contains(where: { $0.key == "apreserve" && $0.value == "snapshot" }) else {
      throw ValueError(
        "this is not a machine description; one begins with \"apreserve\": \"snapshot\"", at: "")
    }
    let version = members.first { $0.key == "version" }?.value
    guard version == .integer(Self.version) else {
      throw ValueError(
        version.map {
          "\(shown($0)) is not supported; this program reads version \(Self.version)"
        } ?? "this is missing; it must be \(Self.version)", at: "version")
    }
    let fields = try Fields(value, at: "", keys: Self.layout.keys)
    self.init(inventory: .empty)
    if let text = try fields.text("time") {
      guard let time = WallTime(text: text) else {
        throw fields.error(at: "time", expecting: "a time such as \"2027-01-15T08:00:00Z\"")
      }
      self.time = time
    }
    program = try fields.text("program")
    kernel = try fields.text("kernel")
    if let host = fields["host"] { self.host = try HostIdentity(host) }
    if let bus = fields["bus"] { inventory.bus = try BusState(bus) }
    try addCards(fields)
    try addMediatedDevices(fields)
    if let value = fields["configuration"] { configuration = try HostConfiguration(value) }
    if let value = fields["keyLedger"] { inventory.keyLedger = try KeyLedger(value) }
    if let value = fields["ownership"] { ownership = try Ownership(value) }
  }

  private mutating func addCards(_ fields: Fields) throws(ValueError) {
    var queues: Set<APQN> = []
    for (index, value) in (try fields.list("cards") ?? []).enumerated() {
      let fields = try Fields(value, at: "cards[\(index)]", keys: Card.layout.keys)
      let card = try Card(fields)
      guard inventory.card(card.adapter) == nil else {
        throw fields.error("\(card.name) is described twice", at: "name")
      }
      inventory.setCard(card, adapter: card.adapter)
      for (index, value) in (try fields.list("queues") ?? []).enumerated() {
        let fields = try Fields(
          value, at: "\(fields.path).queues[\(index)]", keys: Queue.layout.keys)
        let queue = try Queue(fields)
        guard queue.apqn.adapter == card.adapter else {
          throw fields.error(
            "queue \(queue.apqn) is listed under \(card.name); move it to \(queue.apqn.cardName)",
            at: "name")
        }
        guard queues.insert(queue.apqn).inserted else {
          throw fields.error("queue \(queue.apqn) is described twice", at: "name")
        }
        inventory.setQueue(queue, apqn: queue.apqn)
      }
    }
  }

  private mutating func addMediatedDevices(_ fields: Fields) throws(ValueError) {
    var uuids: Set<String> = []
    // The domains of each adapter that some mediated device has: the kernel gives a queue to one.
    var taken = [APMask](repeating: [], count: 256)
    for (index, value) in (try fields.list("mediatedDevices") ?? []).enumerated() {
      let fields = try Fields(
        value, at: "mediatedDevices[\(index)]", keys: MediatedDevice.layout.keys)
      let device = try MediatedDevice(fields)
      guard uuids.insert(device.uuid).inserted else {
        throw fields.error("mediated device \(device.uuid) is described twice", at: "uuid")
      }
      for adapter in device.adapters {
        if let domain = taken[Int(adapter)].intersection(device.domains).first {
          let apqn = APQN(adapter: adapter, domain: domain)
          throw ValueError(
            "queue \(apqn) is assigned to another mediated device already", at: fields.path)
        }
        taken[Int(adapter)].formUnion(device.domains)
      }
      inventory.mediatedDevices.append(device)
    }
    inventory.mediatedDevices.sort { $0.uuid < $1.uuid }
  }
}
