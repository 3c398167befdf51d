import APBus
import ArgumentParser
import HostSystem
import Reservation
import Replay
import SimulatedBus
import Snapshots

/// `apreserve simulate`
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Play on a simulated bus, with the agent on it.",
    usage: """
      apreserve simulate --inventory <file> [<options>]
      apreserve simulate --script <file> [<options>]
      apreserve simulate (--inventory|--script) <file> --mount <dir>
      """,
    discussion: """
      A described machine boots: the first scan finds its cards and queues, zcrypt_cex4 is loaded, then \
      vfio_ap; the agent reacts as it would on the machine.

        apreserve simulate --inventory machine.json --rules ./rules --calls

      A scenario says step by step what happens, and what is to be so then (apreserve-scenario(5)); it \
      begins on an empty machine, or with --inventory on that machine as it is:

        apreserve simulate --script hotplug.scenario --rules ./rules

      Faults let the agent's calls and events go wrong, one fault a line:

        write /sys/bus/ap/apmask                 1-2     fail EBUSY
        write 05.* > /sys/bus/ap/drivers/*/bind  1       ignore
        read /sys/devices/ap/*/05.0004/config    3       vanish during
        call *                                   17      fail EIO
        event bind@*                             1/8     lose

      A claim of the scenario that does not hold, and a fault that never strikes, are errors.

      With --mount the machine is shown as a live file system, without an agent. Whatever works on /sys \
      works on it, and the simulated kernel answers:

        apreserve simulate --script machine.scenario --mount /mnt
        echo -5 > /mnt/bus/ap/apmask
        echo card add 07 14 cca > /mnt/kernel/debug/apsim/control
        unshare --mount sh -c "mount --bind /mnt /sys; driverctl -b ap list-devices"

      Ctrl-C or SIGTERM unmounts it. Reading the control file tells why its last line was refused.
      """)

  @Option(
    help: ArgumentHelp(
      "The description of the machine; - reads standard input.", valueName: "file"),
    completion: .file()
  )
  var inventory: String?

  @Option(
    help: ArgumentHelp("The scenario; - reads standard input.", valueName: "file"),
    completion: .file())
  var script: String?

  @Option(
    help: ArgumentHelp("What goes wrong between the agent and the bus.", valueName: "file"),
    completion: .file())
  var faults: String?

  @Flag(help: "Show every event, instead of summing them up.")
  var events = false

  @Flag(help: "Show each call from the bus into a driver: probe and remove.")
  var calls = false

  @Flag(help: "Print only a description of the machine at the end, as JSON.")
  var snapshot = false

  @Option(
    help: ArgumentHelp("Show the bus as a live file system in this directory.", valueName: "dir"),
    completion: .directory)
  var mount: String?

  @Flag(
    help: "With --mount, in a network namespace of one's own: send uevents through the kernel.")
  var uevents = false

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.moving) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    guard inventory != nil || script != nil else {
      throw ValidationError(
        "A simulation needs a machine: --inventory FILE describes one, --script FILE builds one.")
    }
    guard mount != nil || !uevents else { throw ValidationError("--uevents goes with --mount.") }
    guard mount == nil || !(snapshot || events || calls || output.json) else {
      throw ValidationError("--mount serves programs, and prints nothing of its own.")
    }
    guard mount == nil || (rules.directories.isEmpty && settings.areAbsent) else {
      throw ValidationError("With --mount no agent is on the machine; run one on the directory.")
    }
  }

  func run() throws {
    try reportingErrors {
      if let mount { return try show(on: mount) }
      let settings = try settings.settings(for: .unknown)
      let rules = try rules.rules()
      let machine = try inventory.map { try MachineOptions.readDescription($0) }
      let scenario = try script.map { try Self.readScenario($0) }
      let plan = try faults.map { try Self.readFaults($0) } ?? FaultPlan()
      let player = ReplayPlayer(name: script ?? inventory ?? "", output: output)
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
      // What was reserved before a boot is nobody's afterwards.
      let ownership = scenario == nil ? nil : machine?.ownership
      let end = try player.play(
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
      try player.checkScenario()
    }
  }

  private func show(on directory: String) throws {
    var arguments: [String] = []
    for (name, value) in [("inventory", inventory), ("script", script), ("faults", faults)] {
      if let value { arguments += ["--\(name)", value] }
    }
    if uevents { arguments.append("--uevents") }
    try MountedSimulation(directory: directory, arguments: arguments).run()
  }

  private static func readScenario(_ path: String) throws -> Scenario {
    let text = String(decoding: try MachineOptions.read(path), as: UTF8.self)
    return try Scenario(text: text, name: path)
  }

  private static func readFaults(_ path: String) throws -> FaultPlan {
    let text = String(decoding: try MachineOptions.read(path), as: UTF8.self)
    do throws(FaultPlanError) {
      return try FaultPlan(text: text)
    } catch {
      Terminal.say("\(path): \(error)".printable)
      throw ExitStatus.error
    }
  }
}
