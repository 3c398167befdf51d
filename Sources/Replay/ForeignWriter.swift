import APBus
import SimulatedBus

/// Writes what another hand does, as a person at a shell would.
struct ForeignWriter {
  private let bus: SimulatedBus
  /// Queues whose override this hand has set.
  private var overridden: Set<APQN> = []

  init(bus: SimulatedBus) {
    self.bus = bus
  }

  mutating func perform(_ hand: ForeignChange) throws(SysfsError) {
    switch hand {
    case .unbind(let apqn):
      guard let driver = bus.driver(of: apqn) else { return }
      try bus.write("\(apqn)\n", to: .driver(driver, "unbind"))
    case .bind(let apqn, let driver): try bind(apqn, to: driver)
    case .online(let apqn, let isOnline):
      try bus.write(isOnline ? "1\n" : "0\n", to: .queue(apqn, "online"))
    case .cardOnline(let adapter, let isOnline):
      try bus.write(isOnline ? "1\n" : "0\n", to: .card(adapter, "online"))
    case .adapterMask(let mask): try writeMask("apmask", mask)
    case .domainMask(let mask): try writeMask("aqmask", mask)
    }
  }

  /// On a kernel with overrides a hand that binds out of the queue's pool must have set or cleared one
  /// before; events do not tell, since an override has none (SimulatedBus documentation, "Overrides").
  private mutating func bind(_ apqn: APQN, to driver: String) throws(SysfsError) {
    guard bus.driver(of: apqn) != driver else { return }
    if bus.behavior.hasOverrides, bus.usesDefaultMasks {
      let isReserved = driver == DriverName.vfioAP
      try bus.write(isReserved ? driver + "\n" : "\n", to: .queue(apqn, "driver_override"))
      if isReserved { overridden.insert(apqn) } else { overridden.remove(apqn) }
    }
    if let current = bus.driver(of: apqn) {
      try bus.write("\(apqn)\n", to: .driver(current, "unbind"))
    }
    try bus.write("\(apqn)\n", to: .driver(driver, "bind"))
  }

  /// A hand whose mask the kernel took had cleared its overrides before; that has no event either.
  private mutating func writeMask(_ name: String, _ mask: APMask) throws(SysfsError) {
    for apqn in overridden.sorted() where bus.driver(of: apqn) != nil {
      try bus.write("\n", to: .queue(apqn, "driver_override"))
    }
    overridden = []
    try bus.write("\(mask)\n", to: .bus(name))
  }
}

extension SimulatedBus {
  /// Whether all queues are in the host's pool.
  fileprivate var usesDefaultMasks: Bool {
    [SysfsPath.bus("apmask"), .bus("aqmask")].allSatisfy { path in
      (try? read(path)).flatMap { APMask($0) } == .all
    }
  }
}
