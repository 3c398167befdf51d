import CFuse
import Glibc
import SimulatedBus

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
      switch fileSystem()?.write(handle, UnsafeRawBufferPointer(start: bytes, count: size)) {
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
