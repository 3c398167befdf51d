import CUeventInjection
import Uevents

/// Sends uevents to the listeners of this network namespace, through the kernel.
struct Injector: Sendable {
  private let descriptor: Int32

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  func send(_ event: Uevent) {
    var event = event
    // The kernel adds one of its own.
    event.sequenceNumber = nil
    send(KernelMessage.encode(event))
  }

  func send(_ message: [UInt8]) {
    let result = apreserve_inject(descriptor, message, UInt32(message.count))
    guard result == 0 else { fatalError("injecting: errno \(-result)") }
  }

  /// A message about a queue, as a kernel with masks sends it.
  static func queue(_ name: String, action: Uevent.Action = .change) -> [UInt8] {
    KernelMessage.encode(
      Uevent(
        action, "/devices/ap/card\(name.prefix(2))/\(name)", subsystem: "ap",
        properties: [
          .init("DEVTYPE", "ap_queue"), .init("DRIVER", "cex4queue"), .init("MODE", "cca"),
        ]
      ))
  }
}
