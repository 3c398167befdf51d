import APBus
import HostSystem
import Reservation

/// Holds the first decision back on kernels that do not count their scans: a decision while cards
/// are still being added would be about half a machine.
///
/// Where the bus has `scans`, the agent itself waits for the first one.
struct BootGate {
  private let sysfs: any Sysfs
  /// How long no event may be received.
  var settleTime: Duration
  private var hasOpened = false
  /// When it opens without further events; nil while there is nothing to wait for.
  private(set) var nextDue: Instant?

  init(sysfs: any Sysfs, settleTime: Duration) {
    self.sysfs = sysfs
    self.settleTime = settleTime
  }

  /// Whether decisions may be made. Every event while it is closed restarts the wait.
  mutating func isOpen(now: Instant, isEvent: Bool) -> Bool {
    if hasOpened { return true }
    guard countsNoScans else {
      nextDue = nil
      return true
    }
    if let due = nextDue, due <= now, !isEvent {
      hasOpened = true
      nextDue = nil
      return true
    }
    if nextDue == nil || isEvent { nextDue = now + settleTime }
    return false
  }

  /// Whether there is a bus, and one without a counter.
  private var countsNoScans: Bool {
    guard (try? sysfs.list(.bus("drivers"))) != nil else { return false }
    do throws(SysfsError) {
      _ = try sysfs.read(.bus("scans"))
      return false
    } catch {
      return error.errno == .noSuchFile
    }
  }
}

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

  /// Reads whether `vfio_ap` is loaded before anything is reserved.
  init(sysfs: any Sysfs, log: any MessageLog, root: String?) {
    self.sysfs = sysfs
    self.log = log
    self.root = root
    wasLoaded = (try? sysfs.list(.bus("drivers")))?.contains(DriverName.vfioAP) == true
  }

  /// Notes a reconciliation that could decide something, and how many queues have been reserved. The first
  /// that was complete counts, or that has reserved any: what is tried again may fail for ever.
  mutating func noteReconciliation(reserved: Int, isComplete: Bool, reannounces: Bool) {
    guard !isDone, isComplete || reserved > 0 else { return }
    isDone = true
    guard wasLoaded, reserved > 0, hasAutomaticDevices else { return }
    guard reannounces else {
      return log.write(
        LogMessage(
          .warning, .lateStart,
          "vfio_ap was loaded before \(counted(reserved, "queue")) \(reserved == 1 ? "was" : "were") reserved, so mediated devices that start "
            + "automatically may have failed; load it by modprobe@vfio_ap.service after "
            + "apreserve-prepare.service, or set ReannounceMatrix=yes"))
    }
    do throws(SysfsError) {
      try sysfs.write("add", to: SysfsPath(.matrix, "uevent"))
      log.write(
        LogMessage(
          .notice, .lateStart,
          "vfio_ap was loaded before \(counted(reserved, "queue")) \(reserved == 1 ? "was" : "were") reserved; the matrix device was announced "
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
