import CUeventInjection
import Glibc
import Uevents

/// The kernel's own multicast of uevents, into which those of the simulated bus are put: whoever listens
/// in this network namespace gets them as if a device had sent them (`uevent_net_rcv_skb` in
/// lib/kobject_uevent.c).
final class UeventInjection {
  /// Why nothing can be sent.
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  private let descriptor: Int32

  /// Opens the way to the kernel. In the host's own network namespace the events would reach its udevd,
  /// so that is refused.
  init() throws(Refused) {
    guard !Self.isHostNamespace else {
      throw Refused(
        description: "--uevents is for a network namespace of one's own, for in the host's its "
          + "udevd would take the events for real; begin with \"unshare --net\", or "
          + "\"unshare --user --map-root-user --net --mount\" without being root")
    }
    descriptor = apreserve_open_injection()
    guard descriptor >= 0 else {
      throw Refused(description: "opening the kernel's uevent socket: errno \(-descriptor)")
    }
  }

  deinit {
    close(descriptor)
  }

  /// Settings of the network's core that are the machine's and no namespace's are shown in the host's
  /// namespace alone (`net_core_table` in net/core/sysctl_net_core.c).
  private static var isHostNamespace: Bool {
    access("/proc/sys/net/core/netdev_max_backlog", F_OK) == 0
  }

  /// Sends an event; the kernel gives it a number of its own. The result is the error number, or 0.
  func send(_ event: Uevent) -> Int32 {
    var event = event
    event.sequenceNumber = nil
    let bytes = KernelMessage.encode(event)
    return bytes.withUnsafeBytes {
      -apreserve_inject(descriptor, $0.baseAddress, UInt32($0.count))
    }
  }
}
