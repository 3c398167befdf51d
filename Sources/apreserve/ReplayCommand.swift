import APBus
import Agent
import ArgumentParser
import HostSystem
import Replay
import Reports
import Reservation
import ReservationRules
import Snapshots
import Uevents

/// `apreserve replay`
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Replay a capture with the agent on a simulated bus.",
    usage: "apreserve replay <capture> [<options>]",
    discussion: """
      Changes of hardware in the capture happen to the simulated machine: cards and queues appear, disappear, \
      are configured and deconfigured. What drivers and other processes did is left to the simulated kernel, \
      unless --foreign is given.

        udevadm monitor --kernel --property > boot.events
        apreserve replay boot.events --rules ./rules

      A capture is the output of "udevadm monitor --property", of "udevadm info" for all devices \
      (--export-db) or some, or of umockdev-record, or raw kernel messages; the format is detected from the \
      content.

      A file for --expect has one line for each comparison: queues and their owner ("01.* vfio_ap", \
      "00.*|02.0004 host", "05.* absent"), or a count ("writes 3", "reserved 8", "refused 0", \
      "undecidable 0").

      Without --expect the exit status is 3 if something that the rules request is not reserved at the end.
      """)

  @Argument(help: "The capture; - is standard input.", completion: .file())
  var capture: String

  @Option(
    help: ArgumentHelp("Begin with the machine that this file describes.", valueName: "file"),
    completion: .file())
  var inventory: [String] = []

  @Option(
    help: ArgumentHelp(
      "Compare the end with this file; a difference is an error.", valueName: "file"),
    completion: .file())
  var expect: String?

  @Flag(help: "Also do what other processes did: binds, unbinds, masks, online.")
  var foreign = false

  @Flag(help: "Show every event, instead of a summary.")
  var events = false

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.settings) var settings: SettingsOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    try MachineOptions.requireOne(inventory)
  }

  func run() throws {
    try reportingErrors {
      let settings = try settings.settings(for: .unknown)
      let rules = try rules.rules()
      let start = try inventory.first.map { try MachineOptions.readDescription($0) }
      let expectation = try expect.map { path in
        try Expectation(MachineOptions.read(path), file: path)
      }
      let capture = try MachineOptions.readCapture(capture)
      guard !capture.isEmpty || capture.damage == nil else {
        throw capture.damage ?? CaptureError(file: capture.name, position: nil, problem: .empty)
      }
      let player = ReplayPlayer(name: capture.name, output: output)
      player.showsEvents = events
      if let damage = capture.damage {
        player.problems = ["\(damage) The part before it was replayed."]
      }
      let end = try player.run(
        ReplayScript(capture, inventory: start?.inventory, foreign: foreign), rules: rules,
        options: .init(
          mechanism: settings.mechanism, policy: settings.policy, host: start?.host ?? .init(),
          configuration: start?.configuration ?? .unread, ownership: start?.ownership ?? .init()),
        expectation: expectation)
      try player.checkProblems()
      try player.checkExpectation()
      // Of an expectation, its lines say what has to be.
      if expectation == nil { try end.requireFulfilment() }
    }
  }
}

extension Capture {
  fileprivate var isEmpty: Bool { events.isEmpty && devices.isEmpty }
}

/// How many steps of a script are done, on the terminal of the messages.
private struct StepProgress {
  let count: Int
  let isShown: Bool
  private var begun = 0
  private var line = Progress()
  private var lastShown = HostTime().now

  init(count: Int, isShown: Bool) {
    self.count = count
    self.isShown = isShown && Progress.isShown
  }

  mutating func note() {
    begun += 1
    guard isShown, HostTime().now - lastShown > .milliseconds(200) else { return }
    lastShown = HostTime().now
    line.show("step \(begun) of \(count)")
  }

  mutating func clear() { line.clear() }
}

/// Runs a script on a simulated bus and prints what happens.
final class ReplayPlayer {
  var showsEvents = false
  var showsCallbacks = false
  var isSilent = false

  private let name: String
  private let output: OutputOptions
  private var mismatches: [String] = []
  /// Errors that leave a result: failed claims of a scenario, faults that never occurred, and what the caller adds
  /// before.
  var problems: [String] = []

  init(name: String, output: OutputOptions) {
    self.name = name
    self.output = output
  }

  /// How a script ended.
  struct End {
    /// The machine.
    var inventory: Inventory
    /// What the agent has reserved on it.
    var ownership: Ownership
    /// Whether everything that the rules request is done, and nothing is left to do.
    var isFulfilled: Bool
    /// How many queues are requested that the agent does not know of.
    var unnoticed: Int

    /// Ends the program unless everything is done.
    func requireFulfilment() throws {
      guard !isFulfilled else { return }
      if unnoticed > 0 {
        Terminal.say(
          "the rules request \(unnoticed == 1 ? "a queue" : "\(unnoticed) queues") that the agent does not know of"
        )
      }
      throw ExitStatus.refused
    }
  }

  /// Runs a script to its end.
  func run(
    _ script: ReplayScript, rules: RuleSet, options: ReplaySession.Options,
    expectation: Expectation? = nil
  ) throws -> End {
    var report = ReplayReport(style: output.style)
    report.showsEvents = showsEvents
    report.showsCallbacks = showsCallbacks
    var activities: [Agent.Event] = []
    let isSilent = isSilent
    let isJSON = output.json
    // On a terminal what happens is progress enough.
    var progress = StepProgress(count: script.steps.count, isShown: !Terminal.isInteractive)
    defer { progress.clear() }
    let session = ReplaySession(script, rules: rules, options: options) { occurrence in
      if case .step = occurrence { progress.note() }
      if isJSON, case .agent(let event) = occurrence { activities.append(event) }
      guard !isSilent, !isJSON else { return }
      let lines = report.lines(occurrence)
      // Output that cannot be written is an error at the end.
      for line in lines { _ = try? Terminal.print(line + "\n") }
    }
    try session.run()
    let status = session.status
    let requests = try session.requests()
    let end = End(
      inventory: try session.inventory(), ownership: session.ownership,
      isFulfilled: requests.isFulfilled && status.requests.isFulfilled && status.isSettled
        && status.plan?.refusals.isEmpty != false,
      unnoticed: requests.queues.count { status.requests.state(of: $0) == nil })
    mismatches =
      expectation?.mismatches(with: end.inventory, counts: session.counts) ?? []
    problems += session.failures.map { "\($0)" } + session.pendingFaults
    guard !isSilent else { return end }
    if !isJSON {
      for line in report.pendingEvents() { try Terminal.print(line + "\n") }
    }
    let summary = ReplaySummary(
      session, name: name, after: end.inventory, mismatches: expectation == nil ? nil : mismatches,
      problems: problems)
    try output.print(
      text: summary.text(style: output.style), json: summary.json(activities: activities))
    return end
  }

  /// Ends the program with an error if there are problems.
  func checkProblems() throws {
    guard !problems.isEmpty else { return }
    for problem in problems { Terminal.say(problem) }
    throw ExitStatus.error
  }

  /// Ends the program if the end is not as expected.
  func checkExpectation() throws {
    guard !mismatches.isEmpty else { return }
    for mismatch in mismatches { Terminal.say(mismatch) }
    throw ExitStatus.error
  }
}
