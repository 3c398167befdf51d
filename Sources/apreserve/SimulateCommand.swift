import APBus
import ArgumentParser
import CLinux
import Glibc
import HostSystem
import Replay
import Reservation
import SimulatedBus
import Snapshots

/// `apreserve simulate`
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Run the agent on a simulated bus.",
    usage: """
      apreserve simulate --inventory <file> [<options>]
      apreserve simulate --script <file> [<options>]
      apreserve simulate (--inventory|--script) <file> --mount <dir> [-- <command> ...]
      """,
    discussion: """
      The described machine boots: the first scan finds its cards and queues, then zcrypt_cex4 and vfio_ap \
      are loaded. The agent reacts as on a real machine.

        apreserve simulate --inventory machine.json --rules ./rules --calls

      A scenario defines what happens step by step, and what must hold then (apreserve-scenario(5)). It \
      begins with an empty machine, or with the one of --inventory in its current state:

        apreserve simulate --script hotplug.scenario --rules ./rules

      Faults make calls and events of the agent fail, one fault a line:

        write /sys/bus/ap/apmask                 1-2     fail EBUSY
        write 05.* > /sys/bus/ap/drivers/*/bind  1       ignore
        read /sys/devices/ap/*/05.0004/config    3       vanish during
        call *                                   17      fail EIO
        event bind@*                             1/8     lose

      A claim of the scenario that does not hold, and a fault that never occurs, are errors. Without a scenario the \
      exit status is 3 if something that the rules request is not reserved at the end.

      With --mount the machine is mounted as a live file system, without an agent. Programs use it like \
      /sys, and the simulated kernel responds:

        apreserve simulate --script machine.scenario --mount /mnt
        echo -5 > /mnt/bus/ap/apmask
        echo card add 07 14 cca > /mnt/kernel/debug/apsim/control

      Ctrl-C or SIGTERM unmounts it. The control file contains the reason if its last line was refused. With a \
      command, nobody else sees the bus: the command has it as /sys too, and ends the simulation with its exit \
      status:

        apreserve simulate --script machine.scenario --mount /mnt -- lszcrypt -V
      """)

  @Option(
    help: ArgumentHelp(
      "Use the machine that this file describes; - is standard input.", valueName: "file"),
    completion: .file()
  )
  var inventory: [String] = []

  @Option(
    help: ArgumentHelp("Run this scenario; - is standard input.", valueName: "file"),
    completion: .file())
  var script: String?

  @Option(
    help: ArgumentHelp("Inject the faults in this file between agent and bus.", valueName: "file"),
    completion: .file())
  var faults: String?

  @Flag(help: "Show every event, instead of a summary.")
  var events = false

  @Flag(help: "Show each call of a driver by the bus: probe and remove.")
  var calls = false

  @Flag(help: "Print only the description of the machine at the end, as JSON.")
  var snapshot = false

  @Option(
    help: ArgumentHelp("Mount the bus as a live file system on this directory.", valueName: "dir"),
    completion: .directory)
  var mount: String?

  @Flag(
    help: "With --mount, in a separate network namespace: send uevents through the kernel.")
  var uevents = false

  @Option(
    help: ArgumentHelp(
      "With --mount, write a newline to this file descriptor when the bus is mounted; a service manager is "
        + "notified as well.", valueName: "number"))
  var readyFd: Int32?

  @Argument(
    parsing: .postTerminator,
    help: ArgumentHelp(
      "With --mount, run this with the bus as /sys, in a separate mount namespace.",
      valueName: "command"))
  var command: [String] = []

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.settings) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    guard mount != nil || command.isEmpty && readyFd == nil else {
      throw ValidationError("\(command.isEmpty ? "--ready-fd" : "A command") requires --mount.")
    }
    guard readyFd.map({ $0 >= 0 }) ?? true, command.isEmpty || readyFd == nil else {
      throw ValidationError("--ready-fd takes an open file descriptor, and no command.")
    }
    try MachineOptions.requireOne(inventory)
    guard !inventory.isEmpty || script != nil else {
      throw ValidationError(
        "A simulation needs a machine: use --inventory FILE or --script FILE.")
    }
    guard mount != nil || !uevents else { throw ValidationError("--uevents requires --mount.") }
    guard mount == nil || !(snapshot || events || calls || output.json) else {
      throw ValidationError(
        "--mount cannot be combined with --snapshot, --events, --calls or --json.")
    }
    guard mount == nil || (rules.directories.isEmpty && settings.given.isEmpty) else {
      throw ValidationError("With --mount no agent runs; run one with --sysfs on the directory.")
    }
  }

  func run() throws {
    try reportingErrors {
      if let mount { return try show(on: mount) }
      let settings = try settings.settings(for: .unknown)
      let rules = try rules.rules()
      let machine = try inventory.first.map { try MachineOptions.readDescription($0) }
      let scenario = try script.map { try Self.readScenario($0) }
      let plan = try faults.map { try Self.readFaults($0) } ?? FaultPlan()
      let player = ReplayPlayer(name: script ?? inventory.first ?? "", output: output)
      player.showsEvents = events
      player.showsCallbacks = calls
      player.isSilent = snapshot
      let replay: ReplayScript? =
        if let scenario {
          ReplayScript(scenario, on: machine?.inventory)
        } else {
          machine.map { ReplayScript(booting: $0.inventory) }
        }
      guard let replay else { return }
      let host = machine?.host ?? .init()
      let configuration = machine?.configuration ?? .init()
      // A boot releases everything.
      let ownership = scenario == nil ? nil : machine?.ownership
      let end = try player.run(
        replay, rules: rules,
        options: .init(
          mechanism: settings.mechanism, policy: settings.policy, host: host, faults: plan,
          configuration: configuration,
          ownership: ownership ?? .init()))
      if snapshot {
        let snapshot = Snapshot(
          host: host, inventory: end.inventory, configuration: configuration,
          ownership: end.ownership)
        try Terminal.print(snapshot.encoded())
      }
      try player.checkProblems()
      // Of a scenario, its claims say what has to hold.
      if script == nil { try end.requireFulfilment() }
    }
  }

  private func show(on directory: String) throws {
    var arguments: [String] = []
    for (name, value) in [("inventory", inventory.first), ("script", script), ("faults", faults)] {
      if let value { arguments += ["--\(name)", value] }
    }
    if uevents { arguments.append("--uevents") }
    if let readyFd { arguments += ["--ready-fd", "\(readyFd)"] }
    // Absolute: relative to what is mounted there, another directory would be meant.
    let place = HostFile.withoutLinks(directory) ?? directory
    guard place != "/" else {
      Terminal.say("a bus is not mounted on the root directory; name another one")
      throw ExitStatus.error
    }
    if command.isEmpty {
      return try MountedSimulation(directory: directory, arguments: arguments).run()
    }
    let simulation = MountedSimulation(directory: place, arguments: arguments)
    throw ExitCode(try simulation.run(command, withNetwork: uevents))
  }

  private static func readScenario(_ path: String) throws -> Scenario {
    let text = String(decoding: try MachineOptions.read(path), as: UTF8.self)
    let scenario = try Scenario(text: text, name: path)
    for warning in scenario.warnings { Terminal.say("\(warning)") }
    return scenario
  }

  private static func readFaults(_ path: String) throws -> FaultPlan {
    let text = String(decoding: try MachineOptions.read(path), as: UTF8.self)
    return try FaultPlan(text: text, name: path)
  }
}

