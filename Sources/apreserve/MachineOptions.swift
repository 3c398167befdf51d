import APBus
import ArgumentParser
import Daemon
import HostSystem
import Replay
import Reports
import Reservation
import Snapshots
import Uevents

/// The machine that is read, as its options say.
///
/// A command has them as separate option groups. In a debug build the argument parser validates a nested group several
/// times for each validation of the outer one, which takes most of the time of a short command.
struct MachineOptions {
  var tree: SysfsOptions
  var descriptions: DescriptionOptions
  var captured: CaptureOptions
  var record: StateOptions

  var capture: String? { captured.capture }

  /// The machine that one file describes.
  static func described(by file: String) throws -> MachineOptions {
    var machine = MachineOptions(
      tree: try .parse([]), descriptions: try .parse([]), captured: try .parse([]),
      record: try .parse([]))
    machine.descriptions.inventory = [file]
    return machine
  }

  func validate() throws {
    guard tree.sysfs == nil || (inventory == nil && capture == nil) else {
      throw ValidationError(
        "--sysfs and \(capture == nil ? "--inventory" : "--capture") both select a machine; use only "
          + "one of them.")
    }
    guard tree.root == nil || tree.sysfs != nil else {
      throw ValidationError("--root requires --sysfs.")
    }
  }

  /// Requires at most one description, of commands that are about one machine.
  static func requireOne(_ files: [String]) throws {
    guard files.count <= 1 else {
      throw ValidationError("This is about one machine: use --inventory once, with a file.")
    }
  }

  /// The file that describes the machine, if there is one.
  var inventory: String? { descriptions.inventory.first }

  /// The descriptions of several machines; nil if at most one is meant.
  func fleet() throws -> [Description]? {
    guard let fleet = try descriptions.fleet() else { return nil }
    guard capture == nil else {
      throw ValidationError("--capture is about one machine: use --inventory once, with a file.")
    }
    return fleet
  }

  /// Whether it is this host.
  var isThisHost: Bool { inventory == nil && capture == nil && tree.isThisHost }

  /// The options given, which select another machine than the daemon's.
  var given: [String] {
    [
      inventory.map { _ in "--inventory" }, capture.map { _ in "--capture" },
      tree.sysfs.map { _ in "--sysfs" }, record.state.map { _ in "--state-dir" },
    ].compactMap(\.self)
  }

  /// The heading of a report about the machine as it was read.
  func heading(of snapshot: Snapshot) -> MachineHeading {
    let source: MachineHeading.Source
    if let file = capture ?? inventory {
      source = .file(
        file == "-" ? "standard input" : file, age: snapshot.time.map { HostTime().wallTime - $0 })
    } else {
      source = tree.isThisHost ? .system : .tree(tree.path)
    }
    return MachineHeading(host: snapshot.host, kernel: snapshot.kernel, source: source)
  }

  /// Reads the machine. Master keys, whose reading sends requests to the adapters, are read if `masterKeys`
  /// is set or the host has secure keys.
  func snapshot(masterKeys: Bool = false) throws -> Snapshot {
    try read(masterKeys: masterKeys).snapshot
  }

  /// Reads the machine, and says whether what apreserve has reserved on it is known.
  func read(
    masterKeys: Bool, pendingRequests: Bool = true
  ) throws -> (snapshot: Snapshot, isOwnershipKnown: Bool) {
    guard try fleet() == nil else {
      throw ValidationError("This is about one machine: use --inventory once, with a file.")
    }
    let start = try inventory.map { try Self.readDescription($0) }
    if let capture {
      let whole = try Self.readCapture(capture)
      if let damage = whole.damage { throw damage }
      let machine = try CapturedMachine(whole, start: start?.inventory)
      let snapshot = Snapshot(
        host: start?.host ?? HostIdentity(), inventory: machine.inventory,
        configuration: start?.configuration ?? .unread, kernel: start?.kernel)
      return (snapshot, true)
    }
    if let start { return (start, true) }
    let configuration = configuration
    let path = tree.path
    var inventory = try Self.readingBus(of: path) {
      let reader = InventoryReader(
        sysfs: try DeadlineSysfs(opening: { try HostSysfs(root: path) }))
      var inventory = try reader.read()
      if pendingRequests { try reader.readPendingRequests(into: &inventory) }
      if masterKeys || !configuration.secureKeyUsers.isEmpty {
        try reader.readMasterKeys(into: &inventory)
      }
      try reader.readFeatures(into: &inventory)
      return inventory
    }
    for silence in inventory.cards.compactMap(\.silence) { Terminal.say(silence) }
    inventory.keyLedger = keyLedger
    inventory.noteKeys(at: HostTime().wallTime)
    let isHost = files.root != nil
    let ownership = ownership
    let snapshot = Snapshot(
      host: host, inventory: inventory, configuration: configuration,
      ownership: ownership.recorded,
      kernel: files.root.flatMap { HostFacts(root: $0).kernelRelease },
      time: isHost ? HostTime().wallTime : nil, program: isHost ? ProgramVersion.text : nil)
    return (snapshot, ownership.isKnown)
  }

