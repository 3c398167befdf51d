import APBus
import CFuse
import Glibc
import HostSystem
import SimulatedBus

/// Reads and writes that have no answer yet. They block their callers, but not the server.
///
/// The simulated kernel lets the removal of a mediated device wait for its guest; a fault can let any
/// call wait for a time, and it is done only then. Reads that ask a mute adapter wait until it answers again. While
/// the kernel drops the names of a change, all calls are held: nobody sees in a file what is not yet seen in names.
struct WaitingCalls {
  /// The removal of a mediated device, which has begun.
  private struct Removal {
    /// The number of the request.
    var number: UInt64
    /// How many bytes it has.
    var count: UInt32
    /// The mediated device that is to be removed.
    var device: String
  }

  /// A call that is to be done later.
  private struct Delayed {
    /// The number of the request.
    var number: UInt64
    /// The request as the kernel put it.
    var request: [UInt8]
    /// The call, which has been counted.
    var call: AdmittedCall
    /// When it is to be done at the earliest.
    var due: Instant
  }

  private let files: SimulatedFileSystem
  private let session: OpaquePointer
  private let time = HostTime()
  private var removals: [Removal] = []
  private var delayed: [Delayed] = []
  /// Requests that are held, as the kernel put them.
  private var held: [[UInt8]] = []

  init(_ files: SimulatedFileSystem, session: OpaquePointer) {
    self.files = files
    self.session = session
  }

  private var descriptor: Int32 { fuse_session_fd(session) }

  /// Has a request done, now or later; a read or write that `isHeld` is done when `performHeld` is called.
  ///
  /// A signal ends the waiting with EINTR: a call that is to be done later is not done then, and a removal
  /// goes on. A kernel would not be interrupted (`vfio_unregister_group_dev` in drivers/vfio/vfio_main.c),
  /// but a simulation should not hang.
  mutating func take(_ buffer: inout apreserve_buffer, isHeld: Bool) {
    // A long write may lie in a pipe; no name of a device is so long.
    let isInMemory = buffer.known.flags.rawValue & FUSE_BUF_IS_FD.rawValue == 0
    let bytes = UnsafeRawBufferPointer(
      start: buffer.known.mem, count: isInMemory ? buffer.known.size : 0)
    let request = apreserve_read_request(bytes.baseAddress, bytes.count)
    switch request.kind {
    case APRESERVE_REQUEST_READ where isHeld, APRESERVE_REQUEST_WRITE where isHeld:
      held.append(Array(bytes))
    case APRESERVE_REQUEST_INTERRUPT where interrupt(request.subject): break
    default: begin(request, bytes, buffer: &buffer)
    }
  }

  /// Does the oldest of the calls that are held; false if there is none.
  mutating func performHeld() -> Bool {
    guard !held.isEmpty else { return false }
    Self.withBuffer(held.removeFirst()) { request, bytes, buffer in
      begin(request, bytes, buffer: &buffer)
    }
    return true
  }

  private mutating func begin(
    _ request: apreserve_request, _ bytes: UnsafeRawBufferPointer, buffer: inout apreserve_buffer
  ) {
    let call: AdmittedCall?
    switch request.kind {
    case APRESERVE_REQUEST_READ:
      call = files.admitRead(request.subject, offset: Int(clamping: request.offset))
    case APRESERVE_REQUEST_WRITE:
      call = files.admitWrite(of: Self.data(request), to: request.subject)
    default: call = nil
    }
    if let call, call.pause != nil || isUnanswered(call) {
      delayed.append(
        Delayed(
          number: request.number, request: Array(bytes), call: call,
          due: time.now + (call.pause ?? .zero)))
    } else {
      perform(request, admitted: call, buffer: &buffer)
    }
  }

  private static func withBuffer(
    _ request: [UInt8],
    _ body: (apreserve_request, UnsafeRawBufferPointer, inout apreserve_buffer) -> Void
  ) {
    var request = request
    request.withUnsafeMutableBytes { bytes in
      var buffer = apreserve_buffer()
      buffer.known.mem = bytes.baseAddress
      buffer.known.size = bytes.count
      body(
        apreserve_read_request(bytes.baseAddress, bytes.count), UnsafeRawBufferPointer(bytes),
        &buffer)
    }
  }

  /// Answers those that need not wait any more.
  mutating func answer() {
    guard !delayed.isEmpty || !removals.isEmpty else { return }
    let now = time.now
    let ready = delayed.filter { $0.due <= now && !isUnanswered($0.call) }
    for call in ready.sorted(by: { $0.due < $1.due }) {
      delayed.removeAll { $0.number == call.number }
      Self.withBuffer(call.request) { request, _, buffer in
        perform(request, admitted: call.call, buffer: &buffer)
      }
    }
    let due = removals.filter { !files.isWaitingForGuest($0.device) }
    guard !due.isEmpty else { return }
    removals.removeAll { !files.isWaitingForGuest($0.device) }
    for write in due {
      files.answer { [descriptor] in
        apreserve_answer_written(descriptor, write.number, write.count)
      }
    }
  }

  /// When the next call is to be done; nil while none is known to be.
  var nextDue: Instant? { delayed.filter { !isUnanswered($0.call) }.map(\.due).min() }

  private func isUnanswered(_ admitted: AdmittedCall) -> Bool {
    admitted.call.operation == .read && files.isUnanswered(admitted.call.path)
  }

  private mutating func perform(
    _ request: apreserve_request, admitted call: AdmittedCall?, buffer: inout apreserve_buffer
  ) {
    let device = files.with(call) { () -> String? in
      if request.kind == APRESERVE_REQUEST_WRITE,
        let device = files.deviceToWaitFor(writing: Self.data(request), to: request.subject)
      {
        return device
      }
      apreserve_process(session, &buffer)
      return nil
    }
    guard let device else { return }
    removals.append(Removal(number: request.number, count: request.count, device: device))
  }

  private static func data(_ request: apreserve_request) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: request.bytes, count: Int(request.count))
  }

  private static func number(of request: [UInt8]) -> UInt64 {
    request.withUnsafeBytes { apreserve_read_request($0.baseAddress, $0.count).number }
  }

  /// Ends the waiting of a request; false for one that does not wait.
  private mutating func interrupt(_ number: UInt64) -> Bool {
    if let index = removals.firstIndex(where: { $0.number == number }) {
      removals.remove(at: index)
    } else if let index = delayed.firstIndex(where: { $0.number == number }) {
      delayed.remove(at: index)
    } else if let index = held.firstIndex(where: { Self.number(of: $0) == number }) {
      held.remove(at: index)
    } else {
      return false
    }
    apreserve_answer_failure(descriptor, number, EINTR)
    return true
  }
}
