import APBus
import Reservation
import HostSystem

/// Notices that queues were reserved only after `vfio_ap` had been loaded by something else.
///
/// mdevctl starts its devices when `vfio_ap` announces the matrix device (SimulatedBus documentation,
/// "s390-tools"); those whose queues are not reserved by then fail, and nobody starts them later unless
/// the device is announced again.
struct LateStart {
  private let sysfs: any Sysfs
  private let log: any MessageLog
  private let root: String?
  private let wasLoaded: Bool
  private var isDone = false

  /// Looks whether `vfio_ap` is there before anything is reserved.
  init(sysfs: any Sysfs, log: any MessageLog, root: String?) {
    self.sysfs = sysfs
    self.log = log
    self.root = root
    wasLoaded = (try? sysfs.list(.bus("drivers")))?.contains(DriverName.vfioAP) == true
  }

  /// Takes note of a look that could decide something, and of how many queues have been reserved. The
  /// first that was complete counts, or that has reserved any: what is tried again may fail for ever.
  mutating func noteLook(reserved: Int, isComplete: Bool, reannounces: Bool) {
    guard !isDone, isComplete || reserved > 0 else { return }
    isDone = true
    guard wasLoaded, reserved > 0, hasAutomaticDevices else { return }
    guard reannounces else {
      return log.write(
        LogMessage(
          .warning, .lateStart,
          "vfio_ap was loaded before \(reserved) queues were reserved, so mediated devices that start "
            + "automatically may have failed; load it by modprobe@vfio_ap.service behind "
            + "apreserve-prepare.service, or set ReannounceMatrix=yes"))
    }
    do throws(SysfsError) {
      try sysfs.write("add", to: SysfsPath(.matrix, "uevent"))
      log.write(
        LogMessage(
          .notice, .lateStart,
          "vfio_ap was loaded before \(reserved) queues were reserved; the matrix device was announced "
            + "again"))
    } catch {
      log.write(LogMessage(.error, .lateStart, "\(error)"))
    }
  }

  private var hasAutomaticDevices: Bool {
    guard let root else { return false }
    return HostConfigurationReader(root: root).read().definitions.contains(
      where: \.startsAutomatically)
  }
}
