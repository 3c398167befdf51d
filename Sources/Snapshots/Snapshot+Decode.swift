import APBus
import Reservation
import JSONText

extension Snapshot {
  /// The size from which on a file is refused unread. 65,536 queues take some 10 MiB.
  package static let sizeLimit = 64 << 20

  /// Reads a description; `file` is its name in messages.
  package static func decode(_ bytes: [UInt8], file: String) throws(SnapshotError) -> Snapshot {
    guard bytes.count <= sizeLimit else {
      throw SnapshotError(
        file: file, place: .file,
        message: "the file is larger than 64 MiB; a machine description never is")
    }
    // Some editors put a byte order mark in front.
    let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
    guard text.contains(where: { !" \t\r\n".utf8.contains($0) }) else {
      throw SnapshotError(file: file, place: .file, message: "the file is empty")
    }
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONParser.parse(text)
    } catch {
      throw SnapshotError(
        file: file, place: .position(line: error.line, column: error.column),
        message: error.problem)
    }
    do throws(ValueFault) {
      return try Snapshot(value)
    } catch {
      throw SnapshotError(
        file: file, place: error.path.isEmpty ? .file : .value(error.path), message: error.message)
    }
  }

  private init(_ value: JSONValue) throws(ValueFault) {
    guard case .object(let members) = value else {
      throw ValueFault("", "a machine description is an object, { ... }; this is \(value.kind)")
    }
    // Told first, so that a file of quite another kind is not answered with its first key.
    guard members.contains(where: { $0.key == "apreserve" && $0.value == "snapshot" }) else {
      throw ValueFault(
        "", "this is no machine description; one begins with \"apreserve\": \"snapshot\"")
    }
    let version = members.first { $0.key == "version" }?.value
    guard version == .integer(Self.version) else {
      let found = version.map(shown) ?? "nothing"
      throw ValueFault("version", "\(found) stands here; this program reads \(Self.version)")
    }
    let fields = try Fields(
      value, at: "",
      keys: [
        "apreserve", "version", "host", "bus", "cards", "mediatedDevices", "configuration",
        "ownership",
      ])
    self.init(inventory: .empty)
    if let host = fields["host"] { self.host = try HostIdentity(host) }
    if let bus = fields["bus"] { inventory.bus = try BusState(bus) }
    try addCards(fields)
    try addMediatedDevices(fields)
    if let value = fields["configuration"] { configuration = try HostConfiguration(value) }
    if let value = fields["ownership"] { ownership = try Ownership(value) }
  }

  private mutating func addCards(_ fields: Fields) throws(ValueFault) {
    var queues: Set<APQN> = []
    for (index, value) in (try fields.list("cards") ?? []).enumerated() {
      let fields = try Fields(value, at: "cards[\(index)]", keys: Card.keys)
      let card = try Card(fields)
      guard inventory.card(card.adapter) == nil else {
        throw fields.fault("name", "\(card.name) is described twice")
      }
      inventory.setCard(card, adapter: card.adapter)
      for (index, value) in (try fields.list("queues") ?? []).enumerated() {
        let fields = try Fields(
          value, at: "\(fields.path).queues[\(index)]", keys: Queue.keys)
        let queue = try Queue(fields)
        guard queue.apqn.adapter == card.adapter else {
          throw fields.fault(
            "name",
            "queue \(queue.apqn) stands below \(card.name); move it to \(queue.apqn.cardName)")
        }
        guard queues.insert(queue.apqn).inserted else {
          throw fields.fault("name", "queue \(queue.apqn) is described twice")
        }
        inventory.setQueue(queue, apqn: queue.apqn)
      }
    }
  }

  private mutating func addMediatedDevices(_ fields: Fields) throws(ValueFault) {
    var uuids: Set<String> = []
    // The domains of each adapter that some mediated device has: the kernel gives a queue to one.
    var taken = [APMask](repeating: [], count: 256)
    for (index, value) in (try fields.list("mediatedDevices") ?? []).enumerated() {
      let fields = try Fields(
        value, at: "mediatedDevices[\(index)]", keys: MediatedDevice.keys)
      let device = try MediatedDevice(fields)
      guard uuids.insert(device.uuid).inserted else {
        throw fields.fault("uuid", "mediated device \(device.uuid) is described twice")
      }
      for adapter in device.adapters {
        if let domain = taken[Int(adapter)].intersection(device.domains).first {
          let apqn = APQN(adapter: adapter, domain: domain)
          throw ValueFault(
            fields.path, "queue \(apqn) is assigned to another mediated device already")
        }
        taken[Int(adapter)].formUnion(device.domains)
      }
      inventory.mediatedDevices.append(device)
    }
    inventory.mediatedDevices.sort { $0.uuid < $1.uuid }
  }
}
