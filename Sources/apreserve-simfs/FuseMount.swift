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

  private let fuse: OpaquePointer
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
    fuse_unmount(fuse)
    fuse_destroy(fuse)
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

/// The file system that libfuse's callback belongs to.
private func fileSystem() -> SimulatedFileSystem? {
  guard let data = fuse_get_context()?.pointee.private_data else { return nil }
  return Unmanaged<SimulatedFileSystem>.fromOpaque(data).takeUnretainedValue()
}

private func string(_ path: UnsafePointer<CChar>?) -> String {
  path.map { String(cString: $0) } ?? ""
}

extension fuse_operations {
  /// The calls that sysfs knows. It makes and removes no files; chmod and times are taken and forgotten.
  static func simulated() -> fuse_operations {
    var operations = fuse_operations()
    // Nothing is cached, since the machine changes by itself.
    operations.`init` = { _, configuration in
      configuration?.pointee.direct_io = 1
      configuration?.pointee.entry_timeout = 0
      configuration?.pointee.attr_timeout = 0
      configuration?.pointee.negative_timeout = 0
      return fuse_get_context()?.pointee.private_data
    }
    operations.getattr = { path, status, _ in
      guard let files = fileSystem(), let node = files.node(string(path)) else { return -ENOENT }
      status?.pointee = attributes(of: node, time: files.start)
      return 0
    }
    operations.readlink = { path, buffer, size in
      guard case .link(let target) = fileSystem()?.node(string(path)), size > 0 else {
        return -EINVAL
      }
      let bytes = target.utf8.prefix(size - 1)
      for (index, byte) in bytes.enumerated() { buffer?[index] = CChar(bitPattern: byte) }
      buffer?[bytes.count] = 0
      return 0
    }
    operations.readdir = { path, buffer, fill, _, _, _ in
      guard let names = fileSystem()?.names(string(path)) else { return -ENOENT }
      let noFlags = fuse_fill_dir_flags(rawValue: 0)
      for name in [".", ".."] + names where fill?(buffer, name, nil, 0, noFlags) == 1 {
        return -ENOMEM
      }
      return 0
    }
    operations.open = { path, information in
      guard let information else { return -EINVAL }
      switch fileSystem()?.open(string(path), flags: information.pointee.flags) {
      case .success(let handle): information.pointee.fh = handle
      case .failure(let failure): return -failure.errno
      case nil: return -EIO
      }
      return 0
    }
    operations.release = { _, information in
      if let handle = information?.pointee.fh { fileSystem()?.release(handle) }
      return 0
    }
    operations.read = { _, buffer, size, offset, information in
      guard let buffer, let handle = information?.pointee.fh else { return -EBADF }
      switch fileSystem()?.read(handle, offset: Int(offset)) {
      case .success(let text):
        let part = text.prefix(size)
        UnsafeMutableRawBufferPointer(start: buffer, count: size).copyBytes(from: part)
        return Int32(part.count)
      case .failure(let failure): return -failure.errno
      case nil: return -EIO
      }
    }
    operations.write = { _, bytes, size, _, information in
      guard let handle = information?.pointee.fh else { return -EBADF }
      switch fileSystem()?.write(UnsafeRawBufferPointer(start: bytes, count: size), to: handle) {
      case .success(let count): return Int32(count)
      case .failure(let failure): return -failure.errno
      case nil: return -EIO
      }
    }
    // O_TRUNC, and a shell's >: nothing is shortened.
    operations.truncate = { _, _, _ in 0 }
    operations.utimens = { _, _, _ in 0 }
    operations.chmod = { _, _, _ in 0 }
    operations.chown = { _, _, _, _ in 0 }
    // What a file system without these answers (`vfs_create`, `vfs_mkdir` and so on in fs/namei.c).
    operations.create = { _, _, _ in -EACCES }
    operations.mknod = { _, _, _ in -EPERM }
    operations.mkdir = { _, _ in -EPERM }
    operations.unlink = { _ in -EPERM }
    operations.rmdir = { _ in -EPERM }
    operations.symlink = { _, _ in -EPERM }
    operations.link = { _, _ in -EPERM }
    operations.rename = { _, _, _ in -EPERM }
    return operations
  }
}

private func attributes(of node: SysfsNode, time: timespec) -> stat {
  var status = stat()
  status.st_mode = SimulatedFileSystem.mode(of: node)
  status.st_nlink = node == .directory ? 2 : 1
  status.st_size = off_t(node.size)
  status.st_blksize = 4096
  status.st_uid = geteuid()
  status.st_gid = getegid()
  status.st_mtim = time
  status.st_atim = time
  status.st_ctim = time
  return status
}
