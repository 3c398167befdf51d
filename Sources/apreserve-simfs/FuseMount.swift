import CFuse
import Glibc

/// A mounted file system, and the loop that serves it.
final class FuseMount {
  /// Mounting that did not succeed; libfuse has said why.
  struct Failed: Error {}

  private let fuse: OpaquePointer
  private let session: OpaquePointer
  /// Kept as long as libfuse may call it.
  private let files: SimulatedFileSystem

  /// Mounts the file system on a directory.
  init(_ files: SimulatedFileSystem, on directory: String) throws(Failed) {
    self.files = files
    var options = "fsname=apreserve,subtype=simulated-ap-bus,default_permissions"
    // Other users see what root mounts; what another user mounts is his own (fuse.conf(5)).
    if geteuid() == 0 { options += ",allow_other" }
    let texts = ["apreserve-simfs", "-o", options]
    let words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    defer { for word in words { free(word) } }
    var operations = fuse_operations.simulated()
    let context = Unmanaged.passUnretained(files).toOpaque()
    var pointers = words
    let fuse = pointers.withUnsafeMutableBufferPointer { buffer in
      var arguments = fuse_args(argc: Int32(buffer.count), argv: buffer.baseAddress, allocated: 0)
      defer { fuse_opt_free_args(&arguments) }
      return apreserve_fuse_new(&arguments, &operations, context)
    }
    guard let fuse, let session = fuse_get_session(fuse) else { throw Failed() }
    guard fuse_mount(fuse, directory) == 0 else {
      fuse_destroy(fuse)
      throw Failed()
    }
    self.fuse = fuse
    self.session = session
  }

  /// Serves programs until the tree is unmounted or a signal ends it. `tick` is called when its time
  /// has come, and says how many milliseconds to wait until the next.
  func serve(tick: () -> Int32) throws(Failed) {
    guard fuse_set_signal_handlers(session) == 0 else { throw Failed() }
    defer { fuse_remove_signal_handlers(session) }
    let descriptor = fuse_session_fd(session)
    var calls = WaitingCalls(files, session: session)
    var buffer = fuse_buf()
    defer { free(buffer.mem) }
    while fuse_session_exited(session) == 0 {
      var readiness = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let rest = tick()
      let count = poll(&readiness, 1, min(rest, calls.milliseconds ?? rest))
      calls.answer()
      // A signal ends the session, or is of no concern.
      guard count > 0 else { continue }
      let size = fuse_session_receive_buf(session, &buffer)
      // 0 says that the tree was unmounted.
      if size == 0 { return }
      if size == -EINTR || size == -EAGAIN { continue }
      guard size > 0 else { throw Failed() }
      calls.take(&buffer)
      calls.answer()
    }
  }

  deinit {
    // Files that programs have open do not hold it up: they answer ENOTCONN from then on.
    fuse_unmount(fuse)
    fuse_destroy(fuse)
  }
}
