public import APBus

/// Gives a queue that `vfio_ap` has back to the host, on kernels with `driver_override`.
public struct QueueReturn {
  /// Why a queue was not given back.
  public enum Refused: Error, Equatable {
    /// A mediated device has the queue.
    case assigned
    /// The kernel did not do it, whatever it answered.
    case notMoved(driver: String?)
  }

  /// Real files below `/sys` in the program, a simulated bus in its tests.
  let sysfs: any Sysfs

  /// Works through `sysfs`.
  public init(_ sysfs: any Sysfs) {
    self.sysfs = sysfs
  }

  /// Gives a queue back. A kernel does not ask whether a guest has it, so this does.
  public func giveBack(_ apqn: APQN) throws {
    guard try sysfs.read(.queue(apqn, "status")) == "unassigned\n" else { throw Refused.assigned }
    try sysfs.write("\n", to: .queue(apqn, "driver_override"))
    try sysfs.write("\(apqn)", to: .driver("vfio_ap", "unbind"))
    try sysfs.write("\(apqn)", to: .bus("drivers_probe"))
    // drivers_probe is a success though no driver took the queue.
    let driver = try? sysfs.readLink(.queue(apqn, "driver"))
    guard driver == "cex4queue" else { throw Refused.notMoved(driver: driver) }
  }
}
