public import APBus
public import Uevents

/// The kernel's side of the AP bus in memory: cards, queues, drivers, masks, overrides, mediated
/// devices, and the uevents of it all, in the kernel's order.
///
/// It answers reads and writes as `/sys` does, error numbers included. What is not written but
/// happens to a machine (an adapter plugged, a module loaded, a guest started) are methods of its
/// own. Every call runs to its end before it returns, events included.
public final class SimulatedBus: Sysfs {
  /// The kernel that is simulated.
  public let behavior: KernelBehavior
  /// Called for every uevent, in the kernel's order, from inside the call that caused it.
  public var onUevent: ((Uevent) -> Void)?
  /// Called for every call from the bus into a driver.
  public var onCallback: ((DriverCallback) -> Void)?
  /// Called when a mediated device is to be removed that a guest has: the kernel asks whoever runs the
  /// guest to give the device back, as QEMU then does. Stopping the guest in it lets the removal succeed.
  public var onGuestRequest: ((String) -> Void)?
  /// SEQNUM of the last event; events are counted whether or not somebody listens.
  public var sequenceNumber: UInt64 = 0

  /// The files that this kernel has.
  let tables: AttributeTables
  /// The machine below.
  var hardware = Hardware()
  /// The devices of adapters, by number.
  var cards = [CardDevice?](repeating: nil, count: 256)
  /// Every device in the order of registration, and some that have left.
  var registrations: [Device] = []
  /// How many devices were ever registered.
  var registrationCount: UInt64 = 0
  /// How many of `registrations` have left.
  var departures = 0
  /// The drivers on the bus, in the order of registration.
  var drivers: [any Driver] = []
  /// The modules that are loaded.
  var modules: [Module] = []
  /// The matrix device; nil while `vfio_ap` is not loaded.
  var matrix: MatrixDevice?

  /// `apmask` and `aqmask`; at their default on a kernel without masks.
  var masks = MaskPair.all
  /// Whether the last mask write left a mask that is not all ones (SimulatedBus documentation, "Overrides").
  var masksInUse = false
  /// How many overrides block mask writes. A queue that vanishes with its override set is never
  /// subtracted (SimulatedBus documentation, "Overrides").
  var overrideCount = 0

  /// `scans`.
  var scanCount: UInt64 = 0
  /// Whether completion has been told since the last change; of kernels that tell it once.
  var hasToldCompletion = false
  /// `bindings_complete_count`.
  var completionCount: UInt64 = 0
  /// The adapters at the last scan.
  var scannedAdapters = APMask()
  /// The usage domains at the last scan.
  var scannedDomains = APMask()
  /// The adapters that guests may have: those of the last scan, or of before and after a running one.
  var guestAdapters = APMask()
  /// The usage domains that guests may have.
  var guestDomains = APMask()
  /// How many queues have a device.
  var queueCount = 0
  /// How many queues are bound.
  var boundCount = 0
  /// How many binds there have been.
  var bindNumber: UInt64 = 0

  /// `drivers_autoprobe`.
  var autoprobes = true
  /// `ap_domain`; nil while there is none.
  var defaultDomain: UInt8?
  /// `config_time`.
  var configTime = 30
  /// `poll_thread`.
  var hasPollThread = false
  /// `poll_timeout`.
  var pollTimeout: UInt64 = 250_000

  /// An empty machine: the bus is registered, with no adapters and no AP drivers; no scan has been.
  /// The bus's own event is the first that is sent.
  ///
  /// `adapterMask` and `domainMask` are what the kernel's command line has for `ap.apmask=` and
  /// `ap.aqmask=`: they change a mask of zeros, a text that is none leaves zeros, and they do not
  /// count as masks in use (SimulatedBus documentation, "Masks").
  public init(
    behavior: KernelBehavior, adapterMask: String? = nil, domainMask: String? = nil,
    onUevent: ((Uevent) -> Void)? = nil
  ) {
    self.behavior = behavior
    tables = AttributeTables(on: behavior)
    self.onUevent = onUevent
    if behavior.hasMasks {
      if let adapterMask { masks.adapters = APMask().writing(adapterMask.utf8) ?? [] }
      if let domainMask { masks.domains = APMask().writing(domainMask.utf8) ?? [] }
    }
    send(.add, .bus)
  }

  /// The device of an adapter.
  func card(_ adapter: UInt8) -> CardDevice? { cards[Int(adapter)] }

  /// The device of a queue.
  func queue(_ apqn: APQN) -> QueueDevice? {
    cards[Int(apqn.adapter)]?.queues[Int(apqn.domain)]
  }

  /// The driver of that name on the bus.
  func driver(_ name: String) -> (any Driver)? { drivers.first { $0.name == name } }

  /// The queues whose APQNs `vfio_ap` has stored in its matrix device; empty while it is not loaded.
  public var storedQueues: Set<APQN> { matrix.map { Set($0.queues) } ?? [] }

  /// The driver that has a queue; nil for one that is unbound or does not exist.
  public func driver(of apqn: APQN) -> String? { queue(apqn)?.driver?.name }

  /// Whether the kernel has a device of a queue.
  package func hasDevice(of apqn: APQN) -> Bool { queue(apqn) != nil }

  /// After how many seconds the kernel is to scan again by itself, `config_time`.
  public var scanInterval: Int { configTime }

  /// The adapters, as the machine has them.
  public var adapters: [SimulatedCard] { hardware.cards.compactMap { $0 } }
}
