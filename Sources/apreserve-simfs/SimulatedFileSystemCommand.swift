import APBus
import ArgumentParser
import CFuse
import CLinux
import Glibc
import HostSystem
import SimulatedBus
import Snapshots

/// `apreserve-simfs`, which `apreserve simulate --mount` starts.
@main
struct SimulatedFileSystemCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apreserve-simfs",
    abstract: "Show a simulated AP bus as a live file system.",
    discussion: """
      Started by "apreserve simulate --mount". The tree is that of /sys; writes are answered by the \
      simulated kernel. What happens to the machine is written to kernel/debug/apsim/control in it, and \
      why a line was refused is read there. Ctrl-C or SIGTERM unmounts.
      """)

  @Option(
    help: ArgumentHelp("The description of the machine.", valueName: "file"), completion: .file())
  var inventory: String?

  @Option(
    help: ArgumentHelp("A scenario that happens before mounting.", valueName: "file"),
    completion: .file())
  var script: String?

  @Option(
    help: ArgumentHelp("Faults of calls and events.", valueName: "file"),
    completion: .file())
  var faults: String?

  @Flag(help: "Send uevents through the kernel, in a network namespace of one's own.")
  var uevents = false

  @Option(
    help: ArgumentHelp(
      "Write a newline to this file descriptor when the bus is mounted.", valueName: "number"))
  var readyFd: Int32?

  @Argument(help: "The directory to mount on.", completion: .directory)
  var directory: String

  func run() throws {
    // Before any file can take the numbers of standard input, output and error.
    guard apreserve_open_standard_descriptors() == 0 else { throw ExitCode(1) }
    do {
      try serve()
    } catch {
      // libfuse has said what did not work.
      if !(error is FuseMount.Failed), !(error is ExitCode) { Self.say("\(error)") }
      throw ExitCode(1)
    }
  }

  private func serve() throws {
    try MountPoint(directory).check()
    // Looked up before anything is mounted there: a way that leads through it would wait for this program.
    let place = HostFile.withoutLinks(directory) ?? directory
    // Nobody would be left to unmount.
    _ = apreserve_end_with_parent()
    let machine = try SimulatedMachine(inventory: inventory, script: script, faults: faults)
    let injection = uevents ? try UeventInjection() : nil
    let files = SimulatedFileSystem(
      machine.bus, faults: machine.injector, run: machine.run, say: Self.say)
    if injection != nil { machine.injector.onUevent = { [unowned files] in files.note($0) } }
    let mount = try FuseMount(files, on: place)
    ServiceManager().notify(.ready)
    if let readyFd {
      _ = write(readyFd, "\n", 1)
      close(readyFd)
    } else {
      Self.say("the simulated bus is at \(directory); Ctrl-C or SIGTERM unmounts it")
    }
    var timer = ScanTimer(now: HostTime().now)
    var refused: Int32 = 0
    try mount.serve(
      tick: { timer.tick(machine.bus, now: $0, onScan: files.noteChanges) },
      send: { event in
        guard let errno = injection?.send(event), errno != 0, errno != refused else { return }
        refused = errno
        Self.say("the kernel refuses events of the simulated bus: errno \(errno)")
      })
    // A fault that never occurs tests nothing.
    let pending = machine.injector.pendingFaultSentences
    for sentence in pending { Self.say(sentence) }
    guard pending.isEmpty else { throw ExitCode(1) }
  }

  /// Messages go to standard error, at once, each line after the name of the program.
  fileprivate static func say(_ message: String) {
    let lines = message.printableLines.split(separator: "\n", omittingEmptySubsequences: false)
    let bytes = Array(lines.map { "apreserve: \($0)\n" }.joined().utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
  }
}

/// The machine that is to be mounted, from the files of the command line.
struct SimulatedMachine {
  /// Why there is none.
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  let bus: SimulatedBus
  let injector: FaultInjector
  let run: ScenarioRun

  /// A described machine as it is, or an empty one; then what the scenario says happens to it.
  init(inventory: String?, script: String?, faults: String?) throws {
    let snapshot = try inventory.map { try Snapshot.decode(Self.read($0), file: $0) }
    let scenario = try script.map { path in
      try Scenario(text: String(decoding: try Self.read(path), as: UTF8.self), name: path)
    }
    for warning in scenario?.warnings ?? [] { SimulatedFileSystemCommand.say("\(warning)") }
    if let snapshot {
      bus = SimulatedBus(inventory: snapshot.inventory, behavior: scenario?.behavior)
    } else {
      bus = SimulatedBus(behavior: scenario?.behavior ?? .override72)
    }
    let run = ScenarioRun(on: bus, file: script ?? "control")
    self.run = run
    let plan = try faults.map { path in
      try FaultPlan(text: String(decoding: try Self.read(path), as: UTF8.self), name: path)
    }
    bus.onUevent = { run.take($0) }
    let failures = (scenario?.lines ?? []).compactMap { run.perform($0) }
    guard failures.isEmpty else {
      throw Refused(description: failures.map { "\($0)" }.joined(separator: "\n"))
    }
    run.eventLimit = 10_000
    injector = FaultInjector(bus, plan: plan ?? FaultPlan())
    // Claims are about what the kernel sends, and not about what faults leave of it.
    let inject = bus.onUevent
    bus.onUevent = { event in
      run.take(event)
      inject?(event)
    }
  }

  private static func read(_ path: String) throws -> [UInt8] {
    try HostFile.read(
      path == "-" ? "/dev/stdin" : path,
      sizeLimit: Snapshot.sizeLimit, allowsStreams: true)
  }
}
