import ArgumentParser
import Replay
import Snapshots

/// `apreserve simulate`
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Boot a described machine on the simulated bus, with the agent on it.",
    discussion: """
      The first scan finds the cards and queues of the description, zcrypt_cex4 is loaded, then vfio_ap; \
      the agent reacts as it would on the machine.

        apreserve simulate --inventory machine.json --rules ./rules --calls
      """)

  @Option(
    help: ArgumentHelp("The description of the machine; - reads standard input.", valueName: "file")
  )
  var inventory: String

  @Flag(help: "Show every event, instead of summing them up.")
  var events = false

  @Flag(help: "Show each call from the bus into a driver: probe and remove.")
  var calls = false

  @Flag(help: "Print only a description of the machine at the end, as JSON.")
  var snapshot = false

  @OptionGroup var rules: RuleOptions
  @OptionGroup var mechanism: MechanismOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try reportingErrors {
      let rules = try rules.rules(isTrusting: true)
      let machine = try MachineOptions.readDescription(inventory)
      let player = ReplayPlayer(name: inventory, output: output)
      player.showsEvents = events
      player.showsCallbacks = calls
      player.isSilent = snapshot
      let end = try player.play(
        ReplayScript(booting: machine.inventory), rules: rules,
        options: .init(mechanism: mechanism.mechanism, host: machine.host))
      if snapshot {
        try Terminal.print(Snapshot(host: machine.host, inventory: end).encoded())
      }
    }
  }
}
