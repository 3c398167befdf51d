import APBus
import Reservation
import SimulatedBus
import TestSupport

/// A machine of a few unequal cards with gaps, and what happens to it.
struct Scene {
  var generator: SeededGenerator
  let mechanism: Mechanism

  mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &generator)
  }

  mutating func bus() -> SimulatedBus {
    let bus = SimulatedBus(behavior: .kernel(for: mechanism))
    for domain in UInt8(0)...4 where generator.chance(80) { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8(0)...4 where generator.chance(80) {
      // Hardware below type 10 has no devices on the newest kernels.
      let oldest = mechanism == .override ? 10 : 8
      let type = generator.chance(70) ? 13 : number(oldest...14)
      bus.plug(card: Stage.card(adapter, type: UInt8(type)), quietly: true)
    }
    for _ in 0..<number(0...4) {
      let apqn = APQN(adapter: UInt8(number(0...4)), domain: UInt8(number(0...4)))
      bus.unplugQueue(apqn, quietly: true)
    }
    bus.scan()
    bus.loadModule(.zcryptCex4)
    bus.loadModule(.vfioAP)
    for _ in 0..<number(0...3) {
      let name = "0\(number(0...4)).000\(number(0...4))"
      try? bus.write(name, to: .driver(DriverName.cex4queue, "unbind"))
    }
    return bus
  }

  /// What other processes do to the machine: queues moved, masks and overrides written, queues given to a
  /// mediated device, a card configured off, a queue switched off. What the kernel refuses is not done.
  mutating func disturb(on bus: SimulatedBus) {
    for _ in 0..<number(0...3) {
      let apqn = APQN(adapter: UInt8(number(0...4)), domain: UInt8(number(0...4)))
      switch number(0...7) {
      case 0: try? bus.write("\(apqn)", to: .driver(DriverName.vfioAP, "unbind"))
      case 1: try? bus.write("\(apqn)", to: .driver(DriverName.cex4queue, "unbind"))
      case 2:
        let (sign, mask) = (
          generator.chance(60) ? "-" : "+", generator.chance(50) ? "apmask" : "aqmask"
        )
        guard mechanism == .mask else { continue }
        try? bus.write("\(sign)\(number(0...5))", to: .bus(mask))
      case 3 where mechanism == .override:
        let driver = [DriverName.vfioAP, DriverName.vfioAP, "", "other"][number(0...3)]
        try? bus.write(driver + "\n", to: .queue(apqn, "driver_override"))
        guard generator.chance(70), let bound = bus.driver(of: apqn) else { continue }
        try? bus.write("\(apqn)", to: .driver(bound, "unbind"))
        try? bus.write("\(apqn)", to: .bus("drivers_probe"))
      case 3, 4:
        guard let bound = bus.driver(of: apqn) else { continue }
        let other = bound == DriverName.vfioAP ? DriverName.cex4queue : DriverName.vfioAP
        try? bus.write("\(apqn)", to: .driver(bound, "unbind"))
        try? bus.write("\(apqn)", to: .driver(other, "bind"))
      case 5, 6:
        let uuid = "1111111\(number(0...1))-2222-3333-4444-555555555555"
        try? bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
        for file in ["assign_adapter", "assign_domain"] where generator.chance(80) {
          let number = file == "assign_adapter" ? Int(apqn.adapter) : Int(apqn.domain)
          try? bus.write("\(number)", to: SysfsPath(.mediatedDevice(uuid), file))
        }
      default: bus.setConfigured(card: apqn.adapter, to: generator.chance(50))
      }
    }
    bus.scan()
  }

  private mutating func clause() -> String {
    switch number(0...5) {
    case 0: "ADAPTER==\"\(number(0...4))\""
    case 1: "DOMAIN==\"\(number(0...4))\""
    case 2: "APQN==\"0\(number(0...4)).000\(number(0...4))\""
    case 3: "ADAPTER!=\"\(number(0...4))\""
    case 4: "HWTYPE==\"\(number(10...14))-\""
    default: "DOMAIN==\"\(number(0...2))-\(number(2...5))\""
    }
  }

  mutating func rules() -> String {
    (0..<number(0...4)).map { _ in
      var parts = (0..<number(1...2)).map { _ in clause() }
      let reserve = ["vfio_ap", "vfio_ap", "vfio_ap", "host", "unmanaged"][number(0...4)]
      parts.append("RESERVE\(generator.chance(20) ? ":=" : "=")\"\(reserve)\"")
      if reserve == "vfio_ap", generator.chance(30) { parts.append("COLLATERAL=\"accept\"") }
      return parts.joined(separator: ", ") + "\n"
    }.joined()
  }
}
