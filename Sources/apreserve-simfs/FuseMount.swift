import APBus
import CFuse
import Glibc
import HostSystem
import SimulatedBus
import Uevents

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
  /// returns when it is due again; `send` is called for each event.
  func serve(
    tick: (Instant) -> Instant, send: @escaping (Uevent) -> Void
  ) throws {
    apreserve_hold_signals()
    guard fuse_set_signal_handlers(session) == 0 else { throw Failed() }
    defer { fuse_remove_signal_handlers(session) }
    let descriptor = fuse_session_fd(session)
    let dropper = try NameDropper(descriptor)
    // Once the tree is unmounted, it waits for nobody.
    defer { while dropper.isBusy { usleep(1000) } }
    let time = HostTime()
    var calls = WaitingCalls(files, session: session)
    var conclusion = Conclusion(of: files, by: dropper, send: send)
    var buffer = apreserve_buffer()
    defer { free(buffer.known.mem) }
    var isEnding = false
    while true {
      if fuse_session_exited(session) != 0 || apreserve_signal_is_held() { isEnding = true }
      var due: Instant?
      if conclusion.goOn() {
        if isEnding { return }
        // Each call may have consequences, which come before the next.
        if calls.performHeld() { continue }
        let nextTick = tick(time.now)
        calls.answer()
        guard conclusion.goOn() else { continue }
        due = min(nextTick, calls.nextDue ?? nextTick)
      } else {
        // A signal waits, too: programs that look for names must be answered until all are dropped.
        fuse_session_reset(session)
      }
      var readiness = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: dropper.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let count = apreserve_wait(
        &readiness, conclusion.isUnderWay ? 2 : 1, due.map { ($0 - time.now).pollTimeout } ?? -1)
      // A signal ends the session, or is of no concern.
      guard count > 0, readiness[0].revents != 0 else { continue }
      let size = apreserve_receive(session, &buffer)
      // 0 says that the tree was unmounted.
      if size == 0 { return }
      if size == -EINTR || size == -EAGAIN { continue }
      guard size > 0 else { throw Failed() }
      calls.take(&buffer, isHeld: conclusion.isUnderWay)
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
    let shown = path.printable
    var status = stat()
    guard stat(path, &status) == 0 else {
      let reason =
        switch errno {
        case ENOTCONN: "what was mounted on \(shown) has died; remove it with: umount -l \(shown)"
        case ENOENT: "\(shown) does not exist; make the directory first"
        case let number: "\(shown) cannot be mounted on: \(String(cString: strerror(number)))"
        }
      throw Refused(description: reason)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw Refused(description: "\(shown) is a file, and a bus is mounted on a directory")
    }
    guard !isBus else {
      throw Refused(
        description: "a simulated bus is mounted on \(shown) already: end it, or take another "
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

/// How many seconds the kernel keeps names that are dropped when they change.
private let always = 1e9

extension fuse_lowlevel_ops {
  /// The calls that sysfs knows. It makes and removes no files; chmod and times are taken and forgotten.
  ///
  /// The kernel keeps names, attributes and links until they change (`NodeTable`, `Conclusion`), and asks for texts
  /// and lists each time that they are read.
  static func simulated() -> fuse_lowlevel_ops {
    var operations = fuse_lowlevel_ops()
    operations.`init` = { _, connection in
      // In earlier kernels, a link that is kept is cut off at the size that `stat` shows, which is 0 in sysfs
      // (`fuse_get_link` in fs/fuse/dir.c, mended in 6.14).
      guard let connection, connection.pointee.proto_minor >= 43 else { return }
      connection.pointee.want |= connection.pointee.capable & UInt32(FUSE_CAP_CACHE_SYMLINKS)
    }
    operations.lookup = { request, directory, name in
      guard let files = files(request), let found = files.lookUp(string(name), in: directory)
      else {
        fuse_reply_err(request, ENOENT)
        return
      }
      var entry = files.entry(of: found.node, number: found.number)
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
    operations.readdirplus = { request, _, size, place, information in
      replyEntries(request, information?.pointee.fh ?? 0, from: Int(place), size: size)
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
      guard let files = files(request) else {
        fuse_reply_err(request, EIO)
        return
      }
      let result = files.read(information?.pointee.fh ?? 0, offset: Int(offset))
      files.answer {
        switch result {
        case .success(let text):
          text.prefix(size).withUnsafeBytes { bytes in
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            _ = fuse_reply_buf(request, start, bytes.count)
          }
        case .failure(let failure): fuse_reply_err(request, failure.errno)
        }
      }
    }
    operations.write = { request, _, bytes, size, _, information in
      let bytes = UnsafeRawBufferPointer(start: bytes, count: size)
      guard let files = files(request) else {
        fuse_reply_err(request, EIO)
        return
      }
      let result = files.write(bytes, to: information?.pointee.fh ?? 0)
      files.answer {
        switch result {
        case .success(let count): fuse_reply_write(request, count)
        case .failure(let failure): fuse_reply_err(request, failure.errno)
        }
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
  replyList(request, handle, from: place, size: size) { files, name, buffer, size in
    var status = stat()
    // As libfuse has it for a number that is not known.
    status.st_ino = 0xffff_ffff
    status.st_mode = files.node(name).map { SimulatedFileSystem.mode(of: $0) } ?? 0
    return fuse_add_direntry(request, buffer, size, name.text, &status, off_t(name.next))
  }
}

/// Answers with names and what they lead to, which informs the kernel of it as `lookup` does.
private func replyEntries(_ request: fuse_req_t?, _ handle: UInt64, from place: Int, size: Int) {
  var numbers: [UInt64] = []
  let isTaken = replyList(request, handle, from: place, size: size) { files, name, buffer, size in
    // Without a number, only the name is taken.
    var entry = fuse_entry_param()
    let found = name.directory.flatMap { files.lookUp(name.text, in: $0) }
    if let found {
      entry = files.entry(of: found.node, number: found.number)
    } else {
      entry.attr.st_ino = 0xffff_ffff
      entry.attr.st_mode = name.directory == nil ? S_IFDIR : 0
    }
    let count = fuse_add_direntry_plus(request, buffer, size, name.text, &entry, off_t(name.next))
    if let found {
      if count <= size {
        numbers.append(found.number)
      } else {
        files.forget(found.number, answers: 1)
      }
    }
    return count
  }
  guard !isTaken else { return }
  for number in numbers { files(request)?.forget(number, answers: 1) }
}

/// Answers with as many names of an open directory as the size allows. `add` puts one into a buffer and returns how
/// many bytes it takes: if these are more than the buffer has, it is not in it. The result is whether the answer has
/// been taken.
@discardableResult
private func replyList(
  _ request: fuse_req_t?, _ handle: UInt64, from place: Int, size: Int,
  add: (SimulatedFileSystem, SimulatedFileSystem.Name, UnsafeMutablePointer<CChar>?, Int) -> Int
) -> Bool {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { buffer in
    guard let files = files(request) else { return fuse_reply_err(request, EIO) == 0 }
    var used = 0
    let isThere = files.list(handle, from: place) { name in
      let count = add(files, name, buffer.baseAddress.map { $0 + used }, size - used)
      guard count <= size - used else { return false }
      used += count
      return true
    }
    return isThere
      ? fuse_reply_buf(request, buffer.baseAddress, used) == 0
      : fuse_reply_err(request, ENOENT) == 0
  }
}

extension SimulatedFileSystem {
  /// What the kernel learns of a name.
  fileprivate func entry(of node: SysfsNode, number: UInt64) -> fuse_entry_param {
    var entry = fuse_entry_param()
    entry.ino = number
    entry.attr = attributes(of: node, number: number)
    entry.attr_timeout = always
    entry.entry_timeout = always
    return entry
  }

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
