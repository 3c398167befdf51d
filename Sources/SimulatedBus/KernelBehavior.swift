public import APBus

/// What differs between the kernels whose AP bus is simulated (SimulatedBus documentation, "Kernels").
///
/// Each flag is one difference, so that a test can mix them; the three kernels for which there are
/// transcripts are given as whole values.
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
  public var hasMasks: Bool
  /// Whether queues have `driver_override`.
  public var hasOverrides: Bool
  /// Whether the bus has `scans` and `bindings`, and INITSCAN, CONFIG and ONLINE events are sent.
  public var hasBusEvents: Bool
  /// Whether events carry MODE; without it a queue's events carry DEV_TYPE and MODALIAS instead.
  public var hasMode: Bool
  /// When `BINDINGS=complete` is sent.
  public var completionEvents: CompletionEvents
  /// Whether the value of APMASK and AQMASK in an event ends with a newline.
  public var maskEventEndsWithNewline: Bool
  /// Whether a mask write is refused that would give the host a queue of a mediated device; a kernel
  /// that does not refuse it takes the queue away (SimulatedBus documentation, "Masks").
  public var vetoesMasks: Bool
  /// Whether a mask write is refused for any mediated device with a newly set adapter or domain,
  /// even where the other mask keeps the queue out of the host's pool.
  public var vetoIgnoresOtherMask: Bool
  /// What a mediated device may be given.
  public var assignment: Assignment
  /// Whether cards have `config` and `chkstop`.
  public var hasCardConfiguration: Bool
  /// Whether queues have `config` and `chkstop`.
  public var hasQueueConfiguration: Bool
  /// Whether an adapter on standby or check-stopped keeps its devices; otherwise it is as good as gone
  /// (SimulatedBus documentation, "Scans").
  public var keepsUnusableDevices: Bool
  /// Whether a queue without a driver stays; otherwise one scan deletes it and the next makes it anew,
  /// and so binds it (SimulatedBus documentation, "Unbound queues").
  public var keepsUnboundQueues: Bool
  /// What `bind` answers for a device that has a driver: EBUSY since Linux 5.14, ENODEV before
  /// (`bind_store` in drivers/base/bus.c).
  public var errorOfBoundDevice: Errno
  /// Whether the removal of a mediated device waits for its guest, as since Linux 5.14; before, it is
  /// EBUSY (SimulatedBus documentation, "Mediated devices").
  public var removalWaitsForGuest: Bool
  /// Whether queues have `ap_functions`, the bus `features` and mediated devices `ap_config`.
  public var hasLateAttributes: Bool
  /// Whether queues of `vfio_ap` have `status` and mediated devices `guest_matrix`.
  public var hasGuestMatrix: Bool
  /// Whether the matrix device is on a bus of its own, and so has events.
  public var hasMatrixBus: Bool
  /// Whether a module's event comes after its initialisation (Linux 5.11, kernel/module/main.c).
  public var announcesModulesLast: Bool
  /// Whether devices have a `power` directory: a matter of the kernel's configuration.
  public var hasPowerDirectories: Bool
  /// Whether hardware below type 10 has devices at all.
  public var createsOldDevices: Bool
  /// The newest type that the kernel knows; newer hardware counts as one of that
  /// (`ap_get_compatible_type` in ap_bus.c).
  public var newestHardwareType: HardwareType

  /// The design of 2018: no masks, any driver may be bound by hand.
  public static let bind2018 = KernelBehavior(
    hasMasks: false, hasOverrides: false, hasBusEvents: false, hasMode: false,
    completionEvents: .never, maskEventEndsWithNewline: false, vetoesMasks: false,
    vetoIgnoresOtherMask: false, assignment: .boundQueues, hasCardConfiguration: true,
    hasQueueConfiguration: false, keepsUnusableDevices: true, keepsUnboundQueues: true,
    errorOfBoundDevice: .busy, removalWaitsForGuest: false, hasLateAttributes: false,
    hasGuestMatrix: false, hasMatrixBus: false, announcesModulesLast: false,
    hasPowerDirectories: true, createsOldDevices: true,
    newestHardwareType: HardwareType(rawValue: 14))

  /// Linux 5.2: masks, and nothing that later kernels tell or refuse. As its source reads; there is no
  /// transcript of it.
  public static let mask52 = KernelBehavior(
    hasMasks: true, hasOverrides: false, hasBusEvents: false, hasMode: false,
    completionEvents: .never, maskEventEndsWithNewline: false, vetoesMasks: false,
    vetoIgnoresOtherMask: false, assignment: .boundQueues, hasCardConfiguration: false,
    hasQueueConfiguration: false, keepsUnusableDevices: false, keepsUnboundQueues: false,
    errorOfBoundDevice: .noSuchDevice, removalWaitsForGuest: false, hasLateAttributes: false,
    hasGuestMatrix: false, hasMatrixBus: true, announcesModulesLast: false,
    hasPowerDirectories: true, createsOldDevices: true,
    newestHardwareType: HardwareType(rawValue: 12))

  /// Linux 6.1: masks.
  public static let mask61 = KernelBehavior(
    hasMasks: true, hasOverrides: false, hasBusEvents: true, hasMode: true,
    completionEvents: .everyProbe, maskEventEndsWithNewline: true, vetoesMasks: true,
    vetoIgnoresOtherMask: false, assignment: .pools, hasCardConfiguration: true,
    hasQueueConfiguration: true, keepsUnusableDevices: true, keepsUnboundQueues: true,
    errorOfBoundDevice: .busy, removalWaitsForGuest: true, hasLateAttributes: false,
    hasGuestMatrix: true, hasMatrixBus: true, announcesModulesLast: true,
    hasPowerDirectories: true, createsOldDevices: true,
    newestHardwareType: HardwareType(rawValue: 14))

  /// Linux 7.2: masks, or an override for each queue.
  public static let override72 = KernelBehavior(
    hasMasks: true, hasOverrides: true, hasBusEvents: true, hasMode: true,
    completionEvents: .endOfScan, maskEventEndsWithNewline: false, vetoesMasks: true,
    vetoIgnoresOtherMask: true, assignment: .pools, hasCardConfiguration: true,
    hasQueueConfiguration: true, keepsUnusableDevices: true, keepsUnboundQueues: true,
    errorOfBoundDevice: .busy, removalWaitsForGuest: true, hasLateAttributes: true,
    hasGuestMatrix: true, hasMatrixBus: true, announcesModulesLast: true,
    hasPowerDirectories: false, createsOldDevices: false,
    newestHardwareType: HardwareType(rawValue: 14))

  /// The oldest of these kernels on which queues are moved by that mechanism.
  public static func kernel(for mechanism: Mechanism) -> KernelBehavior {
    switch mechanism {
    case .bind: .bind2018
    case .mask: .mask61
    case .override: .override72
    }
  }

  /// The kernel that an inventory was read from, as its attributes tell.
  public static func kernel(of inventory: Inventory) -> KernelBehavior {
    let bus = inventory.bus
    let hasOverrides =
      bus.supportsOverride == true || bus.bindingsCompleteCount != nil
      || inventory.queues.contains { $0.driverOverride != nil }
    var behavior: KernelBehavior =
      if bus.masks == nil { .bind2018 } else if hasOverrides { .override72 } else { .mask61 }
    if inventory.cards.contains(where: { !$0.hardwareType.isReservable }) {
      behavior.createsOldDevices = true
    }
    return behavior
  }
}
