import CUeventInjection
import Glibc
package import Uevents

/// Injects uevents into the network namespace of this process, which only it listens to.
package struct Injection: Sendable {
  private let descriptor: Int32

  /// Moves this process into a new network namespace.
  package init() {
    precondition(apreserve_unshare_network() == 0)
    descriptor = apreserve_open_injection()
    precondition(descriptor >= 0)
  }

  /// The strings, each ended by a NUL.
  private static func message(_ strings: [String]) -> [UInt8] {
    strings.reduce(into: []) { message, string in
      message += string.utf8
      message.append(0)
    }
  }

  /// Injects a message of these strings.
  package func inject(_ strings: String...) { inject(strings) }

  /// Injects a message of these strings.
  package func inject(_ strings: [String]) { inject(Self.message(strings)) }

  /// Injects the bytes of a message.
  package func inject(_ message: [UInt8]) {
    precondition(apreserve_inject(descriptor, message, UInt32(message.count)) == 0)
  }

  /// Sends a message as a forger would.
  package func forge(_ strings: String...) {
    let message = Self.message(strings)
    precondition(apreserve_forge(descriptor, message, UInt32(message.count)) == 0)
  }

  /// Injects the `add` of a queue; the number distinguishes messages.
  package func injectQueue(_ number: Int) {
    inject(
      "add@/devices/ap/card05/05.0004", "ACTION=add", "DEVPATH=/devices/ap/card05/05.0004",
      "SUBSYSTEM=ap", "DEVTYPE=ap_queue", "MODE=cca", "NUMBER=\(number)")
  }

  /// Injects an event as a kernel would send it.
  package func inject(_ event: Uevent) {
    var event = event
    // The kernel adds one of its own.
    event.sequenceNumber = nil
    inject(KernelMessage.encode(event))
  }
}