/// The simulated bus as a file system. `apreserve-simfs` is a separate program, so that `apreserve` does not
/// need libfuse.
struct MountedSimulation {
  /// The directory to mount on.
  let directory: String
  /// The other arguments of `apreserve-simfs`.
  let arguments: [String]

  /// Runs the server until the tree is unmounted, and unmounts it if the server was killed.
  func run() throws {
    let server = try Self.spawn(Self.server, arguments: arguments + [directory])
    // The server handles Ctrl-C and unmounts the tree; this program waits for it. The server gets SIGTERM
    // when this program ends.
    signal(SIGINT, SIG_IGN)
    let status = Child.wait(for: server)
    if status & 0x7f != 0 {
      Terminal.say("apreserve-simfs was terminated by signal \(status & 0x7f)")
      let helper = try? Self.spawn("fusermount3", arguments: ["-u", "-z", "-q", directory])
      let isGone = helper.map { Child.wait(for: $0) } == 0
      Terminal.say(
        isGone
          ? "\(directory) was unmounted; open files there return ENOTCONN"
          : "\(directory) is still mounted, and all calls return ENOTCONN; run \"umount -l \(directory)\""
      )
      throw ExitStatus.error
    }
    guard status >> 8 & 0xff == 0 else { throw ExitStatus.error }
  }

