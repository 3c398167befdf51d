package import APBus

/// What a guest needs of its host, as it is written into the definition of its virtual machine and comes along when
/// that moves.
///
/// It is an element of the machine's metadata, which libvirt keeps as it is:
///
///     <apreserve:needs xmlns:apreserve='urn:apreserve:needs:1' host='kvm1' uuid='31893386-...'>
///       <apreserve:adapter number='0x05' hwtype='14' raw_hwtype='14' ap_functions='0xf2000000'/>
///       <apreserve:queue name='05.0004' keys='AES 0x1f6a0c52b7d3e984, APKA -'/>
///     </apreserve:needs>
///
/// `keys` are the current master keys, with `-` where a register holds none; it is absent where they are unknown.
package struct GuestNeeds: Equatable, Sendable {
  /// The host where it was written; nil if that has no name.
  package var host: String?
  /// The device that the guest has.
  package var device: MediatedDevice
  /// The adapters and queues of the device as that host has them, as far as guests depend on it.
  package private(set) var inventory = Inventory.empty

  package static let namespace = "urn:apreserve:needs:1"

  /// What a device needs that has been used on a host, or could be.
  package init(of device: MediatedDevice, on inventory: Inventory, host: String?) {
    self.host = host
    self.device = device
    for adapter in device.adapters {
      guard let card = inventory.card(adapter) else { continue }
      var needed = Card(
        adapter: adapter, hardwareType: card.hardwareType, functions: card.functions)
      needed.attributes = card.attributes.filter { $0.key == Self.rawType }
      self.inventory.setCard(needed, adapter: adapter)
      for domain in device.domains {
        let apqn = APQN(adapter: adapter, domain: domain)
        var registers = KeyRegisters()
        for register in inventory.keys(of: apqn).registers where register.name.slot == .current {
          registers[register.name] = register.content
        }
        setQueue(apqn, registers)
      }
    }
  }

  private static let rawType = "raw_hwtype"

  private mutating func setQueue(_ apqn: APQN, _ registers: KeyRegisters) {
    var queue = Queue(apqn: apqn)
    queue.keyRegisters = registers.isEmpty ? nil : registers
    inventory.setQueue(queue, apqn: apqn)
  }

  /// The guest, as one that runs on that host.
  package func guest(of virtualMachine: String) -> Guest {
    Guest(
      uuid: device.uuid, virtualMachines: [virtualMachine], active: device, definition: nil,
      isRunning: true)
  }
}

extension GuestNeeds {
  /// The element.
  package var xml: String {
    func element(_ name: String, _ attributes: [(String, String?)], isEmpty: Bool = true) -> String
    {
      let texts = attributes.compactMap { key, value in
        value.map { " \(key)='\(Self.escaped($0))'" }
      }
      return "<apreserve:\(name)\(texts.joined())\(isEmpty ? "/" : "")>\n"
    }
    let cards = inventory.cards.map { card in
      "  "
        + element(
          "adapter",
          [
            ("number", "0x" + Hex.text(card.adapter, digits: 2)),
            ("hwtype", "\(card.hardwareType.rawValue)"),
            (Self.rawType, card.attributes[Self.rawType]),
            ("ap_functions", "0x" + Hex.text(card.functions, digits: 8)),
          ])
    }
    let queues = inventory.queues.map { queue in
      "  "
        + element(
          "queue",
          [("name", queue.apqn.description), ("keys", queue.keyRegisters.map(Self.text))])
    }
    return element(
      "needs", [("xmlns:apreserve", Self.namespace), ("host", host), ("uuid", device.uuid)],
      isEmpty: false) + cards.joined() + queues.joined() + "</apreserve:needs>\n"
  }

  private static func text(_ registers: KeyRegisters) -> String {
    registers.registers.map { name in
      "\(name.kind.prefix) \(registers[name]?.pattern?.description ?? "-")"
    }.joined(separator: ", ")
  }

  /// Two hyphens in a row would end a comment around the element.
  private static func escaped(_ text: String) -> String {
    text.escapedForXML.replacing("--", with: "-&#45;")
  }
}

extension GuestNeeds {
  /// Reads the element, tag by tag.
  struct Reader {
    private let prefix: String
    private var needs: GuestNeeds
    /// What is wrong with it, a clause; nil as long as it can be read.
    private(set) var problem: String?

    /// A reader of the element, which `ancestors` are around; nil for any other element.
    init?(_ element: XMLScanner.Element, in ancestors: [XMLScanner.Element]) {
      let parts = element.name.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.last == "needs", parts.count <= 2 else { return nil }
      let declaration = parts.count == 2 ? "xmlns:\(parts[0])" : "xmlns"
      let namespace = (ancestors + [element]).compactMap { $0[declaration] }.last
      guard namespace == GuestNeeds.namespace else { return nil }
      prefix = parts.count == 2 ? "\(parts[0]):" : ""
      let uuid = element["uuid"]?.lowercased() ?? ""
      needs = GuestNeeds(
        of: MediatedDevice(uuid: uuid), on: .empty, host: element["host"])
      if !BusObject.isUUID(uuid) { problem = "needs has no UUID" }
    }

    /// What was read; nil if something is wrong with it.
    var result: GuestNeeds? { problem == nil ? needs : nil }

    /// Takes an element inside; others than those that are known are for later versions.
    mutating func take(_ element: XMLScanner.Element) {
      guard problem == nil else { return }
      switch element.name {
      case prefix + "adapter": takeAdapter(element)
      case prefix + "queue": takeQueue(element)
      default: break
      }
    }

    private mutating func takeAdapter(_ element: XMLScanner.Element) {
      guard let adapter = Self.hexadecimal(element["number"], digits: 2).map({ UInt8($0) }),
        let type = element["hwtype"].flatMap({ UInt8($0) }),
        let functions = Self.hexadecimal(element["ap_functions"], digits: 8)
      else {
        problem = "an adapter has no valid number, hwtype or ap_functions"
        return
      }
      var card = Card(
        adapter: adapter, hardwareType: HardwareType(rawValue: type), functions: functions)
      card.attributes[GuestNeeds.rawType] = element[GuestNeeds.rawType]
      needs.inventory.setCard(card, adapter: adapter)
      needs.device.adapters.insert(adapter)
    }

    private mutating func takeQueue(_ element: XMLScanner.Element) {
      guard let apqn = element["name"].flatMap({ APQN($0) }) else {
        problem = "a queue has no valid name"
        return
      }
      guard needs.inventory.card(apqn.adapter) != nil else {
        problem = "\(apqn) comes before its adapter, or without it"
        return
      }
      var registers = KeyRegisters()
      for part in (element["keys"] ?? "").split(separator: ",") {
        let words = part.split(separator: " ")
        guard words.count == 2,
          let register = KeyRegister(kind: words[0], slot: KeyRegister.Slot.current.rawValue),
          let content = words[1] == "-"
            ? KeyContent(.invalid)
            : KeyContent(state: KeyContent.State.valid.rawValue, pattern: words[1])
        else {
          problem = "\(apqn) has invalid keys"
          return
        }
        registers[register] = content
      }
      needs.setQueue(apqn, registers)
      needs.device.domains.insert(apqn.domain)
    }

    private static func hexadecimal(_ text: String?, digits: Int) -> UInt32? {
      guard let text, text.hasPrefix("0x"), text.utf8.count <= 2 + digits else { return nil }
      return UInt32(text.dropFirst(2), radix: 16)
    }
  }
}
