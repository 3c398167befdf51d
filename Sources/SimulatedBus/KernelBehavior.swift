public import APBus

/// What differs between the kernels whose AP bus is simulated (SimulatedBus documentation, "Kernels").
///
/// Each property is one difference, so that a test can mix them; a property's default is Linux 5.2. The
/// kernels below are each derived from the one before, with the source of every change.
public struct KernelBehavior: Equatable, Sendable {
  /// When `BINDINGS=complete` is sent (SimulatedBus documentation, "Completion").
  public enum CompletionEvents: Sendable {
    /// Never: the kernel has no such event.
    case never
    /// By every successful probe that leaves all queues bound, before that device's bind event.
    case everyProbe
    /// At the end of every scan with all queues bound, as Linux 6.9 did when it came out.
    case everyScan
    /// At the end of a scan or of a driver's registration, once after each change.
    case endOfScan
  }

  /// What a mediated device may be given (SimulatedBus documentation, "Mediated devices" and "Overrides").
  public enum Assignment: Sendable {
    /// Queues that are bound to `vfio_ap`, no others.
    case boundQueues
    /// APQNs outside the host's pool, whether or not their queues exist.
    case pools
  }

  /// Whether the bus has `apmask` and `aqmask`, and probes are gated by them.
  public var hasMasks = true
  /// Whether queues have `driver_override`.
  public var hasOverrides = false
  /// Whether the bus has `scans` and `bindings`, and INITSCAN, CONFIG and ONLINE events are sent.
  public var hasBusEvents = false
  /// Whether events carry MODE; without it a queue's events carry DEV_TYPE and MODALIAS instead.
  public var hasMode = false
  /// When `BINDINGS=complete` is sent.
  public var completionEvents = CompletionEvents.never
  /// Whether the value of APMASK and AQMASK in an event ends with a newline.
  public var maskEventEndsWithNewline = false
  /// Whether a mask write is refused that would give the host a queue of a mediated device; a kernel
  /// that does not refuse it takes the queue away (SimulatedBus documentation, "Masks").
  public var vetoesMasks = false
  /// Whether a mask write is refused for any mediated device with a newly set adapter or domain,
  /// even where the other mask keeps the queue out of the host's pool.
  public var vetoIgnoresOtherMask = false
  /// What a mediated device may be given.
  public var assignment = Assignment.boundQueues
  /// Whether cards have `config` and `chkstop`.
  public var hasCardConfiguration = false
  /// Whether queues have `config` and `chkstop`.
  public var hasQueueConfiguration = false
  /// Whether an adapter on standby or check-stopped keeps its devices; otherwise it counts as removed
  /// (SimulatedBus documentation, "Scans").
  public var keepsUnusableDevices = false
  /// Whether a queue without a driver stays; otherwise one scan deletes it and the next makes it anew,
  /// and so binds it (SimulatedBus documentation, "Unbound queues").
  public var keepsUnboundQueues = false
  /// What `bind` answers for a device that has a driver: EBUSY since Linux 5.14, ENODEV before
  /// (`bind_store` in drivers/base/bus.c).
  public var errorOfBoundDevice = Errno.noSuchDevice
  /// Whether the removal of a mediated device waits for its guest, as since Linux 5.14; before, it is
  /// EBUSY (SimulatedBus documentation, "Mediated devices").
  public var removalWaitsForGuest = false
  /// Whether queues have `ap_functions`, the bus `features` and mediated devices `ap_config`.
  public var hasLateAttributes = false
  /// Whether queues of `vfio_ap` have `status` and mediated devices `guest_matrix`.
  public var hasGuestMatrix = false
  /// Whether the matrix device is on a bus of its own, and so has events.
  public var hasMatrixBus = true
  /// Whether a module's event is sent after its initialisation (Linux 5.11, kernel/module/main.c).
  public var announcesModulesLast = false
  /// Whether devices have a `power` directory: a matter of the kernel's configuration.
  public var hasPowerDirectories = true
  /// Whether hardware below type 10 has devices at all.
  public var createsOldDevices = true
  /// The newest type that the kernel knows; newer hardware counts as one of that
  /// (`ap_get_compatible_type` in ap_bus.c).
  public var newestHardwareType = HardwareType(rawValue: 12)

