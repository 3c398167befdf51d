package import APBus
import CLinux
import Glibc

/// The real sysfs, or a directory tree of the same form.
///
/// The root is held open, and nothing outside it can be reached: links are not followed, since a hostile
/// tree may have one anywhere. Every call opens the attribute again, since sysfs keeps what was read
/// through an open file. Of a directory that was removed, nothing can be opened any more (`kernfs_iop_lookup`), so
/// that one that is kept open shows nothing old.
package final class HostSysfs: Sysfs {
  /// The path of the root as it was given.
  package let root: String
  private let directory: FileDescriptor
  private let walks: Int32
  /// The object whose link was read last, and its directory: what is read next is most likely there, and need not
  /// be looked up from the root.
  private var recent: BusObject?
  private var recentDirectory: FileDescriptor?

  /// The most bytes that are read of an attribute: the kernel prints at most a page (`sysfs_emit`, 5.10),
  /// and pages have this size on all machines with an AP bus.
  package static let attributeLimit = 4096

  /// Opens the tree at `root`. With `walking` openat2(2) is not used even if the kernel has it.
  package init(root: String = "/sys", walking: Bool = false) throws(FileError) {
    self.root = root
    walks = walking ? 1 : 0
    directory = FileDescriptor(
      try systemCall("opening", on: root) { open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) })
  }

  package func read(_ path: SysfsPath) throws(SysfsError) -> String {
    let file = try openFile(path, flags: O_RDONLY)
    // The closure does not throw: before Swift 6.3 the error would lose its type.
    let text = withUnsafeTemporaryAllocation(byteCount: Self.attributeLimit, alignment: 1) {
      buffer -> Result<String, Errno> in
      do throws(Errno) {
        let count = try retrying { Glibc.read(file.number, buffer.baseAddress, buffer.count) }
        return .success(String(decoding: buffer[..<count], as: UTF8.self))
      } catch {
        return .failure(error)
      }
    }
    do throws(Errno) {
      return try text.get()
    } catch {
      throw SysfsError(.read, path, errno: error)
    }
  }

  package func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    let file = try openFile(path, flags: O_WRONLY, writing: text)
    let bytes = Array(text.utf8)
    let count: Int
    do throws(Errno) {
      count = try retrying { Glibc.write(file.number, bytes, bytes.count) }
    } catch {
      throw SysfsError(.write, path, text: text, errno: error)
    }
    // The rest is not written in a second call: the kernel would treat it as another command.
    guard count == bytes.count else {
      throw SysfsError(.write, path, text: text, errno: .inputOutput)
    }
  }

  package func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    // readlinkat(2) follows links in all components but the last, so the name must be a single one.
    guard !path.name.isEmpty, !path.name.utf8.contains(where: { $0 == 0 || $0 == 0x2f }) else {
      throw SysfsError(.readLink, path, errno: .invalidArgument)
    }
    let number = apreserve_find_directory_beneath(
      directory.number, Self.relativePath(SysfsPath(path.object)), walks)
    guard number >= 0 else {
      throw SysfsError(.readLink, path, errno: Errno(rawValue: -number))
    }
    let parent = FileDescriptor(number)
    let target: Result<String, Errno>
    do throws(Errno) {
      target = .success(try linkTarget(path.name, in: parent.number))
    } catch {
      target = .failure(error)
    }
    recent = path.object
    recentDirectory = consume parent
    do throws(Errno) {
      let target = try target.get()
      return target.split(separator: "/").last.map(String.init) ?? target
    } catch {
      throw SysfsError(.readLink, path, errno: error)
    }
  }

  package func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    let number = apreserve_open_directory_beneath(
      directory.number, Self.relativePath(path), walks)
    guard number >= 0 else { throw SysfsError(.list, path, errno: Errno(rawValue: -number)) }
    let listed = FileDescriptor(number)
    do throws(Errno) {
      return try listed.directoryNames()
    } catch {
      throw SysfsError(.list, path, errno: error)
    }
  }

  private func openFile(
    _ path: SysfsPath, flags: Int32, writing text: String? = nil
  ) throws(SysfsError) -> FileDescriptor {
    if text == nil, recent == path.object, let directory = recentDirectory?.number {
      let number = apreserve_open_file_beneath(directory, path.name, flags, walks)
      if number >= 0 { return FileDescriptor(number) }
      // What is not there, or no longer, may be in a new directory of the same name.
    }
    let number = apreserve_open_file_beneath(
      directory.number, Self.relativePath(path), flags, walks)
    guard number >= 0 else {
      throw SysfsError(.open, path, text: text, errno: Errno(rawValue: -number))
    }
    return FileDescriptor(number)
  }

  /// The path below the root. A NUL would end it early for the kernel; then the result is `/`, which is
  /// refused.
  private static func relativePath(_ path: SysfsPath) -> String {
    let text = path.object.path.dropFirst() + (path.name.isEmpty ? "" : "/" + path.name)
    return text.utf8.contains(0) ? "/" : String(text)
  }
}
