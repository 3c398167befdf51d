import APBus
import CFuse
import Glibc
import SimulatedBus
import Uevents

/// The calls of programs on the mounted tree, each answered as sysfs answers it: with a count or a negative
/// error number.
final class SimulatedFileSystem {
  private let tree: SysfsTree
  /// The faults between the bus and the programs.
  private let faults: FaultInjector
  private let control: ControlFile
  /// When it was mounted: the time of all files. Times that move with the clock would make each file one
  /// that changes while it is read, to tar for example.
  let start: timespec
  /// Who has all files.
  let owner = (user: geteuid(), group: getegid())
  private var nodes = NodeTable()
  private var watch = DeviceWatch()
  /// What follows from changes of the bus, and has not been seen to.
  private var consequences = Consequences()
  /// The call that libfuse is about to make, if it has been counted already.
  private var admitted: AdmittedCall?
  /// Open files, by the handle that was given out.
  private var files: [UInt64: OpenFile] = [:]
  /// Open directories, by the handle that was given out.
  private var directories: [UInt64: OpenDirectory] = [:]
  private var lastHandle: UInt64 = 0

  /// A file that a program has open.
  private struct OpenFile {
    var node: SysfsNode
    /// What the last read from the beginning found: what follows is of the same text. Nil before the
    /// first read, wherever that begins (`seq_read_iter` in fs/seq_file.c).
    var text: [UInt8]?
    /// The result of a write that was done before libfuse asked for it.
    var result: Result<Int, Failure>?
  }

  /// A directory that a program has open.
  private struct OpenDirectory {
    var number: UInt64
    var parts: [String]
    /// The names when it was last read from the beginning: what follows is of the same list.
    var names: [String] = []
  }

  /// The most bytes of a write that the kernel takes at once (`kernfs_fop_write_iter` in
  /// fs/kernfs/file.c).
  private static let pageSize = 4096

  /// The calls on a bus and its faults; `run` does the steps that are written to the control file, and
  /// why one cannot be done is said.
  init(
    _ bus: SimulatedBus, faults: FaultInjector, run: ScenarioRun,
    say: @escaping (String) -> Void
  ) {
    tree = SysfsTree(bus)
    self.faults = faults
    _ = watch.changes(of: bus)
    control = ControlFile(run, say: say)
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    start = now
  }

  /// Finds a name in a directory; nil for one that is not there. The answer informs the kernel of it.
  func lookUp(_ name: String, in directory: UInt64) -> (number: UInt64, node: SysfsNode)? {
    nodes.find(name, in: directory, of: tree)
  }

  /// Takes back answers of `lookUp`, which the kernel has forgotten, or has never got.
  func forget(_ number: UInt64, answers: UInt64) { nodes.forget(number, answers: answers) }

  /// The node of a number; nil for one that is not there any more.
  func node(_ number: UInt64) -> SysfsNode? { nodes.node(number) }

  /// The permissions of a node.
  static func mode(of node: SysfsNode) -> mode_t {
    switch node {
    case .directory: S_IFDIR | 0o755
    case .link: S_IFLNK | 0o777
    case .attribute(_, let mode): S_IFREG | mode_t(mode)
    case .control: S_IFREG | 0o644
    }
  }

  /// Opens a directory; nil for one that is not there any more.
  func openDirectory(_ number: UInt64) -> UInt64? {
    guard let parts = nodes.parts(number), node(number) == .directory else { return nil }
    lastHandle += 1
    directories[lastHandle] = OpenDirectory(number: number, parts: parts)
    return lastHandle
  }

  func releaseDirectory(_ handle: UInt64) { directories[handle] = nil }

  /// A name in a list.
  struct Name {
    var text: String
    /// The number of the directory; nil for `.` and `..`.
    var directory: UInt64?
    /// The place of the next name in the list.
    var next: Int
  }

