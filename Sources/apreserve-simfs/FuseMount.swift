import APBus
import CFuse
import Glibc
import HostSystem
import SimulatedBus

/// A mounted file system, and the loop that serves it.
final class FuseMount {
  /// Mounting that did not succeed; libfuse has said why.
  struct Failed: Error {}

  /// A machine that has no libfuse.
  struct NoLibrary: Error, CustomStringConvertible {
    fileprivate let reason: String

    var description: String {
      "mounting needs libfuse 3, which cannot be loaded (\(reason)); install the package fuse3"
    }
  }

  private let session: OpaquePointer
  /// Kept as long as libfuse may call it.
  private let files: SimulatedFileSystem

  /// Mounts the file system on a directory.
  init(_ files: SimulatedFileSystem, on directory: String) throws {
    if let reason = apreserve_load_fuse() { throw NoLibrary(reason: String(cString: reason)) }
    self.files = files
    var options = "fsname=apreserve,subtype=simulated-ap-bus,default_permissions"
    // Other users see what root mounts; what another user mounts is his own (fuse.conf(5)).
    if geteuid() == 0 { options += ",allow_other" }
    let texts = ["apreserve-simfs", "-o", options]
    let words: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
    defer { for word in words { free(word) } }
    var operations = fuse_lowlevel_ops.simulated()
    let context = Unmanaged.passUnretained(files).toOpaque()
    var pointers = words
    let session = pointers.withUnsafeMutableBufferPointer { buffer in
      var arguments = fuse_args(argc: Int32(buffer.count), argv: buffer.baseAddress, allocated: 0)
      defer { fuse_opt_free_args(&arguments) }
      return apreserve_session_new(&arguments, &operations, context)
    }
    guard let session else { throw Failed() }
    guard fuse_session_mount(session, directory) == 0 else {
      fuse_session_destroy(session)
      throw Failed()
    }
    self.session = session
  }

  /// Serves programs until the tree is unmounted or a signal ends it. `tick` is called when it is due, and
  /// returns when it is due again.
  func serve(tick: (Instant) -> Instant) throws(Failed) {
    guard fuse_set_signal_handlers(session) == 0 else { throw Failed() }
    defer { fuse_remove_signal_handlers(session) }
    let descriptor = fuse_session_fd(session)
    let time = HostTime()
    var calls = WaitingCalls(files, session: session)
    var buffer = apreserve_buffer()
    defer { free(buffer.known.mem) }
    while fuse_session_exited(session) == 0 {
      var readiness = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let nextTick = tick(time.now)
      let due = min(nextTick, calls.nextDue ?? nextTick)
      let count = poll(&readiness, 1, (due - time.now).pollTimeout)
      calls.answer()
      // A signal ends the session, or is of no concern.
      guard count > 0 else { continue }
      let size = apreserve_receive(session, &buffer)
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
    fuse_session_unmount(session)
    fuse_session_destroy(session)
  }
}

/// The directory that a bus is to be mounted on.
struct MountPoint {
  /// Why nothing is mounted there.
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  private let path: String

  init(_ path: String) {
    self.path = path
  }

  /// Refuses what is not a directory, and one that a bus is mounted on already: libfuse would mount on
  /// anything, and programs would see the last.
  func check() throws(Refused) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      let reason =
        switch errno {
        case ENOTCONN: "what was mounted on \(path) has died; remove it with: umount -l \(path)"
        case ENOENT: "\(path) does not exist; make the directory first"
        case let number: "\(path) cannot be mounted on: \(String(cString: strerror(number)))"
        }
      throw Refused(description: reason)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Refused(description: "\(path) is a file, and a bus is mounted on a directory")
    }
    guard !isBus else {
      throw Refused(
        description: "a simulated bus is mounted on \(path) already: end it, or take another "
          + "directory")
    }
  }

  /// Whether the directory shows a simulated bus. Its control file, in a tree that a program serves, is
  /// in no other.
  private var isBus: Bool {
    let control = ([path] + SysfsTree.control).joined(separator: "/")
    return apreserve_is_served(path) && access(control, F_OK) == 0
  }
}

/// The file system that a request is for.
private func files(_ request: fuse_req_t?) -> SimulatedFileSystem? {
  guard let data = fuse_req_userdata(request) else { return nil }
  return Unmanaged<SimulatedFileSystem>.fromOpaque(data).takeUnretainedValue()
}

private func string(_ name: UnsafePointer<CChar>?) -> String {
  name.map { String(cString: $0) } ?? ""
}

/// How many seconds the kernel keeps what never changes.
private let always = 1e9

