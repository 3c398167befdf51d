import Reservation
import HostSystem
import CUeventInjection
import Glibc
import JSONText
import SimulatedBus
import Daemon

extension FuzzTarget {
  /// What clients of the control socket send: cut into messages wherever it is torn, read, and answered.
  static let varlink = FuzzTarget("varlink") { bytes in
    // The first byte says where the stream is torn.
    let size = max(1, Int(bytes.first ?? 1))
    let stream = Array(bytes.dropFirst())
    let whole = try messages(stream, piece: max(1, stream.count))
    try hold(try messages(stream, piece: size) == whole, "torn otherwise it has other messages")
    for message in whole {
      do {
        let call = try Call(message: message)
        let again = try Call(message: Array(call.message.dropLast()))
        try hold(again == call, "\(call) is sent otherwise")
        _ = call.interface
        _ = Reply.interfaceNotFound(call.interface).message
      } catch let malformed as Call.Malformed {
        try holdReadable("\(malformed)")
      }
      do {
        let reply = try Reply(message: message)
        let again = try Reply(message: Array(reply.message.dropLast()))
        try hold(again == reply, "\(reply) is sent otherwise")
      } catch let malformed as Call.Malformed {
        try holdReadable("\(malformed)")
      }
    }
  }

  private static func messages(_ stream: [UInt8], piece: Int) throws -> [[UInt8]] {
    var buffer = MessageBuffer(limit: 64 * 1024)
    var messages: [[UInt8]] = []
    for start in stride(from: 0, to: stream.count, by: piece) {
      buffer.append(stream[start..<min(start + piece, stream.count)])
      while let message = try buffer.next() { messages.append(message) }
    }
    return messages
  }

  /// Requests to the exporter: each has one answer, which is well-formed whatever was asked.
  static let scrapes = FuzzTarget("scrapes") { bytes in
    let answer = Exporter { .success("a 1\n") }.answer(.success(bytes)).bytes(at: 0)
    let text = String(decoding: answer, as: UTF8.self)
    try hold(text.hasPrefix("HTTP/1.1 "), "an answer that is none of HTTP")
    let end = text.firstRange(of: "\r\n\r\n")
    try hold(end != nil, "the head of the answer has no end")
    try hold(text.unicodeScalars.allSatisfy(\.isASCII), "the answer repeats what was sent")
    if ScrapeRequest.isWhole(bytes) {
      try hold(ScrapeRequest.isWhole(bytes + [0xff]), "a head that was whole is not any more")
    }
  }

  /// `apreserve.conf`: each mistake has a place, and what is wrong changes nothing else.
  static let configuration = FuzzTarget("configuration") { bytes in
    let file = ConfigurationText(path: "apreserve.conf", bytes: bytes)
    let configuration = Configuration([.text(file)])
    let lines = bytes.count { $0 == 10 } + 1
    for problem in configuration.problems {
      try hold(problem.line >= 0 && problem.line <= lines, "line \(problem.line) of \(lines)")
      try holdShort("\(problem)")
    }
    for applied in configuration.applied { try holdShort("\(applied.value)\(applied.origin)") }
    try hold(Configuration([.text(file)]) == configuration, "it is read in two ways")
  }

  /// Plans of faults.
  static let faults = FuzzTarget("faults") { bytes in
    do {
      let plan = try FaultPlan(text: String(decoding: bytes, as: UTF8.self))
      let lines = bytes.count { $0 == 10 } + 1
      try hold(plan.faults.count <= lines, "\(plan.faults.count) faults in \(lines) lines")
    } catch let error as FaultPlanError {
      try holdReadable("\(error)")
    }
  }

  /// Kernel messages over a real socket, through libudev: whatever they contain, the monitor continues. Each
  /// message begins like one about the AP bus, since the socket's filter drops others. Only where the
  /// process may have a separate network namespace.
  static let kernelMessages = FuzzTarget("kernel-messages") { bytes in
    guard let socket = Socket.shared else { return }
    let message = Array("change@/devices/ap".utf8) + [0] + bytes
    let isSent = apreserve_inject(socket.injection, message, UInt32(message.count)) == 0
    let before = socket.monitor.counts
    let (events, outcome) = try socket.monitor.receive()
    let after = socket.monitor.counts
    try hold(outcome == .complete, "the outcome is \(outcome)")
    let counted = after.events + after.malformed - before.events - before.malformed
    // One that is too long is refused by the kernel; one whose NULs say that it is udevd's is passed over.
    try hold(counted <= 1 && events.count <= counted, "\(counted) events of one message")
    if isSent {
      _ = apreserve_inject(socket.injection, Socket.plain, UInt32(Socket.plain.count))
      try hold(try socket.monitor.receive().events.count == 1, "the next event is not received")
    }
  }

  /// A monitor and what sends to it, in a network namespace that only they are in.
  private final class Socket {
    let monitor: UdevMonitor
    let injection: Int32

    static let plain = Array(
      "change@/devices/ap\0ACTION=change\0DEVPATH=/devices/ap\0SUBSYSTEM=ap\0".utf8)

    private init?() {
      let injection = apreserve_open_injection()
      guard injection >= 0, let monitor = try? UdevMonitor() else { return nil }
      (self.monitor, self.injection) = (monitor, injection)
    }

    /// Sockets stay in the namespace in which they were made, so the thread that has moved to it can end.
    /// Only one thread at a time uses them, since a target is checked by one.
    nonisolated(unsafe) static let shared: Socket? = {
      guard apreserve_can_unshare_network() != 0 else { return nil }
      var thread = pthread_t()
      let made = UnsafeMutablePointer<Socket?>.allocate(capacity: 1)
      made.initialize(to: nil)
      defer { made.deallocate() }
      let result = pthread_create(
        &thread, nil,
        { made in
          guard apreserve_unshare_network() == 0 else { return nil }
          made?.assumingMemoryBound(to: Socket?.self).pointee = Socket()
          return nil
        }, made)
      guard result == 0 else { return nil }
      pthread_join(thread, nil)
      return made.move()
    }()
  }
}

/// One line, however long: what it quotes may be.
private func holdShort(_ message: String) throws(FuzzFinding) {
  let isPrintable = message.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
  try hold(isPrintable, "a message with control characters: \(message.debugDescription)")
}
