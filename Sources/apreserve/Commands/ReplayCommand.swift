import APBus
import ArgumentParser
import HostSystem
import Reservation
import Replay
import Reports
import Snapshots
import Uevents

/// `apreserve replay`
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Drive a capture through the agent on a simulated bus.",
    usage: "apreserve replay <capture> [<options>]",
    discussion: """
      What the capture did on the hardware's side happens to the simulated machine: cards and queues come \
      and go, are configured on and off. What its drivers and other hands did is left to the simulated \
      kernel, unless --foreign asks for it.

        udevadm monitor --kernel --property > boot.events
        apreserve replay boot.events --rules ./rules

      A capture is the output of "udevadm monitor --property" or "udevadm info --export-db", umockdev \
      device descriptions, or raw kernel messages; the content tells which.

      An expectation file has a line for each thing to compare: queues and who has them \
      ("01.* vfio_ap", "00.*|02.0004 host", "05.* absent"), or a count ("writes 3", "reserved 8", \
      "refused 0", "undecidable 0").
      """)

  @Argument(help: "The capture; - reads standard input.", completion: .file())
  var capture: String

  @Option(
    help: ArgumentHelp("The machine before the first event.", valueName: "file"),
    completion: .file())
  var inventory: String?

  @Option(
    help: ArgumentHelp("Compare how it ends; a difference is an error.", valueName: "file"),
    completion: .file())
  var expect: String?

  @Flag(help: "Also do what other hands did: binds, unbinds, masks, online.")
  var foreign = false

  @Flag(help: "Show every event, instead of summing them up.")
  var events = false

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.moving) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func run() throws {
    try reportingErrors {
      let settings = try settings.settings(for: .unknown)
      let rules = try rules.rules()
      let start = try inventory.map { try MachineOptions.readDescription($0) }
      let expectation = try expect.map { path in
        try Expectation(MachineOptions.read(path), file: path)
      }
      let capture = try MachineOptions.readCapture(capture)
      guard !capture.isEmpty || capture.damage == nil else {
        throw capture.damage ?? CaptureError(file: capture.name, position: nil, problem: .empty)
      }
      let player = ReplayPlayer(name: capture.name, output: output)
      player.showsEvents = events
      try player.play(
        ReplayScript(capture, inventory: start?.inventory, foreign: foreign), rules: rules,
        options: .init(
          mechanism: settings.mechanism, policy: settings.policy, host: start?.host ?? .init(),
          configuration: start?.configuration ?? .init(), ownership: start?.ownership ?? .init()),
        expectation: expectation)
      if let damage = capture.damage {
        Terminal.say("\(damage) What stands before was replayed.")
        throw ExitStatus.error
      }
      try player.checkExpectation()
    }
  }
}

extension Capture {
  /// Whether nothing at all was read.
  fileprivate var isEmpty: Bool { events.isEmpty && devices.isEmpty }
}
