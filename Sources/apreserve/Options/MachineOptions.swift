public import AdjunctProcessor
public import ArgumentParser
import HostSystem
import Replay
import Snapshots
import Sysfs
import Uevents

extension Mechanism: ExpressibleByArgument {}

/// Which machine is looked at.
struct MachineOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The machine whose sysfs is here.", valueName: "dir"))
  var sysfs: String?

  @Option(
    help: ArgumentHelp(
      "The machine of a description, as \"apreserve snapshot\" writes it; - reads standard input.",
      valueName: "file"))
  var inventory: String?

  @Option(
    help: ArgumentHelp(
      "The machine as it is at the end of a capture of uevents, or of a dump of udev's database.",
      valueName: "file"))
  var capture: String?

  @Option(
    help: ArgumentHelp(
      "Where the host's other files are (/etc, /proc) when --sysfs is not /sys.", valueName: "dir"))
  var root: String?

  func validate() throws {
    guard [sysfs, inventory, capture].compactMap(\.self).count <= 1 else {
      throw ValidationError("Give one of --sysfs, --inventory and --capture, not several.")
    }
    guard root == nil || sysfs != nil else {
      throw ValidationError("--root goes with --sysfs.")
    }
  }

  /// Whether it is this host itself.
  var isThisHost: Bool { inventory == nil && capture == nil && (sysfs ?? "/sys") == "/sys" }

  /// The machine.
  func snapshot() throws -> Snapshot {
    if let inventory { return try Self.readDescription(inventory) }
    if let capture {
      let capture = try Self.readCapture(capture)
      // What follows the damage may have changed everything, and a file that is no capture at all
      // would be taken for a machine without cards.
      if let damage = capture.damage { throw damage }
      return Snapshot(inventory: try CapturedMachine(capture).inventory)
    }
    let root = sysfs ?? "/sys"
    let inventory = try Self.readingBus(root) {
      try InventoryReader(sysfs: HostSysfs(root: root)).read()
    }
    return Snapshot(host: host, inventory: inventory)
  }

  /// The names of the host whose sysfs is read; nothing of this host is told of another tree.
  var host: HostIdentity {
    if let root { return HostFacts(root: root).identity() }
    return isThisHost ? HostFacts().identity() : HostIdentity()
  }

  /// Runs what reads a bus, and ends the program with one sentence where there is none.
  static func readingBus<Value>(_ root: String, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch InventoryReaderError.noAPBus {
      Terminal.say(
        "there is no AP bus here: \(root)/bus/ap is absent; give another machine with --inventory, "
          + "--capture or --sysfs")
      throw ExitStatus.noBus
    }
  }

  /// A machine description.
  static func readDescription(_ path: String) throws -> Snapshot {
    try Snapshot.decode(read(path), file: path)
  }

  /// A capture. Where it is damaged it says so itself; what was read before is in it.
  static func readCapture(_ path: String) throws -> Capture {
    let capture = Capture.read(bytes: try read(path), name: path)
    for note in capture.notes { Terminal.say(note) }
    return capture
  }

  static func read(_ path: String) throws -> [UInt8] {
    try HostFile.read(
      path == "-" ? "/dev/stdin" : path,
      .init(sizeLimit: Snapshot.sizeLimit, allowsStreams: true))
  }
}

/// Which mechanism is used.
struct MechanismOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Move queues by bind, mask or override, instead of what the bus decides.",
      valueName: "mechanism"))
  var mechanism: Mechanism?
}