extension fuse_lowlevel_ops {
  /// The calls that sysfs knows. It makes and removes no files; chmod and times are taken and forgotten.
  ///
  /// The machine changes by itself, so the kernel keeps only what cannot change (`NodeTable`): the attributes of a
  /// number, and the names that are always there. It asks for every other name each time that it is used, and for
  /// links, texts and lists each time that they are read. So nothing has to be taken back from it: that would have
  /// to be complete before a write is answered and before its events are sent, while it waits for locks of programs
  /// that wait for this one (`fuse_reverse_inval_entry` in fs/fuse/dir.c).
  static func simulated() -> fuse_lowlevel_ops {
    var operations = fuse_lowlevel_ops()
    operations.lookup = { request, directory, name in
      guard let files = files(request), let found = files.lookUp(string(name), in: directory)
      else {
        fuse_reply_err(request, ENOENT)
        return
      }
      var entry = fuse_entry_param()
      entry.ino = found.number
      entry.attr = files.attributes(of: found.node, number: found.number)
      entry.attr_timeout = always
      entry.entry_timeout = found.isPermanent ? always : 0
      // Whoever asked may be gone.
      if fuse_reply_entry(request, &entry) != 0 { files.forget(found.number, answers: 1) }
    }
    operations.forget = { request, number, count in
      files(request)?.forget(number, answers: count)
      fuse_reply_none(request)
    }
    operations.forget_multi = { request, count, forgotten in
      for entry in UnsafeBufferPointer(start: forgotten, count: count) {
        files(request)?.forget(entry.ino, answers: entry.nlookup)
      }
      fuse_reply_none(request)
    }
    operations.getattr = { request, number, _ in replyAttributes(request, number) }
    // O_TRUNC, and a shell's >: nothing is shortened.
    operations.setattr = { request, number, _, _, _ in replyAttributes(request, number) }
    operations.readlink = { request, number in
      switch files(request)?.node(number) {
      case .link(let target): fuse_reply_readlink(request, target)
      case nil: fuse_reply_err(request, ENOENT)
      default: fuse_reply_err(request, EINVAL)
      }
    }
    operations.opendir = { request, number, information in
      guard let files = files(request), let information, let handle = files.openDirectory(number)
      else {
        fuse_reply_err(request, ENOENT)
        return
      }
      information.pointee.fh = handle
      if fuse_reply_open(request, information) != 0 { files.releaseDirectory(handle) }
    }
    operations.releasedir = { request, _, information in
      if let handle = information?.pointee.fh { files(request)?.releaseDirectory(handle) }
      fuse_reply_err(request, 0)
    }
    operations.readdir = { request, _, size, place, information in
      replyNames(request, information?.pointee.fh ?? 0, from: Int(place), size: size)
    }
    operations.open = { request, number, information in
      guard let files = files(request), let information else {
        fuse_reply_err(request, EIO)
        return
      }
      switch files.open(number, flags: information.pointee.flags) {
      case .success(let handle):
        information.pointee.fh = handle
        // What is read is never kept.
        information.pointee.direct_io = 1
        if fuse_reply_open(request, information) != 0 { files.release(handle) }
      case .failure(let failure): fuse_reply_err(request, failure.errno)
      }
    }
    operations.release = { request, _, information in
      if let handle = information?.pointee.fh { files(request)?.release(handle) }
      fuse_reply_err(request, 0)
    }
    operations.read = { request, _, size, offset, information in
      switch files(request)?.read(information?.pointee.fh ?? 0, offset: Int(offset)) {
      case .success(let text):
        text.prefix(size).withUnsafeBytes { bytes in
          let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
          _ = fuse_reply_buf(request, start, bytes.count)
        }
      case .failure(let failure): fuse_reply_err(request, failure.errno)
      case nil: fuse_reply_err(request, EIO)
      }
    }
    operations.write = { request, _, bytes, size, _, information in
      let bytes = UnsafeRawBufferPointer(start: bytes, count: size)
      switch files(request)?.write(bytes, to: information?.pointee.fh ?? 0) {
      case .success(let count): fuse_reply_write(request, count)
      case .failure(let failure): fuse_reply_err(request, failure.errno)
      case nil: fuse_reply_err(request, EIO)
      }
    }
    // What a file system without these answers (`vfs_create`, `vfs_mkdir` and so on in fs/namei.c).
    operations.create = { request, _, _, _, _ in fuse_reply_err(request, EACCES) }
    operations.mknod = { request, _, _, _, _ in fuse_reply_err(request, EPERM) }
    operations.mkdir = { request, _, _, _ in fuse_reply_err(request, EPERM) }
    operations.unlink = { request, _, _ in fuse_reply_err(request, EPERM) }
    operations.rmdir = { request, _, _ in fuse_reply_err(request, EPERM) }
    operations.symlink = { request, _, _, _ in fuse_reply_err(request, EPERM) }
    operations.link = { request, _, _, _ in fuse_reply_err(request, EPERM) }
    operations.rename = { request, _, _, _, _, _ in fuse_reply_err(request, EPERM) }
    return operations
  }
}

private func replyAttributes(_ request: fuse_req_t?, _ number: UInt64) {
  guard let files = files(request), let node = files.node(number) else {
    fuse_reply_err(request, ENOENT)
    return
  }
  var status = files.attributes(of: node, number: number)
  fuse_reply_attr(request, &status, always)
}

/// Answers with as many names of an open directory as the size allows.
private func replyNames(_ request: fuse_req_t?, _ handle: UInt64, from place: Int, size: Int) {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
    var used = 0
    let isThere = files(request)?.list(handle, from: place) { name, node, next in
      var status = stat()
      // As libfuse has it for a number that is not known.
      status.st_ino = 0xffff_ffff
      status.st_mode = node.map { SimulatedFileSystem.mode(of: $0) } ?? 0
      let start = buffer.baseAddress.map { $0 + used }
      let count = fuse_add_direntry(request, start, size - used, name, &status, off_t(next))
      guard count <= size - used else { return false }
      used += count
      return true
    }
    if isThere == true {
      fuse_reply_buf(request, buffer.baseAddress, used)
    } else {
      fuse_reply_err(request, ENOENT)
    }
  }
}

extension SimulatedFileSystem {
  fileprivate func attributes(of node: SysfsNode, number: UInt64) -> stat {
    var status = stat()
    status.st_ino = ino_t(number)
    status.st_mode = Self.mode(of: node)
    status.st_nlink = node == .directory ? 2 : 1
    status.st_size = off_t(node.size)
    status.st_blksize = 4096
    status.st_uid = owner.user
    status.st_gid = owner.group
    status.st_mtim = start
    status.st_atim = start
    status.st_ctim = start
    return status
  }
}
