import APBus
import Glibc
import HostSystem
import TestSupport
import Testing
import Uevents

/// A pair of sockets with the filter before one of them. Classic BPF works alike on every kind of
/// socket, so that no netlink socket is needed.
private final class FilteredSockets {
  private var descriptors: [Int32] = [0, 0]

  init() throws {
    let result = socketpair(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &descriptors)
    try #require(result == 0)
    try SocketFilter.adjunctProcessor.attach(to: descriptors[1])
  }

  deinit {
    for descriptor in descriptors { close(descriptor) }
  }

  /// Whether a message arrives, and if it does, whether it is whole.
  func passes(_ message: [UInt8]) -> Bool {
    _ = send(descriptors[0], message, message.count, 0)
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count = recv(descriptors[1], &buffer, buffer.count, 0)
    guard count >= 0 else { return false }
    #expect(Array(buffer[..<count]) == message)
    return true
  }

  func passes(_ text: String) -> Bool { passes(Array(text.utf8)) }
}

@Suite struct `The socket filter` {
  @Test(arguments: CaptureFile.names)
  func `passes everything that the agent uses, for every message of every capture`(
    name: String
  ) throws {
    let sockets = try FilteredSockets()
    let file = name + ".events"
    let capture = Capture.read(bytes: try CaptureFile.bytes(file), name: file)
    try #require(!capture.events.isEmpty)
    for event in capture.events {
      let path = event.devicePath
      let passes = sockets.passes(KernelMessage.encode(event))
      let isNear = Self.places.contains { path == $0 || path.hasPrefix($0 + "/") }
      #expect(passes == isNear, "\(path)")
      if Self.matters(event) { #expect(passes, "\(path)") }
    }
  }

  private static let places = [
    "/devices/ap", "/bus/ap", "/devices/vfio_ap", "/module/ap", "/module/zcrypt_cex4",
    "/module/vfio_ap",
  ]

  /// Whether the event could make the agent read something. Of modules it is only the AP
  /// bus's own: others say nothing that their drivers do not say too.
  private static func matters(_ event: Uevent) -> Bool {
    switch BusObject(path: event.devicePath) {
    case .module(let name): ["ap", "zcrypt_cex4", "vfio_ap"].contains(name)
    case nil: false
    default: true
    }
  }

  @Test(arguments: [
    "/devices/ap", "/devices/ap/card05", "/devices/ap/card05/05.0004", "/bus/ap",
    "/bus/ap/drivers/vfio_ap", "/devices/vfio_ap", "/devices/vfio_ap/matrix", "/module/ap",
    "/module/zcrypt_cex4", "/module/vfio_ap",
  ])
  func `lets pass every action on an AP bus's path`(path: String) throws {
    let sockets = try FilteredSockets()
    for action in Uevent.Action.allCases {
      #expect(sockets.passes(KernelMessage.encode(Uevent(action, path, subsystem: "ap"))))
    }
  }

  @Test(arguments: [
    "/devices/app", "/devices/a", "/devices/virtual/net/ap0", "/bus/apple", "/bus/ap2/x",
    "/module/apparmor", "/module/vfio_ap_x", "/module/zcrypt", "/devices/vfio_apx",
    "/devices/vfio", "/class/ap", "/devices/apx/card05",
  ])
  func `drops what only begins alike`(path: String) throws {
    let sockets = try FilteredSockets()
    for action in Uevent.Action.allCases {
      #expect(!sockets.passes(KernelMessage.encode(Uevent(action, path, subsystem: "ap"))))
    }
  }

  @Test(arguments: [
    "", "a", "add@", "add@/", "add@/devices/ap", "@/devices/ap\0", "ad@/devices/ap\0",
    "adding@@/devices/ap\0", "addition@/devices/ap\0", "libudev\0\0\0\0/devices/ap\0",
  ])
  func `drops messages that are not from the kernel or end too early`(message: String) throws {
    #expect(try !FilteredSockets().passes(message))
  }
}
