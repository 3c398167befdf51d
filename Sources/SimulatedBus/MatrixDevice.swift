import APBus

/// `/sys/devices/vfio_ap/matrix`: exists while the module `vfio_ap` is loaded, and holds the APQNs of
/// the queues that `vfio_ap` has taken.
final class MatrixDevice {
  /// The queues that `vfio_ap` has.
  var queues = APQNSet()
  /// Whether it is bound to the driver on its own bus.
  var isBound = false
  /// The mediated devices, by UUID.
  var mediatedDevices: [String: SimulatedMediatedDevice] = [:]

  /// The mediated device in whose matrix the queue is; at most one is.
  func mediatedDevice(holding apqn: APQN) -> SimulatedMediatedDevice? {
    mediatedDevices.values.first { $0.device.holds(apqn) }
  }

  /// What a guest of the device gets of its matrix: an adapter is left out whole where one of its
  /// queues is not bound to `vfio_ap` (`vfio_ap_mdev_filter_matrix`).
  /// `adapters` and `domains` are those that guests may have now.
  func effectiveMatrix(
    of device: MediatedDevice, adapters: APMask, domains: APMask
  ) -> MediatedDevice {
    var effective = device
    effective.domains.formIntersection(domains)
    effective.adapters.formIntersection(adapters)
    for adapter in effective.adapters
    where !effective.domains.isSubset(of: queues[adapter]) {
      effective.adapters.remove(adapter)
    }
    return effective
  }
}

/// A mediated device and whether a guest has it open.
struct SimulatedMediatedDevice {
  /// What is assigned to it.
  var device: MediatedDevice
  /// Whether it is bound to its driver.
  var isBound = false
  /// Whether a guest runs with it.
  var hasGuest = false
  /// Whether its removal has begun and waits for the guest: its files are gone, and what is assigned to
  /// it is assigned still (`mdev_device_remove` in drivers/vfio/mdev/mdev_core.c).
  var isLeaving = false
}
