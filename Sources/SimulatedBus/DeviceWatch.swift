package import APBus

/// Finds the devices that have changed in what the tree shows of them: whether they are there, and their drivers.
/// All of them are compared, so that nothing that changes a device has to tell.
package struct DeviceWatch {
  /// What the names and links of a device follow from. What else they depend on stays as long as the device does.
  private struct Face: Equatable {
    /// 0 where there is no device. One that is removed and added again is another one.
    var registration: UInt64 = 0
    /// 0 while it is unbound.
    var bind: UInt64 = 0

    init(_ device: Device? = nil) {
      guard let device else { return }
      // A device that leaves has lost its links.
      registration = device.isRegistered ? device.registrationNumber : .max
      bind = device.isBound ? device.bindNumber : 0
    }
  }

  /// The cards, and the queues of each that has ever had any.
  private var cards = [Face](repeating: Face(), count: 256)
  private var queues = [[Face]](repeating: [], count: 256)

  package init() {}

  /// The cards and queues that have changed since this was asked last.
  package mutating func changes(of bus: SimulatedBus) -> [BusObject] {
    var changes: [BusObject] = []
    for adapter in UInt8.min...UInt8.max {
      let card = bus.card(adapter)
      let face = Face(card)
      let index = Int(adapter)
      if cards[index] != face {
        cards[index] = face
        changes.append(.card(adapter))
      }
      if queues[index].isEmpty {
        guard let card, !card.domains.isEmpty else { continue }
        queues[index] = Array(repeating: Face(), count: 256)
      }
      for domain in 0..<256 {
        let face = Face(card?.queues[domain])
        guard queues[index][domain] != face else { continue }
        queues[index][domain] = face
        changes.append(.queue(APQN(adapter: adapter, domain: UInt8(domain))))
      }
    }
    return changes
  }
}

extension SysfsTree {
  /// The card or queue that decides what is at a path; nil for a path that is of no device, or of more than one.
  package static func device(at parts: [String]) -> BusObject? {
    for part in parts.dropFirst(2).reversed() {
      if let apqn = APQN(part) { return .queue(apqn) }
      if let adapter = BusObject.adapter(ofCardName: part) { return .card(adapter) }
    }
    return nil
  }
}