  /// Asks the adapters of the machine for master keys that are not read yet, if it is not one that a file describes.
  func readMasterKeys(into inventory: inout Inventory) throws {
    guard self.inventory == nil, capture == nil else { return }
    let unread = inventory.queues.filter { $0.owner == .host && $0.keyRegisters == nil }
    guard !unread.isEmpty else { return }
    let path = tree.path
    let silent = inventory.cards.filter { $0.unanswered != nil }.map(\.adapter)
    let reader = InventoryReader(
      sysfs: try DeadlineSysfs(opening: { try HostSysfs(root: path) }))
    try reader.readMasterKeys(into: &inventory, of: Set(unread.map(\.apqn)))
    inventory.noteKeys(at: HostTime().wallTime)
    for card in inventory.cards where !silent.contains(card.adapter) {
      if let silence = card.silence { Terminal.say(silence) }
    }
  }

  /// What the other files of the machine say; nothing if they are not known.
  private var configuration: HostConfiguration {
    HostConfigurationReader.read(root: files.root)
  }

  /// What was read of master keys before.
  private var keyLedger: KeyLedger {
    guard let directory = record.lasting(for: files) else { return KeyLedger() }
    let (ledger, problem) = KeyLedgerFile.read(in: directory)
    if let problem { Terminal.say(problem) }
    return ledger
  }

  /// What apreserve has reserved, according to the record, and whether that could be read.
  private var ownership: (recorded: Ownership, isKnown: Bool) {
    guard let directory = record.directory(isThisHost: isThisHost) else {
      return (Ownership(), true)
    }
    let (ownership, damage) = OwnershipFile.read(
      directory: directory, boot: files.root.map { HostFacts(root: $0).bootID } ?? "",
      lasting: record.lasting(for: files))
    if let damage { Terminal.say("\(damage); nothing counts as reserved by apreserve here") }
    return (ownership ?? Ownership(), damage == nil)
  }

  /// The other files of the machine: none for a machine that a file describes, since those of this host are
  /// about a different one.
  var files: MachineFiles {
    MachineFiles(isThisHost: isThisHost, root: tree.root ?? (isThisHost ? "/" : nil))
  }

  /// The names of the host whose sysfs is read. Those of this host do not apply to another tree.
  var host: HostIdentity {
    if let root = tree.root { return HostFacts(root: root).identity() }
    return isThisHost ? HostFacts().identity() : HostIdentity()
  }

  /// Where the rules are if no option names them: for a machine that a file describes, on this host.
  var ruleFiles: MachineFiles {
    tree.sysfs == nil ? MachineFiles(isThisHost: isThisHost, root: tree.root ?? "/") : files
  }

  /// Runs `body`, which reads a bus. If there is none, the program ends with a sentence; `advice` is the end
  /// of it.
  static func readingBus<Value>(
    of sysfs: String,
    advice: String = "; select another machine with --inventory, --capture or --sysfs",
    _ body: () throws -> Value
  ) throws -> Value {
    do {
      return try body()
    } catch InventoryReaderError.noAPBus {
      Terminal.say(
        sysfs == "/sys"
          ? "\(InventoryReaderError.noAPBus)\(advice)"
          : "there is no AP bus in \(sysfs): bus/ap/devices does not exist")
      throw ExitStatus.noBus
    }
  }

  static func readDescription(_ path: String) throws -> Snapshot {
    try Snapshot.decode(read(path), file: path)
  }

