/// Cards, queues, owners, masks and mediated devices as read at one moment.
public struct Inventory: Equatable, Sendable {
  /// The bus itself.
  public var bus: BusState
  /// The cards, ascending by adapter, none twice.
  public private(set) var cards: [Card]
  /// The queues, ascending, none twice; each one's card is in `cards`.
  public private(set) var queues: [Queue]
  /// The mediated devices, ascending by UUID.
  public var mediatedDevices: [MediatedDevice]
  /// What was read of master keys before.
  package var keyLedger = KeyLedger()

  /// Why some devices cannot form an inventory.
  public enum Problem: Error, Equatable, CustomStringConvertible {
    /// Two cards of one name.
    case duplicateCard(UInt8)
    /// Two queues of one name.
    case duplicateQueue(APQN)
    /// A queue whose card is missing.
    case queueWithoutCard(APQN)

    /// A sentence that names the device.
    public var description: String {
      switch self {
      case .duplicateCard(let adapter):
        "card \(BusObject.cardName(adapter)) is described twice"
      case .duplicateQueue(let apqn): "queue \(apqn) is described twice"
      case .queueWithoutCard(let apqn): "queue \(apqn) has no card \(apqn.cardName)"
      }
    }
  }

  /// An inventory of these devices in any order.
  ///
  /// - Parameters:
  ///   - bus: The bus itself.
  ///   - cards: The cards.
  ///   - queues: The queues.
  ///   - mediatedDevices: The mediated devices.
  /// - Throws: A device that is described twice, or a queue without its card.
  public init(
    bus: BusState = BusState(), cards: [Card] = [], queues: [Queue] = [],
    mediatedDevices: [MediatedDevice] = []
  ) throws(Problem) {
    self.bus = bus
    self.cards = cards.sorted { $0.adapter < $1.adapter }
    self.queues = queues.sorted { $0.apqn < $1.apqn }
    self.mediatedDevices = mediatedDevices.sorted { $0.uuid < $1.uuid }
    for (card, next) in zip(self.cards, self.cards.dropFirst()) where card.adapter == next.adapter {
      throw .duplicateCard(card.adapter)
    }
    for (queue, next) in zip(self.queues, self.queues.dropFirst()) where queue.apqn == next.apqn {
      throw .duplicateQueue(queue.apqn)
    }
    let adapters = adapters
    for queue in self.queues where !adapters.contains(queue.apqn.adapter) {
      throw .queueWithoutCard(queue.apqn)
    }
  }

  /// An inventory with nothing in it, to be filled with `setCard` and `setQueue`.
  public static let empty = Inventory(empty: ())

  private init(empty: Void) {
    bus = BusState()
    cards = []
    queues = []
    mediatedDevices = []
  }

  /// The adapters that have a card.
  public var adapters: APMask { APMask(cards.lazy.map(\.adapter)) }

  /// The queues' names.
  public var apqns: APQNSet { APQNSet(queues.lazy.map(\.apqn)) }

  /// The card of that adapter.
  ///
  /// - Parameter adapter: Any adapter.
  /// - Returns: Its card; nil if there is none.
  public func card(_ adapter: UInt8) -> Card? {
    let index = cards.partitioningIndex { $0.adapter >= adapter }
    guard index < cards.count, cards[index].adapter == adapter else { return nil }
    return cards[index]
  }

  /// The queue of that name.
  ///
  /// - Parameter apqn: Any APQN.
  /// - Returns: Its queue; nil if there is none.
  public func queue(_ apqn: APQN) -> Queue? {
    let index = queues.partitioningIndex { $0.apqn >= apqn }
    guard index < queues.count, queues[index].apqn == apqn else { return nil }
    return queues[index]
  }

  /// The queues of one card, ascending.
  ///
  /// - Parameter adapter: Any adapter.
  /// - Returns: Its queues, ascending.
  public func queues(ofCard adapter: UInt8) -> ArraySlice<Queue> {
    let start = queues.partitioningIndex { $0.apqn.adapter >= adapter }
    let end = queues.partitioningIndex { $0.apqn.adapter > adapter }
    return queues[start..<end]
  }

  /// The mediated device whose matrix has the queue. At most one has: the kernel refuses a second
  /// (SimulatedBus documentation, "Kernel log").
  ///
  /// - Parameter apqn: Any APQN, whether or not it exists.
  /// - Returns: The device; nil if no matrix has it.
  public func mediatedDevice(holding apqn: APQN) -> MediatedDevice? {
    mediatedDevices.first { $0.holds(apqn) }
  }

  /// Whether a guest has the queue, or gets it when it starts: a mediated device's matrix has it, or
  /// `vfio_ap` says so of it.
  ///
  /// - Parameter apqn: Any APQN, whether or not it exists.
  /// - Returns: Whether it must not be taken from `vfio_ap`.
  public func hasGuest(_ apqn: APQN) -> Bool {
    mediatedDevice(holding: apqn) != nil || queue(apqn)?.isAssigned == true
  }

  /// Puts a card in its place, or takes it away with its queues when it is nil.
  ///
  /// - Parameters:
  ///   - card: The card; nil to remove it.
  ///   - adapter: The card's adapter.
  public mutating func setCard(_ card: Card?, adapter: UInt8) {
    let index = cards.partitioningIndex { $0.adapter >= adapter }
    let exists = index < cards.count && cards[index].adapter == adapter
    switch (card, exists) {
    case (let card?, true): cards[index] = card
    case (let card?, false): cards.insert(card, at: index)
    case (nil, true):
      cards.remove(at: index)
      queues.removeAll { $0.apqn.adapter == adapter }
    case (nil, false): break
    }
  }

  /// Puts a queue in its place, or takes it away when it is nil. Its card must be there first.
  ///
  /// - Parameters:
  ///   - queue: The queue; nil to remove it.
  ///   - apqn: The queue's APQN.
  public mutating func setQueue(_ queue: Queue?, apqn: APQN) {
    let index = queues.partitioningIndex { $0.apqn >= apqn }
    let exists = index < queues.count && queues[index].apqn == apqn
    switch (queue, exists) {
    case (let queue?, true): queues[index] = queue
    case (let queue?, false):
      precondition(card(apqn.adapter) != nil, "queue \(apqn) before its card")
      queues.insert(queue, at: index)
    case (nil, true): queues.remove(at: index)
    case (nil, false): break
    }
  }
}

extension Array {
  /// The first index whose element satisfies `isInSecondPart`; elements that do not are first.
  package func partitioningIndex(_ isInSecondPart: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isInSecondPart(self[middle]) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low
  }
}

/// What rules may ask of the machine itself, so that one rule file serves a fleet.
public struct HostIdentity: Equatable, Sendable {
  /// What hosts are called before they have a name, without a dot at the end and in lower case (hostname(7); the kernel's
  /// UTS_NODENAME is `(none)`).
  package static let unnamed = ["", "(none)", "localhost", "localhost.localdomain"]

  /// The static host name; nil where it is not known.
  public var name: String?
  /// The LPAR's name as `/proc/sysinfo` has it; nil where it is not known or there is none.
  public var lpar: String?

  /// A machine of these names.
  ///
  /// - Parameters:
  ///   - name: The static host name.
  ///   - lpar: The LPAR's name.
  public init(name: String? = nil, lpar: String? = nil) {
    self.name = name
    self.lpar = lpar
  }
}