  /// Runs a command that has the bus as `/sys`, and that alone sees it. The result is its exit status.
  func run(_ command: [String], withNetwork: Bool) throws -> Int32 {
    let failed = apreserve_enter_private_mounts(withNetwork ? 1 : 0)
    guard failed == 0 else {
      Terminal.say(
        "a mount namespace of its own is refused here: \(Errno(rawValue: -failed)); run it as root")
      throw ExitStatus.error
    }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw OutputError(errno: Errno(rawValue: errno)) }
    // The command must not keep the server's end open.
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    let server = try Self.spawn(
      Self.server, arguments: arguments + ["--ready-fd", "\(ends[1])", directory])
    close(ends[1])
    /// How the server has ended, as wait(2) says it; nil while it runs.
    var ended: Int32?
    /// Ends the server if it runs. The result is its exit status, or 1 if a signal ended it.
    func end() -> Int32 {
      if ended == nil {
        kill(server, SIGTERM)
        ended = Child.wait(for: server)
      }
      let status = ended ?? 0
      return status & 0x7f == 0 ? status >> 8 & 0xff : 1
    }
    var byte: UInt8 = 0
    guard read(ends[0], &byte, 1) == 1 else {
      // It has said why.
      _ = Child.wait(for: server)
      throw ExitStatus.error
    }
    defer { _ = end() }
    let failure = -apreserve_mount_over(directory, "/sys")
    guard failure == 0, access("/sys/kernel/debug/apsim/control", F_OK) == 0 else {
      let cause = Errno(rawValue: failure == 0 ? errno : failure)
      Terminal.say("the bus cannot be mounted on /sys: \(cause)")
      throw ExitStatus.error
    }
    let places = PrivatePlaces()
    defer { places.remove() }
    // Ctrl-C is for the command, whose end is waited for.
    signal(SIGINT, SIG_IGN)
    // Blocked, these are waited for; a program that is started has them unblocked.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGTERM, SIGHUP, SIGCHLD] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let process: pid_t
    do {
      process = try Self.spawn(command[0], arguments: Array(command.dropFirst()))
    } catch {
      // As a shell ends for a command that cannot be run.
      return 127
    }
    let status = Self.wait(for: process, besides: server, ended: &ended, signals: &signals)
    // The server has said what is wrong; what the command says is more.
    let served = end()
    return status == 0 ? served : status
  }

  /// Waits for a command, and passes on to it that this program is to end. The result is its exit status.
  private static func wait(
    for process: pid_t, besides server: pid_t, ended: inout Int32?, signals: inout sigset_t
  ) -> Int32 {
    while true {
      var status: Int32 = 0
      if waitpid(process, &status, WNOHANG) == process {
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
      }
      if ended == nil, waitpid(server, &status, WNOHANG) == server {
        ended = status
        Terminal.say("apreserve-simfs has ended; calls below /sys return ENOTCONN from now on")
      }
      var number: Int32 = 0
      guard sigwait(&signals, &number) == 0 else { continue }
      if number != SIGCHLD { kill(process, number) }
    }
  }

  /// The server in the directory of this program, or else in PATH.
  private static var server: String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let own = String(
      decoding: buffer[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let sibling = own.split(separator: "/").dropLast().map { "/" + $0 }.joined()
    let path = sibling + "/apreserve-simfs"
    return access(path, X_OK) == 0 ? path : "apreserve-simfs"
  }

  private static func spawn(_ program: String, arguments: [String]) throws -> pid_t {
    if let process = Child.start([program] + arguments) { return process }
    let number = errno
    Terminal.say(
      number == ENOENT && program.hasSuffix("apreserve-simfs")
        ? "--mount needs apreserve-simfs, which is not installed; it is in the package apreserve-simulator"
        : "\(program) cannot be started: \(String(cString: strerror(number)))")
    throw ExitStatus.error
  }
}

/// Empty directories in the place of those in which apreserve keeps what is true of this machine, for a command on
/// another one. In the host, nothing of them is seen.
private struct PrivatePlaces {
  private static let paths = ["/run/apreserve", "/var/lib/apreserve"]
  /// The directories below the mounts, each with its open file, whose lock says that it is in use.
  private var used: [(path: String, file: Int32, isCreated: Bool)] = []

  init() {
    for path in Self.paths {
      if let place = Self.lock(path) { used.append(place) }
      _ = apreserve_mount_empty(path)
    }
  }

  /// Creates a directory if it does not exist, and locks it, since its removal would take the mounts of other
  /// simulations away (rmdir(2) of a mount point of another namespace, since Linux 3.18). Nil if that is not possible.
  private static func lock(_ path: String) -> (path: String, file: Int32, isCreated: Bool)? {
    var isCreated = false
    // A few times: another simulation may remove it between two of these steps.
    for _ in 0..<100 {
      if mkdir(path, 0o755) == 0 { isCreated = true }
      let file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard file >= 0 else { continue }
      var (opened, named) = (stat(), stat())
      if flock(file, LOCK_SH) == 0, fstat(file, &opened) == 0, stat(path, &named) == 0,
        opened.st_ino == named.st_ino, opened.st_dev == named.st_dev
      {
        return (path, file, isCreated)
      }
      close(file)
    }
    return nil
  }

  /// Removes what was created, unless another simulation uses it.
  func remove() {
    for place in used {
      if place.isCreated, flock(place.file, LOCK_EX | LOCK_NB) == 0 {
        _ = apreserve_unmount(place.path)
        rmdir(place.path)
      }
      close(place.file)
    }
  }
}