  /// Calls `body` with the names in an open directory from a place in its list on, until it returns false. False for
  /// a directory that is not there any more.
  func list(_ handle: UInt64, from place: Int, _ body: (Name) -> Bool) -> Bool {
    guard var directory = directories[handle] else { return false }
    if place == 0 {
      guard let names = tree.names(directory.parts) else { return false }
      directory.names = [".", ".."] + names
      directories[handle] = directory
    }
    guard directory.names.indices.contains(place) else { return true }
    for index in place..<directory.names.count {
      let name = Name(
        text: directory.names[index], directory: index < 2 ? nil : directory.number,
        next: index + 1)
      guard body(name) else { break }
    }
    return true
  }

  /// The node of a name in a list; nil for one that is not there any more.
  func node(_ name: Name) -> SysfsNode? {
    guard let directory = name.directory else { return .directory }
    return nodes.parts(directory).flatMap { tree.node($0 + [name.text]) }
  }

  /// Opens a file. Even root cannot open a file for writing that has no `store` (`kernfs_fop_open`).
  func open(_ number: UInt64, flags: Int32) -> Result<UInt64, Failure> {
    guard let node = node(number) else { return .failure(Failure(ENOENT)) }
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

  /// Counts a write that was received, before libfuse makes it; nil for one that reaches no attribute.
  func admitWrite(of bytes: UnsafeRawBufferPointer, to handle: UInt64) -> AdmittedCall? {
    guard case .attribute(let path, _) = files[handle]?.node else { return nil }
    return faults.admit(.write, at: path, text: Self.text(bytes))
  }

  /// Counts a read that was received; nil for one that reaches no attribute, such as the rest of a text.
  func admitRead(_ handle: UInt64, offset: Int) -> AdmittedCall? {
    guard let file = files[handle], offset == 0 || file.text == nil,
      case .attribute(let path, _) = file.node
    else { return nil }
    return faults.admit(.read, at: path)
  }

  /// Makes calls of which the first on an attribute has been counted already.
  func with<Value>(_ admitted: AdmittedCall?, perform body: () -> Value) -> Value {
    self.admitted = admitted
    defer { self.admitted = nil }
    return body()
  }

  private func admit(
    _ operation: SysfsError.Operation, at path: SysfsPath, text: String? = nil
  ) -> AdmittedCall {
    defer { admitted = nil }
    return admitted ?? faults.admit(operation, at: path, text: text)
  }

  private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes.prefix(pageSize), as: UTF8.self)
  }

  /// The text of an open file from an offset on. It is read anew at the beginning, as `seq_file` does.
  func read(_ handle: UInt64, offset: Int) -> Result<ArraySlice<UInt8>, Failure> {
    guard let file = files[handle] else { return .failure(Failure(EBADF)) }
    if let text = file.text, offset > 0 { return .success(text.dropFirst(offset)) }
    switch contents(of: file.node) {
    case .success(let text):
      files[handle]?.text = text
      return .success(text.dropFirst(max(offset, 0)))
    case .failure(let failure): return .failure(failure)
    }
  }

  private func contents(of node: SysfsNode) -> Result<[UInt8], Failure> {
    switch node {
    case .attribute(let path, _):
      let call = admit(.read, at: path)
      // The device may have vanished in the call.
      defer { if !call.isUndisturbed { noteChanges() } }
      do throws(SysfsError) {
        return .success(Array(try faults.read(call).utf8))
      } catch {
        return .failure(Self.failure(of: error))
      }
    case .control: return .success(Array(control.text.utf8))
    case .directory, .link: return .failure(Failure(EISDIR))
    }
  }

  /// Writes an open file; the offset does not matter to an attribute. The result is how many bytes were
  /// taken.
  func write(_ bytes: UnsafeRawBufferPointer, to handle: UInt64) -> Result<Int, Failure> {
    guard let file = files[handle] else { return .failure(Failure(EBADF)) }
    if let result = file.result {
      files[handle]?.result = nil
      return result
    }
    return write(bytes, to: file.node)
  }

  /// The mediated device for whose guest the kernel lets a write wait. It has been asked to remove the
  /// device then; what it says to any other write to a `remove` is kept for the call that follows.
  func deviceToWaitFor(writing bytes: UnsafeRawBufferPointer, to handle: UInt64) -> String? {
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

  /// Whether a read has no answer, because its adapter is mute.
  func isUnanswered(_ path: SysfsPath) -> Bool { tree.bus.isUnanswered(path) }

  private func write(_ bytes: UnsafeRawBufferPointer, to node: SysfsNode) -> Result<Int, Failure> {
    let text = Self.text(bytes)
    defer { noteChanges() }
    switch node {
    case .attribute(let path, _):
      do throws(SysfsError) {
        try faults.write(admit(.write, at: path, text: text))
      } catch {
        return .failure(Self.failure(of: error))
      }
    case .control:
      do throws(ControlFile.Refused) {
        try control.write(text)
      } catch {
        return .failure(Failure(error.errno.rawValue))
      }
    case .directory, .link: return .failure(Failure(EISDIR))
    }
    return .success(min(bytes.count, Self.pageSize))
  }

  /// A file that was removed since it was opened answers ENODEV (`kernfs_get_active`).
  private static func failure(of error: SysfsError) -> Failure {
    Failure(error.operation == .open ? ENODEV : error.errno.rawValue)
  }
}

