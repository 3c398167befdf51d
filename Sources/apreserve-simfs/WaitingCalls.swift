import APBus
import CFuse
import Glibc
import HostSystem
import SimulatedBus

/// Reads and writes that have no answer yet. They block their callers, but not the server.
///
/// The simulated kernel lets the removal of a mediated device wait for its guest; a fault can let any
/// call wait for a time, and it is done only then. Reads that ask a mute adapter wait until it answers again.
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

  init(_ files: SimulatedFileSystem, session: OpaquePointer) {
    self.files = files
    self.session = session
  }

  private var descriptor: Int32 { fuse_session_fd(session) }

  /// Has a request done, now or later.
  ///
  /// A signal ends the waiting with EINTR: a call that is to be done later is not done then, and a removal
  /// goes on. A kernel would not be interrupted (`vfio_unregister_group_dev` in drivers/vfio/vfio_main.c),
  /// but a simulation should not hang.
  mutating func take(_ buffer: inout apreserve_buffer) {
    // A long write may lie in a pipe; no name of a device is so long.
    let isInMemory = buffer.known.flags.rawValue & FUSE_BUF_IS_FD.rawValue == 0
    let bytes = UnsafeRawBufferPointer(
      start: buffer.known.mem, count: isInMemory ? buffer.known.size : 0)
    let request = apreserve_read_request(bytes.baseAddress, bytes.count)
    let call: AdmittedCall?
    switch request.kind {
    case APRESERVE_REQUEST_READ:
      call = files.admitRead(request.subject, offset: Int(clamping: request.offset))
    case APRESERVE_REQUEST_WRITE:
      call = files.admitWrite(of: Self.data(request), to: request.subject)
    case APRESERVE_REQUEST_INTERRUPT where interrupt(request.subject): return
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

  /// Answers those that need not wait any more.
  mutating func answer() {
    guard !delayed.isEmpty || !removals.isEmpty else { return }
    let now = time.now
    let ready = delayed.filter { $0.due <= now && !isUnanswered($0.call) }
    for call in ready.sorted(by: { $0.due < $1.due }) {
      delayed.removeAll { $0.number == call.number }
      var request = call.request
      request.withUnsafeMutableBytes { bytes in
        var buffer = apreserve_buffer()
        buffer.known.mem = bytes.baseAddress
        buffer.known.size = bytes.count
        perform(
          apreserve_read_request(bytes.baseAddress, bytes.count), admitted: call.call,
          buffer: &buffer)
      }
    }
    let due = removals.filter { !files.isWaitingForGuest($0.device) }
    guard !due.isEmpty else { return }
    removals.removeAll { !files.isWaitingForGuest($0.device) }
    for write in due { apreserve_answer_written(descriptor, write.number, write.count) }
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

  /// Ends the waiting of a request; false for one that does not wait.
  private mutating func interrupt(_ number: UInt64) -> Bool {
    if let index = removals.firstIndex(where: { $0.number == number }) {
      removals.remove(at: index)
    } else if let index = delayed.firstIndex(where: { $0.number == number }) {
      delayed.remove(at: index)
    } else {
      return false
    }
    apreserve_answer_failure(descriptor, number, EINTR)
    return true
  }
}
