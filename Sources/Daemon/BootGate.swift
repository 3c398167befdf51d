import APBus

/// Holds the first decision back on kernels that do not count their scans: what is decided while cards
/// still come would be decided on half a machine.
///
/// Where the bus has `scans`, the agent itself waits for the first one (SimulatedBus documentation, "Scans").
struct BootGate {
  private let sysfs: any Sysfs
  /// How long nothing must come.
  var settleTime: Duration
  private var hasOpened = false
  /// When it opens if nothing more comes; nil while there is nothing to wait for.
  private(set) var nextDue: Duration?

  init(sysfs: any Sysfs, settleTime: Duration) {
    self.sysfs = sysfs
    self.settleTime = settleTime
  }

  /// Whether decisions may be made. Every event while it is shut begins the wait anew.
  mutating func isOpen(now: Duration, isEvent: Bool) -> Bool {
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