  /// Linux 5.2, from which all others are derived: masks, and nothing that later kernels report or refuse.
  /// According to its source; there is no transcript of it.
  public static let mask52 = KernelBehavior()

  /// The design of 2018: no masks, any driver may be bound by hand. No released kernel was like this; the
  /// rest is as in the module of the kernel bed (`Tests/KernelBed/apsim`), on Linux 6.1.
  public static let bind2018 = mask52.changing {
    $0.hasMasks = false
    $0.hasCardConfiguration = true
    $0.keepsUnusableDevices = true
    $0.keepsUnboundQueues = true
    $0.errorOfBoundDevice = .busy
    $0.hasMatrixBus = false
    $0.newestHardwareType = HardwareType(rawValue: 14)
  }

  /// Linux 6.1. Compared with transcripts of it.
  public static let mask61 = mask52.changing {
    // 5.10, which keeps what is on standby.
    $0.hasCardConfiguration = true
    $0.hasQueueConfiguration = true
    $0.keepsUnusableDevices = true
    // Commit b1af7528d27e.
    $0.keepsUnboundQueues = true
    // 5.11 to 6.0.
    $0.announcesModulesLast = true
    $0.hasBusEvents = true
    $0.hasMode = true
    $0.completionEvents = .everyProbe
    $0.maskEventEndsWithNewline = true
    // 5.14.
    $0.errorOfBoundDevice = .busy
    $0.removalWaitsForGuest = true
    // Commit 6917f434fda3 and those with it, 6.0.
    $0.vetoesMasks = true
    $0.assignment = .pools
    $0.hasGuestMatrix = true
    // `ap_get_compatible_type`.
    $0.newestHardwareType = HardwareType(rawValue: 14)
  }

  /// Linux 7.2: masks, or an override for each queue. Compared with transcripts of it.
  public static let override72 = mask61.changing {
    // Commits 306d6bda8f97 (6.10) and b4f5bd60d558 (6.11).
    $0.completionEvents = .endOfScan
    // `ap_send_mask_changed_uevent`.
    $0.maskEventEndsWithNewline = false
    $0.hasLateAttributes = true
    // Commits d38a87d7c064 and 46030379f13c, 6.19.
    $0.hasOverrides = true
    $0.vetoIgnoresOtherMask = true
    // `ap_get_compatible_type`.
    $0.createsOldDevices = false
    // The kernel of the bed is built without CONFIG_PM.
    $0.hasPowerDirectories = false
  }

  /// The kernels that are simulated, by the name that scenarios and transcripts have for each.
  public static let kernels: [(name: String, behavior: KernelBehavior)] = [
    ("2018", .bind2018), ("5.2", .mask52), ("6.1", .mask61), ("7.2", .override72),
  ]

  /// A kernel that differs from this one.
  ///
  /// - Parameter change: Sets what is different.
  /// - Returns: This kernel with the change.
  public func changing(_ change: (inout KernelBehavior) -> Void) -> KernelBehavior {
    var kernel = self
    change(&kernel)
    return kernel
  }

  /// The oldest of these kernels on which queues are moved by a mechanism.
  ///
  /// - Parameter mechanism: How queues are moved.
  /// - Returns: A kernel that has transcripts or, without masks, the design of 2018.
  public static func kernel(for mechanism: Mechanism) -> KernelBehavior {
    switch mechanism {
    case .bind: .bind2018
    case .mask: .mask61
    case .override: .override72
    }
  }

  /// The kernel that an inventory was read from, as its attributes show.
  ///
  /// - Parameter inventory: A machine as read.
  /// - Returns: The simulated kernel that is most like it.
  public static func kernel(of inventory: Inventory) -> KernelBehavior {
    let bus = inventory.bus
    let hasOverrides =
      bus.supportsOverride == true || bus.bindingsCompleteCount != nil
      || inventory.queues.contains { $0.driverOverride != nil }
    let kernel: KernelBehavior =
      if bus.masks == nil { .bind2018 } else if hasOverrides { .override72 } else { .mask61 }
    guard inventory.cards.contains(where: { !$0.hardwareType.isReservable }) else { return kernel }
    return kernel.changing { $0.createsOldDevices = true }
  }
}
