import APBus
import SimulatedBus

/// Distinguishes what another process did from what the kernel did because of it.
///
/// A mask write binds and unbinds many queues, and its own event comes after theirs; a new driver takes
/// queues before it is announced; a new queue is bound at once (SimulatedBus documentation, "Causes").
/// Such moves are the simulated kernel's own. What is left is another process's.
struct ForeignChangeTranslator {
  private enum Move {
    case driver(APQN, String?)
    case online(APQN, Bool)
    case cardOnline(UInt8, Bool)
  }

  private var masks: MaskPair
  private var moves: [Move] = []
  /// Queues that were added and not bound yet.
  private var fresh = APQNSet()
  /// Whether the last move was the kernel's own.
  private(set) var isAutomatic = false

  init(bus: BusState) {
    masks = bus.masks ?? .all
  }

  mutating func added(_ apqn: APQN) {
    fresh.insert(apqn)
    isAutomatic = true
  }

  /// A queue is removed, which unbinds it first.
  mutating func removed(_ apqn: APQN) {
    fresh.remove(apqn)
    let unbound = moves.lastIndex { move in
      if case .driver(apqn, nil) = move { true } else { false }
    }
    if let unbound { moves.remove(at: unbound) }
  }

  mutating func changed(_ apqn: APQN, driver: String?) {
    isAutomatic = driver != nil && fresh.contains(apqn)
    fresh.remove(apqn)
    if !isAutomatic { moves.append(.driver(apqn, driver)) }
  }

  mutating func switched(_ apqn: APQN, isOnline: Bool) {
    isAutomatic = false
    moves.append(.online(apqn, isOnline))
  }

  /// The card's event comes before its queues', which follow from it.
  mutating func cardSwitched(_ adapter: UInt8, isOnline: Bool) {
    isAutomatic = false
    moves.append(.cardOnline(adapter, isOnline))
  }

  /// A mask was written: moves of queues that changed their pool follow from it.
  mutating func masked(adapters: Bool, with mask: APMask) -> [ForeignChange] {
    let old = masks
    if adapters { masks.adapters = mask } else { masks.domains = mask }
    let new = masks
    moves.removeAll { move in
      guard case .driver(let apqn, _) = move else { return false }
      return old.isInHostPool(apqn) != new.isInHostPool(apqn)
    }
    return finish() + [adapters ? .adapterMask(mask) : .domainMask(mask)]
  }

  /// A driver was registered: what it took belongs to that.
  mutating func registered(_ driver: String) -> [ForeignChange] {
    moves.removeAll { move in
      if case .driver(_, let taker) = move { taker == driver } else { false }
    }
    return finish()
  }

  /// A driver went: what it let go of belongs to that.
  mutating func unregistered(_ driver: String) -> [ForeignChange] {
    moves.removeAll { move in
      if case .driver(_, nil) = move { true } else { false }
    }
    return finish()
  }

  /// What other processes did since the last time.
  mutating func finish() -> [ForeignChange] {
    defer { moves = [] }
    var switchedCards = APMask()
    return moves.compactMap { move in
      switch move {
      case .driver(let apqn, nil): return .unbind(apqn)
      case .driver(let apqn, let driver?): return .bind(apqn, driver: driver)
      case .cardOnline(let adapter, let isOnline):
        switchedCards.insert(adapter)
        return .cardOnline(adapter, isOnline)
      case .online(let apqn, let isOnline):
        return switchedCards.contains(apqn.adapter) ? nil : .online(apqn, isOnline)
      }
    }
  }
}

/// Writes what another process does, as a person at a shell would.
struct ForeignWriter {
  private let bus: SimulatedBus
  /// Queues whose override this process has set.
  private var overridden: Set<APQN> = []

  init(bus: SimulatedBus) {
    self.bus = bus
  }

  mutating func perform(_ change: ForeignChange) throws(SysfsError) {
    switch change {
    case .unbind(let apqn):
      guard let driver = bus.driver(of: apqn) else { return }
      try bus.write("\(apqn)\n", to: .driver(driver, "unbind"))
    case .bind(let apqn, let driver): try bind(apqn, to: driver)
    case .online(let apqn, let isOnline):
      try bus.write(isOnline ? "1\n" : "0\n", to: .queue(apqn, "online"))
    case .cardOnline(let adapter, let isOnline):
      try bus.write(isOnline ? "1\n" : "0\n", to: .card(adapter, "online"))
    case .adapterMask(let mask): try write(mask, to: "apmask")
    case .domainMask(let mask): try write(mask, to: "aqmask")
    }
  }

  /// On a kernel with overrides a process that binds out of the queue's pool must have set or cleared one
  /// before; events do not show it, since an override has none (SimulatedBus documentation, "Overrides").
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

  /// A process whose mask the kernel took had cleared its overrides before; that has no event either.
  private mutating func write(_ mask: APMask, to name: String) throws(SysfsError) {
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
