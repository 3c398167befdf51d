import APBus
import ArgumentParser
import Reservation
import HostSystem
import Replay
import Snapshots
import Uevents

/// Which machine is looked at.
struct MachineOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("The machine whose sysfs is here.", valueName: "dir"), completion: .directory
  )
  var sysfs: String?

  @Option(
    help: ArgumentHelp(
      "The machine of a description, as \"apreserve snapshot\" writes it; - reads standard input.",
      valueName: "file"), completion: .file())
  var inventory: String?

  @Option(
    help: ArgumentHelp(
      "The machine as it is at the end of a capture of uevents, or of a dump of udev's database. "
        + "With --inventory, that is the machine before the first event.",
      valueName: "file"), completion: .file())
  var capture: String?

  @Option(
    help: ArgumentHelp(
      "Where the host's other files are (/etc, /proc) when --sysfs is not /sys.", valueName: "dir"),
    completion: .directory)
  var root: String?

  @Option(
    help: ArgumentHelp(
      "Where it is on record what apreserve has reserved (on this host /run/apreserve).",
      valueName: "dir"), completion: .directory)
  var state: String?

  func validate() throws {
    guard sysfs == nil || (inventory == nil && capture == nil) else {
      throw ValidationError(
        "--sysfs names a machine, and so does \(capture == nil ? "--inventory" : "--capture"); "
          + "give one of them.")
    }
    guard root == nil || sysfs != nil else {
      throw ValidationError("--root goes with --sysfs.")
    }
  }

  /// Whether it is this host itself.
  var isThisHost: Bool { inventory == nil && capture == nil && (sysfs ?? "/sys") == "/sys" }

  /// The machine. Master keys are read where `masterKeys` says so, or the host has secure keys that
  /// a plan must not take the last queue from: reading them sends requests to the adapters.
  func snapshot(masterKeys: Bool = false) throws -> Snapshot {
    let start = try inventory.map { try Self.readDescription($0) }
    if let capture {
      let whole = try Self.readCapture(capture)
      if let damage = whole.damage { throw damage }
      let machine = try CapturedMachine(whole, start: start?.inventory)
      return Snapshot(host: start?.host ?? HostIdentity(), inventory: machine.inventory)
    }
    if let start { return start }
    let configuration = configuration
    let inventory = try Self.readingBus(of: sysfs ?? "/sys") {
      let reader = InventoryReader(sysfs: try HostSysfs(root: sysfs ?? "/sys"))
      var inventory = try reader.read()
      try reader.readUse(
        into: &inventory, masterKeys: masterKeys || !configuration.secureKeyUsers.isEmpty)
      return inventory
    }
    return Snapshot(
      host: host, inventory: inventory, configuration: configuration, ownership: try ownership())
  }

  /// What the other files of the machine say; nothing where they are not known.
  private var configuration: HostConfiguration {
    files.root.map { HostConfigurationReader(root: $0).read() } ?? HostConfiguration()
  }

  /// What is on record as ours.
  private func ownership() throws -> Ownership {
    guard let directory = state ?? (isThisHost ? StateOptions.directory : nil) else {
      return Ownership()
    }
    do {
      return try OwnershipFile.read(
        directory: directory, boot: files.root.map { HostFacts(root: $0).bootID } ?? "")
        ?? Ownership()
    } catch {
      Terminal.say("\(error); the plan is made as if apreserve had reserved nothing")
      return Ownership()
    }
  }

  /// The other files of the machine: none for a machine that a file describes, since this host's own are
  /// not about it.
  var files: MachineFiles {
    MachineFiles(isThisHost: isThisHost, root: root ?? (isThisHost ? "/" : nil))
  }

  /// The names of the host whose sysfs is read; nothing of this host is told of another tree.
  var host: HostIdentity {
    if let root { return HostFacts(root: root).identity() }
    return isThisHost ? HostFacts().identity() : HostIdentity()
  }

  /// Where the machine's rules are looked for when none are given: this host's own for a machine that a
  /// file describes.
  var ruleFiles: MachineFiles {
    sysfs == nil ? MachineFiles(isThisHost: isThisHost, root: root ?? "/") : files
  }

  /// Runs what reads a bus, and ends the program with one sentence where there is none.
  /// `advice` is what else can be done.
  static func readingBus<Value>(
    of sysfs: String,
    advice: String = "; give another machine with --inventory, --capture or --sysfs",
    _ body: () throws -> Value
  ) throws -> Value {
    do {
      return try body()
    } catch InventoryReaderError.noAPBus {
      Terminal.say(
        sysfs == "/sys"
          ? "\(InventoryReaderError.noAPBus)\(advice)"
          : "there is no AP bus below \(sysfs): bus/ap/devices is absent there")
      throw ExitStatus.noBus
    }
  }

  /// A machine description.
  static func readDescription(_ path: String) throws -> Snapshot {
    try Snapshot.decode(read(path), file: path)
  }

  /// A capture, as far as it can be read: what is wrong with it is in `damage`.
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