  /// Reads a capture as far as possible; `damage` is what is wrong with it.
  static func readCapture(_ path: String) throws -> Capture {
    let capture = Capture.read(bytes: try read(path), name: path)
    for note in capture.notes { Terminal.say(note) }
    return capture
  }

  static func read(_ path: String) throws -> [UInt8] {
    try HostFile.read(
      path == "-" ? "/dev/stdin" : path,
      sizeLimit: Snapshot.sizeLimit, allowsStreams: true)
  }
}

/// A machine that a capture ends with.
struct CaptureOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Use the machine at the end of a capture of uevents or of a dump of the udev database. "
        + "--inventory describes it before the first event.",
      valueName: "file"), completion: .file())
  var capture: String?
}

/// A machine that is there: its sysfs and its other files.
struct SysfsOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Use the sysfs tree at this directory, instead of /sys.", valueName: "dir"),
    completion: .directory
  )
  var sysfs: String?

  @Option(
    help: ArgumentHelp(
      "Use the other files of the host (/etc, /proc) below this directory, with --sysfs.",
      valueName: "dir"),
    completion: .directory)
  var root: String?

  var path: String { sysfs ?? "/sys" }

  /// Whether it is this host.
  var isThisHost: Bool { path == "/sys" }

  /// The other files of the machine.
  var files: MachineFiles {
    MachineFiles(isThisHost: isThisHost, root: root ?? (isThisHost ? "/" : nil))
  }
}

/// The record of what apreserve has reserved, which is read or kept.
struct StateOptions: ParsableArguments {
  @Option(
    name: .customLong("state-dir"),
    help: ArgumentHelp(
      "Use the record of reserved queues in this directory; on this host the default is "
        + "/run/apreserve.",
      valueName: "dir"), completion: .directory)
  var state: String?

  /// The directory of the record; nil if none is kept.
  func directory(isThisHost: Bool) -> String? { state ?? (isThisHost ? "/run/apreserve" : nil) }

  /// The directory for what outlives the boot; nil if nothing is kept.
  func lasting(for machine: MachineFiles) -> String? {
    guard state != nil || machine.isThisHost else { return nil }
    return DaemonPlace.lasting(state: state, root: machine.root ?? "/")
  }

  /// Acquires the lock against another apreserve process on the same machine; nil if no record is kept.
  func instanceLock(isThisHost: Bool) throws -> InstanceLock? {
    guard let directory = directory(isThisHost: isThisHost) else { return nil }
    try HostFile.makeDirectory(directory)
    return try InstanceLock(path: HostFile.absolute(directory) + "/lock", as: .command)
  }

  /// Continues the history; nil if no record is kept.
  func history(
    _ program: HistoryEntry.Program, isThisHost: Bool, boot: String, request: HistoryEntry.Fact?
  ) -> HistoryKeeper? {
    guard directory(isThisHost: isThisHost) != nil else { return nil }
    return HistoryKeeper(
      program, boot: boot, directories: DaemonPlace.historyDirectories(state: state),
      log: Journal.isConnected ? Journal() : TextLog(), request: request)
  }

  /// Opens the record; nil if none is kept.
  func record(
    for machine: MachineFiles, boot: String
  ) throws -> (file: OwnershipFile, ownership: Ownership)? {
    guard let directory = directory(isThisHost: machine.isThisHost) else { return nil }
    let record = try OwnershipFile.open(
      directory: directory, boot: boot, lasting: lasting(for: machine))
    if let damage = record.damage { Terminal.say(damage) }
    return (record.file, record.ownership)
  }
}

/// The files of a machine outside its sysfs.
struct MachineFiles {
  /// Whether it is this host.
  let isThisHost: Bool
  /// The root directory of the files (/etc, /proc); nil if they are not known, and none are read.
  let root: String?

  /// A machine of which only rules and settings are given.
  static let unknown = MachineFiles(isThisHost: false, root: nil)

  /// The user that rules and settings must belong to; nil if it does not matter. The files in effect on this
  /// system must be those that the daemon, which runs as root, accepts. Files that an option names, or of
  /// another machine, must be trusted only if root writes to this host.
  func owner(isNamed: Bool) -> UInt32? {
    if !isNamed, root == "/" { return 0 }
    return isThisHost ? HostFile.trustedOwner : nil
  }
}
