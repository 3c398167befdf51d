import APBus

/// Tells what another hand did from what the kernel did because of it.
///
/// A mask write binds and unbinds many queues, and its own event comes after theirs; a new driver takes
/// queues before it is announced; a new queue is bound at once (SimulatedBus documentation, "Causes").
/// Such moves are the simulated kernel's own to do. What is left is a hand's.
struct ForeignChangeTranslator {
  private enum Move {
    case driver(APQN, String?)
    case online(APQN, Bool)
    case cardOnline(UInt8, Bool)
  }

  private var masks: MaskPair
  private var moves: [Move] = []
  /// Queues that came and were not bound yet.
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

  /// A queue goes; it was unbound on its way.
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

  mutating func switched(_ apqn: APQN, _ isOnline: Bool) {
    isAutomatic = false
    moves.append(.online(apqn, isOnline))
  }

  /// The card's event comes before its queues', which follow from it.
  mutating func cardSwitched(_ adapter: UInt8, _ isOnline: Bool) {
    isAutomatic = false
    moves.append(.cardOnline(adapter, isOnline))
  }

  /// A mask was written: moves of queues that changed their pool follow from it.
  mutating func masked(adapters: Bool, _ mask: APMask) -> [ForeignChange] {
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

  /// What hands did since the last time.
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
