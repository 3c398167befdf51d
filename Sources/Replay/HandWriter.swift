import AdjunctProcessor
import SimulatedBus
import Sysfs

/// Writes what another hand does, as a person at a shell would.
struct HandWriter {
  let bus: SimulatedBus

  func perform(_ hand: ForeignHand) throws(SysfsError) {
    switch hand {
    case .unbind(let apqn):
      guard let driver = bus.driver(of: apqn) else { return }
      try bus.write("\(apqn)\n", to: .driver(driver, "unbind"))
    case .bind(let apqn, let driver): try bind(apqn, to: driver)
    case .online(let apqn, let isOnline):
      try bus.write(isOnline ? "1\n" : "0\n", to: .queue(apqn, "online"))
    case .cardOnline(let adapter, let isOnline):
      try bus.write(isOnline ? "1\n" : "0\n", to: .card(adapter, "online"))
    case .adapterMask(let mask): try bus.write("\(mask)\n", to: .bus("apmask"))
    case .domainMask(let mask): try bus.write("\(mask)\n", to: .bus("aqmask"))
    }
  }

  /// On a kernel with overrides a hand that binds out of the queue's pool must have set or cleared one
  /// before; events do not tell, since an override has none (ap-bus.md 4.4).
  private func bind(_ apqn: APQN, to driver: String) throws(SysfsError) {
    guard bus.driver(of: apqn) != driver else { return }
    if bus.behavior.hasOverrides {
      let isReserved = driver == DriverName.vfioAP
      try bus.write(isReserved ? driver + "\n" : "\n", to: .queue(apqn, "driver_override"))
    }
    if let current = bus.driver(of: apqn) {
      try bus.write("\(apqn)\n", to: .driver(current, "unbind"))
    }
    try bus.write("\(apqn)\n", to: .driver(driver, "bind"))
  }
}