/// What the kernel and other programs are told of changes, before those who caused them get their answers.
extension SimulatedFileSystem {
  /// Finds out what has changed. Whoever changes the bus calls this before anybody looks at the tree again.
  func noteChanges() {
    consequences.names += nodes.refresh(tree, changed: watch.changes(of: tree.bus))
  }

  /// Takes an event of the bus.
  func note(_ event: Uevent) { consequences.events.append(event) }

  /// Gives an answer to a call, after the consequences that the call has.
  func answer(_ answer: @escaping () -> Void) {
    if consequences.areNone { answer() } else { consequences.answers.append(answer) }
  }

  /// What has not been seen to.
  func takeConsequences() -> Consequences {
    defer { consequences = Consequences() }
    return consequences
  }
}

/// The file that changes the machine. Each line that is written to it is a line of a scenario.
final class ControlFile {
  /// The line that was not done, by the number that write(2) has for it.
  struct Refused: Error {
    let errno: Errno
  }

  private let run: ScenarioRun
  private let say: (String) -> Void
  /// Why the last line that was refused was refused.
  private var refusal: String?

  init(_ run: ScenarioRun, say: @escaping (String) -> Void) {
    self.run = run
    self.say = say
  }

  /// How to write it, and why the last line that was refused was refused.
  var text: String {
    guard let refusal else { return Self.help }
    return Self.help + "\nLast refused:\n  \(refusal)\n"
  }

  /// Does the lines, up to the first that cannot be done. A number can say little, so a sentence is said
  /// and kept for whoever reads the file.
  func write(_ text: String) throws(Refused) {
    let scenario: Scenario
    do throws(ScenarioError) {
      scenario = try Scenario(text: text, name: "control")
    } catch {
      throw refuse("\(error)", errno: .invalidArgument)
    }
    for warning in scenario.warnings { say("\(warning)") }
    guard scenario.behavior == nil else {
      throw refuse(
        "control: the kernel is chosen before the bus is mounted", errno: .invalidArgument)
    }
    for line in scenario.lines {
      guard let failure = run.perform(line) else { continue }
      throw refuse(
        "control:\(failure.line): \(failure.problem)", errno: failure.errno ?? .invalidArgument)
    }
  }

  private func refuse(_ sentence: String, errno: Errno) -> Refused {
    let sentence = sentence.printable
    refusal = sentence
    say(sentence)
    return Refused(errno: errno)
  }

  private static let help = """
    Write what is to happen to the machine, for example:
      card add 07 14 cca
      card del 07
      card config 07 0
      card chkstop 07 1
      card mute 07 1
      domain add 0b
      domain del 0b
      unload vfio_ap
      load vfio_ap
      guest start UUID
      guest stop UUID
    The steps are those of apreserve-scenario(5).

    """
}
