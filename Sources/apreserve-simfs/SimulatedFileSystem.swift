import AdjunctProcessor
import Glibc
import Scenarios
import SimulatedBus
import Sysfs
import SysfsTree

/// What the calls of programs on the mounted tree come to, each answered as sysfs answers it: with a
/// count or a negative error number.
final class SimulatedFileSystem {
  private let tree: SysfsTree
  private let run: ScenarioRun
  /// Open files, by the handle that was given out.
  private var files: [UInt64: OpenFile] = [:]
  private var lastHandle: UInt64 = 0

  /// A file that a program has open.
  private struct OpenFile {
    var node: SysfsNode
    /// What the last read from the beginning found: what follows is of the same text.
    var text: [UInt8] = []
    /// The result of a write that was done before libfuse asked for it.
    var result: Result<Int, Failure>?
  }

  /// The most bytes of a write that the kernel takes at once (`kernfs_fop_write_iter` in
  /// fs/kernfs/file.c).
  private static let pageSize = 4096

  /// The calls on a tree; `run` does the steps that are written to the control file.
  init(_ tree: SysfsTree, run: ScenarioRun) {
    self.tree = tree
    self.run = run
  }

  static func parts(_ path: String) -> [String] { path.split(separator: "/").map { String($0) } }

  /// The node at a path; nil for none.
  func node(_ path: String) -> SysfsNode? { tree.node(Self.parts(path)) }

  /// The names in a directory; nil for what is none.
  func names(_ path: String) -> [String]? { tree.names(Self.parts(path)) }

  /// The permissions of a node.
  static func mode(of node: SysfsNode) -> mode_t {
    switch node {
    case .directory: S_IFDIR | 0o755
    case .link: S_IFLNK | 0o777
    case .attribute(_, let mode): S_IFREG | mode_t(mode)
    case .control: S_IFREG | 0o644
    }
  }

  /// Opens a file. Even root may not open for writing what nobody writes (`kernfs_fop_open`).
  func open(_ path: String, flags: Int32) -> Result<UInt64, Failure> {
    guard let node = node(path) else { return .failure(Failure(ENOENT)) }
    let mode = Self.mode(of: node)
    let access = flags & O_ACCMODE
    if access != O_WRONLY, mode & 0o444 == 0 { return .failure(Failure(EACCES)) }
    if access != O_RDONLY, mode & 0o222 == 0 { return .failure(Failure(EACCES)) }
    lastHandle += 1
    files[lastHandle] = OpenFile(node: node)
    return .success(lastHandle)
  }

  /// A call's error number.
  struct Failure: Error {
    let errno: Int32

    init(_ errno: Int32) {
      self.errno = errno
    }
  }

  func release(_ handle: UInt64) { files[handle] = nil }

  /// The text of an open file from an offset on. It is read anew at the beginning, as `seq_file` does.
  func read(_ handle: UInt64, offset: Int) -> Result<ArraySlice<UInt8>, Failure> {
    guard var file = files[handle] else { return .failure(Failure(EBADF)) }
    if offset == 0 {
      switch contents(of: file.node) {
      case .success(let text): file.text = text
      case .failure(let failure): return .failure(failure)
      }
      files[handle] = file
    }
    return .success(file.text.dropFirst(max(offset, 0)))
  }

  private func contents(of node: SysfsNode) -> Result<[UInt8], Failure> {
    switch node {
    case .attribute(let path, _):
      do throws(SysfsError) {
        return .success(Array(try tree.sysfs.read(path).utf8))
      } catch {
        return .failure(Self.failure(of: error))
      }
    case .control: return .success(Array(Self.help.utf8))
    case .directory, .link: return .failure(Failure(EISDIR))
    }
  }

  /// Writes an open file; the offset does not matter to an attribute. The result is how many bytes were
  /// taken.
  func write(_ handle: UInt64, _ bytes: UnsafeRawBufferPointer) -> Result<Int, Failure> {
    guard let file = files[handle] else { return .failure(Failure(EBADF)) }
    if let result = file.result {
      files[handle]?.result = nil
      return result
    }
    return write(bytes, to: file.node)
  }

  /// The mediated device for whose guest the kernel lets a write wait. It has been asked to remove the
  /// device then; what it says to any other write to a `remove` is kept for the call that follows.
  func deviceToWaitFor(_ handle: UInt64, _ bytes: UnsafeRawBufferPointer) -> String? {
    guard let file = files[handle], case .attribute(let path, _) = file.node,
      case .mediatedDevice(let uuid) = path.object, path.name == "remove"
    else { return nil }
    let result = write(bytes, to: file.node)
    if case .failure(let failure) = result, failure.errno == EINTR, isWaitingForGuest(uuid) {
      return uuid
    }
    files[handle]?.result = result
    return nil
  }

  /// Whether the removal of a mediated device waits for its guest.
  func isWaitingForGuest(_ uuid: String) -> Bool { tree.bus.isWaitingForGuest(uuid) }

  private func write(_ bytes: UnsafeRawBufferPointer, to node: SysfsNode) -> Result<Int, Failure> {
    let taken = bytes.prefix(Self.pageSize)
    let text = String(decoding: taken, as: UTF8.self)
    switch node {
    case .attribute(let path, _):
      do throws(SysfsError) {
        try tree.sysfs.write(text, to: path)
      } catch {
        return .failure(Self.failure(of: error))
      }
    case .control:
      if let failure = control(text) { return .failure(failure) }
    case .directory, .link: return .failure(Failure(EISDIR))
    }
    return .success(taken.count)
  }

  /// A file that was opened and is gone by now answers ENODEV (`kernfs_get_active`).
  private static func failure(of error: SysfsError) -> Failure {
    Failure(error.operation == .open ? ENODEV : error.errno.rawValue)
  }

  /// Does the steps that are written to the control file. What is no step, and what cannot be done, is
  /// EINVAL.
  private func control(_ text: String) -> Failure? {
    guard let scenario = try? Scenario(text: text, name: "control"), scenario.behavior == nil else {
      return Failure(EINVAL)
    }
    for line in scenario.lines where run.perform(line) != nil { return Failure(EINVAL) }
    return nil
  }

  private static let help = """
    Write what is to happen to the machine, for example:
      card add 07 14 cca
      card del 07
      card config 07 0
      card chkstop 07 1
      domain add 0b
      domain del 0b
      unload vfio_ap
      load vfio_ap
      guest start UUID
      guest stop UUID
    The steps are those of apreserve-scenario(5).

    """
}
