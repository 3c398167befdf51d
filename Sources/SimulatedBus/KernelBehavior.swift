public import APBus

/// What differs between the kernels whose AP bus is simulated (SimulatedBus documentation, "Kernels").
///
/// Each property is one difference, so that a test can mix them; a property's default is Linux 5.2. The
/// kernels below are each derived from an earlier one, with the source of every change.
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
  /// Whether the bus has `ap_max_adapter_id`.
  public var hasAdapterLimit = false
  /// Whether the bus has `scans` and `bindings`, and sends INITSCAN.
  public var hasScanCounters = false
  /// Whether a change of a card's or queue's `config` or `online` has an event.
  public var hasDeviceEvents = false
  /// Whether a mask write has the event APMASK or AQMASK.
  public var hasMaskEvents = false
  /// Whether events carry MODE; without it a queue's events carry DEV_TYPE and MODALIAS instead.
  public var hasMode = false
  /// When `BINDINGS=complete` is sent.
  public var completionEvents = CompletionEvents.never
  /// Whether a mask write is refused that would give the host a queue of a mediated device; a kernel
  /// that does not refuse it takes the queue away (SimulatedBus documentation, "Masks").
  public var vetoesMasks = false
  /// Whether a mask write is refused for any mediated device with a newly set adapter or domain,
  /// even where the other mask keeps the queue out of the host's pool.
  public var vetoIgnoresOtherMask = false
  /// What a mediated device may be given.
  public var assignment = Assignment.boundQueues
  /// Whether cards have `config`.
  public var hasCardConfiguration = false
  /// Whether queues have `config`.
  public var hasQueueConfiguration = false
  /// Whether cards have `chkstop`, and queues if they have `config`.
  public var hasCheckStop = false
  /// Whether cards have `max_msg_size`.
  public var hasMessageSize = false
  /// Whether `online` reads 0 and refuses a 1 under a check-stop, and not only on standby.
  public var checkStopPreventsOnline = false
  /// Whether the bus initialises new queues, so that they count requests before any driver takes them.
  public var initialisesNewQueues = false
  /// Whether `depth` is the adapter's depth, and not one less.
  public var printsWholeDepth = false
  /// Whether an adapter on standby or check-stopped keeps its devices; otherwise it counts as removed
  /// (SimulatedBus documentation, "Scans").
  public var keepsUnusableDevices = false
  /// Whether a queue without a driver stays; otherwise one scan deletes it and the next makes it anew,
  /// and so binds it (SimulatedBus documentation, "Unbound queues").
  public var keepsUnboundQueues = false
  /// What `bind` answers for a device that has a driver: EBUSY since Linux 5.14, ENODEV before
  /// (`bind_store` in drivers/base/bus.c).
  public var errorOfBoundDevice = Errno.noSuchDevice
  /// Whether the removal of a mediated device waits for its guest, as since Linux 5.3; before, it is
  /// EBUSY (SimulatedBus documentation, "Mediated devices").
  public var removalWaitsForGuest = false
  /// Whether queues have `ap_functions`.
  public var hasQueueFunctions = false
  /// Whether the bus has `features`.
  public var hasBusFeatures = false
  /// Whether the matrix device has `features`.
  public var hasMatrixFeatures = false
  /// Whether mediated devices have `ap_config`.
  public var hasMatrixConfiguration = false
  /// Whether `poll_thread` and `poll_timeout` are read by `kstrtobool` and `kstrtoull`, and not by `sscanf`.
  public var readsNumbersStrictly = false
  /// Whether `sscanf` reads a number of more than 64 bits as the largest of 64 bits, and does not drop its
  /// highest bits (`_parse_integer_limit` in lib/kstrtox.c).
  public var limitsNumbers = false
  /// Whether `kstrtobool` takes `enable` and `disable`, of which it reads the first letter.
  public var readsEnableAndDisable = false
  /// Whether queues of `vfio_ap` have `status` and mediated devices `guest_matrix`.
  public var hasGuestMatrix = false
  /// Whether mediated devices are bound to a driver of `vfio_ap`, and not to `vfio_mdev`, and have `vfio-dev`.
  public var hasMediatedDriver = false
  /// Whether the matrix device is on a bus of its own, and so has events.
  public var hasMatrixBus = true
  /// Whether a module's event is sent after its initialisation (Linux 5.11 and the stable releases of 5.10,
  /// kernel/module.c).
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
    $0.hasCheckStop = true
    $0.hasMessageSize = true
    $0.keepsUnusableDevices = true
    $0.keepsUnboundQueues = true
    $0.errorOfBoundDevice = .busy
    $0.hasMatrixBus = false
    $0.newestHardwareType = HardwareType(rawValue: 14)
  }

  /// Linux 5.10. Compared with transcripts of it.
  public static let mask510 = mask52.changing {
    // As of its stable releases.
    $0.announcesModulesLast = true
    $0.hasAdapterLimit = true
    $0.hasCardConfiguration = true
    $0.hasQueueConfiguration = true
    // 5.3, `mdev_device_remove`.
    $0.removalWaitsForGuest = true
    // `ap_scan_domains`.
    $0.keepsUnusableDevices = true
    // Commit b1af7528d27e.
    $0.keepsUnboundQueues = true
    // `ap_get_compatible_type`.
    $0.newestHardwareType = HardwareType(rawValue: 13)
  }

  /// Linux 6.1. Compared with transcripts of it.
  public static let mask61 = mask510.changing {
    // 5.11 to 6.0.
    $0.hasScanCounters = true
    $0.hasDeviceEvents = true
    $0.hasMaskEvents = true
    $0.hasMode = true
    $0.completionEvents = .everyProbe
    $0.hasCheckStop = true
    $0.hasMessageSize = true
    // 5.14.
    $0.errorOfBoundDevice = .busy
    // Commit 6917f434fda3 and those with it, 6.0.
    $0.vetoesMasks = true
    $0.assignment = .pools
    $0.hasGuestMatrix = true
    // 5.14 to 6.1.
    $0.hasMediatedDriver = true
    // `ap_get_compatible_type`.
    $0.newestHardwareType = HardwareType(rawValue: 14)
  }

  /// Linux 6.8, as Ubuntu 24.04 has it. Derived from Linux 6.1 and 6.12; there is no transcript of it.
  public static let mask68 = mask61.changing {
    // 6.2 to 6.8.
    $0.hasBusFeatures = true
    $0.hasQueueFunctions = true
    // `ap_scan_domains`.
    $0.initialisesNewQueues = true
    $0.readsNumbersStrictly = true
    $0.checkStopPreventsOnline = true
    $0.printsWholeDepth = true
    // `ap_get_compatible_type`.
    $0.createsOldDevices = false
  }

  /// Linux 6.12, the last with masks alone that distributions have. Compared with transcripts of it.
  public static let mask612 = mask68.changing {
    // Commits 306d6bda8f97 (6.10) and b4f5bd60d558 (6.11).
    $0.completionEvents = .endOfScan
    $0.hasMatrixFeatures = true
    $0.hasMatrixConfiguration = true
  }

  /// Linux 7.2: masks, or an override for each queue. Compared with transcripts of it.
  public static let override72 = mask612.changing {
    // Commits d38a87d7c064 and 46030379f13c, 6.19.
    $0.hasOverrides = true
    $0.vetoIgnoresOtherMask = true
    // lib/kstrtox.c, after 6.12.
    $0.limitsNumbers = true
    $0.readsEnableAndDisable = true
    // The kernel of the bed is built without CONFIG_PM.
    $0.hasPowerDirectories = false
  }

  /// The driver of mediated devices.
  var mediatedDriver: String { hasMediatedDriver ? "vfio_ap_mdev" : "vfio_mdev" }

  /// The kernels that are simulated, by the name that scenarios and transcripts have for each.
  public static let kernels: [(name: String, behavior: KernelBehavior)] = [
    ("2018", .bind2018), ("5.2", .mask52), ("5.10", .mask510), ("6.1", .mask61), ("6.8", .mask68),
    ("6.12", .mask612), ("7.2", .override72),
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

  /// The kernel that an inventory was read from, as its attributes show. Release numbers are not looked at:
  /// distributions carry changes back.
  ///
  /// - Parameter inventory: A machine as read.
  /// - Returns: The simulated kernel that is most like it.
  public static func kernel(of inventory: Inventory) -> KernelBehavior {
    let bus = inventory.bus
    let hasOverrides =
      bus.supportsOverride == true || bus.bindingsCompleteCount != nil
      || inventory.queues.contains { $0.driverOverride != nil }
    let kernel: KernelBehavior
    if bus.masks == nil {
      kernel = .bind2018
    } else if hasOverrides {
      kernel = .override72
    } else if bus.matrixFeatures != nil {
      kernel = .mask612
    } else if bus.features != nil {
      // Without vfio_ap, the features of its matrix device do not show.
      kernel = bus.hasDriver(DriverName.vfioAP) ? .mask68 : .mask612
    } else if bus.scans == nil, bus.configuredAdapters != nil, !inventory.queues.isEmpty {
      kernel =
        inventory.queues.contains { $0.isConfigured != nil } ? .mask510 : .mask52
    } else {
      kernel = .mask61
    }
    guard inventory.cards.contains(where: { !$0.hardwareType.isReservable }) else { return kernel }
    return kernel.changing { $0.createsOldDevices = true }
  }
}
