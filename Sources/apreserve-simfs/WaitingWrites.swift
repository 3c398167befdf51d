import CFuse
import Glibc

/// Writes that the simulated kernel lets wait: whoever writes is blocked in write(2) meanwhile, and nobody
/// else is, for the server does not wait with him.
struct WaitingWrites {
  /// A write that has no answer yet.
  private struct Waiting {
    /// The number of the request.
    var number: UInt64
    /// How many bytes it has.
    var count: UInt32
    /// The mediated device that is to be removed.
    var device: String
  }

  private let files: SimulatedFileSystem
  private var waiting: [Waiting] = []

  init(_ files: SimulatedFileSystem) {
    self.files = files
  }

  /// Takes a request that is to wait, or that ends such a one; false for one that is libfuse's.
  ///
  /// A signal ends the waiting with EINTR, and the removal goes on. A kernel would not be interrupted
  /// (`vfio_unregister_group_dev` in drivers/vfio/vfio_main.c), but nobody who plays is to be stuck.
  mutating func take(_ bytes: UnsafeRawBufferPointer, on descriptor: Int32) -> Bool {
    let request = apreserve_read_request(bytes.baseAddress, bytes.count)
    switch request.kind {
    case APRESERVE_REQUEST_WRITE:
      let data = UnsafeRawBufferPointer(start: request.bytes, count: Int(request.count))
      guard let device = files.deviceToWaitFor(request.subject, data) else { return false }
      waiting.append(Waiting(number: request.number, count: request.count, device: device))
      return true
    case APRESERVE_REQUEST_INTERRUPT:
      guard let index = waiting.firstIndex(where: { $0.number == request.subject }) else {
        return false
      }
      waiting.remove(at: index)
      apreserve_answer_failure(descriptor, request.subject, EINTR)
      return true
    default: return false
    }
  }

  /// Answers those that need not wait any more.
  mutating func answer(on descriptor: Int32) {
    let due = waiting.filter { !files.isWaitingForGuest($0.device) }
    guard !due.isEmpty else { return }
    waiting.removeAll { !files.isWaitingForGuest($0.device) }
    for write in due { apreserve_answer_written(descriptor, write.number, write.count) }
  }
}
