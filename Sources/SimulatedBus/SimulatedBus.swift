public import APBus
public import Uevents

/// The kernel's side of the AP bus in memory: cards, queues, drivers, masks, overrides, mediated
/// devices, and the uevents of it all, in the kernel's order.
///
/// It answers reads and writes as `/sys` does, including error numbers. Changes of a machine that are not
/// writes (an adapter is plugged, a module loaded, a guest started) are methods. Every call is complete
/// when it returns, including its events.
public final class SimulatedBus: Sysfs {
  /// The kernel that is simulated.
  public let behavior: KernelBehavior
  /// Called for every uevent, in the kernel's order, from inside the call that caused it.
  public var onUevent: ((Uevent) -> Void)?
  /// Called for every call from the bus into a driver.
  public var onCallback: ((DriverCallback) -> Void)?
  /// Called with the UUID of a mediated device that is to be removed while a guest has it: the kernel asks
  /// the guest's process to give the device back, as QEMU then does. If the guest is stopped in this call,
  /// the removal succeeds.
  public var onGuestRequest: ((String) -> Void)?
  /// SEQNUM of the last event; events are counted whether or not there is a listener.
  public var sequenceNumber: UInt64 = 0

  /// The files that this kernel has.
  let tables: AttributeTables
  var hardware = Hardware()
  /// The devices of adapters, by number.
  var cards = [CardDevice?](repeating: nil, count: 256)
  /// Every device in the order of registration, and some that have been removed.
  var registrations: [Device] = []
  /// How many devices were ever registered.
  var registrationCount: UInt64 = 0
  /// How many of `registrations` have been removed.
  var departures = 0
  /// The drivers on the bus, in the order of registration.
  var drivers: [any Driver] = []
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
  /// Whether completion has been reported since the last change; on kernels that report it once.
  var hasSentCompletion = false
  /// `bindings_complete_count`.
  var completionCount: UInt64 = 0
  /// The adapters at the last scan.
  var scannedAdapters = APMask()
  /// The usage domains at the last scan.
  var scannedDomains = APMask()
  /// How many queues have a device.
  var queueCount = 0
  var boundCount = 0
  /// How many binds there have been.
  var bindNumber: UInt64 = 0

  /// `drivers_autoprobe`.
  var autoprobes = true
  /// `ap_domain`; nil for none.
  var defaultDomain: UInt8?
  /// `config_time`.
  var configTime = 30
  /// `poll_thread`.
  var hasPollThread = false
  /// `poll_timeout`.
  var pollTimeout: UInt64 = 250_000

  /// A machine without adapters, modules and scans. The first event is that of the bus itself.
  ///
  /// - Parameters:
  ///   - behavior: The kernel.
  ///   - adapterMask: `ap.apmask=` of the kernel's command line. It changes a mask of zeros, a text that
  ///     cannot be parsed leaves zeros, and it does not count as masks in use (SimulatedBus
  ///     documentation, "Masks").
  ///   - domainMask: `ap.aqmask=` of the kernel's command line.
  ///   - onUevent: Called for every event, including the first.
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
    send(.add, of: .bus)
  }

  func card(_ adapter: UInt8) -> CardDevice? { cards[Int(adapter)] }

  func queue(_ apqn: APQN) -> QueueDevice? {
    cards[Int(apqn.adapter)]?.queues[Int(apqn.domain)]
  }

  /// The driver of that name on the bus.
  func driver(_ name: String) -> (any Driver)? { drivers.first { $0.name == name } }

  /// The queues whose APQNs `vfio_ap` has stored in its matrix device; empty while it is not loaded.
  public var storedQueues: Set<APQN> { matrix.map { Set($0.queues) } ?? [] }

  /// The driver of a queue.
  ///
  /// - Parameter apqn: Any queue.
  /// - Returns: The driver's name; nil for a queue that is unbound or does not exist.
  public func driver(of apqn: APQN) -> String? { queue(apqn)?.driver?.name }

  /// Whether the kernel has a device of a queue.
  package func hasDevice(of apqn: APQN) -> Bool { queue(apqn) != nil }

  /// The seconds after which the kernel would scan again by itself, `config_time`.
  public var scanInterval: Int { configTime }

  /// The adapters, as the machine has them.
  public var adapters: [SimulatedCard] { hardware.cards.compactMap { $0 } }
}
