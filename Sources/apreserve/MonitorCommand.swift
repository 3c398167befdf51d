import APBus
import ArgumentParser
import Glibc
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots
import Uevents

/// `apreserve monitor`
struct MonitorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor",
    abstract: "Show the kernel's events of AP devices, and what the rules decide.",
    usage: "apreserve monitor [<queues> ...] [--record <file>] [<options>]",
    discussion: """
      Each event has the time of day, and the seconds of CLOCK_MONOTONIC, as dmesg has them. Nothing is written to \
      sysfs. The rules are those that the daemon has in force, if it is running. A recording has the format of \
      "udevadm monitor --kernel --property", and "apreserve replay" reads it. It contains events from now on; a snapshot describes the machine before.

        apreserve snapshot > before.json
        apreserve monitor --record plug.events
        apreserve replay plug.events --inventory before.json
      """)

  @OptionGroup(title: OptionTitle.selection) var selected: QueueArguments

  @Option(
    help: ArgumentHelp("Also write the events to this file.", valueName: "file"),
    completion: .file())
  var record: String?

  @OptionGroup(title: OptionTitle.daemon) var daemon: DaemonSource
  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func run() throws {
    try reportingErrors {
      // Without a daemon, the rules are those of the beginning.
      let first = try daemon.rules(unless: rules.given)
      let own = try first == nil ? rules.rules() : RuleSet()
      let recording = try record.map { try EventRecording(path: $0) }
      var selection = QueueSelection()
      selection.patterns = try selected.patterns()
      let monitor = try UdevMonitor()
      let report = UeventReport(style: output.style)
      let time = HostTime()
      var isRead = output.json ? true : try Terminal.print(UeventReport.heading + "\n\n")
      while isRead {
        var events: [Uevent] = []
        let outcome = try monitor.drain { [selection] event in
          if let object = BusObject(path: event.devicePath), isSelected(object, by: selection) {
            events.append(event)
          }
        }
        if outcome == .overrun {
          Terminal.say("events were lost, since the kernel sent them too fast")
        }
        let held =
          events.isEmpty || first == nil
          ? nil : try? daemon.rules(unless: rules.given, quietly: true)?.rules
        let decisions = events.isEmpty ? nil : decisions(of: held ?? first?.rules ?? own)
        let moment = UeventReport.Moment(monotonic: time.now, wall: time.wallTime)
        for event in events {
          try recording?.append(event, at: moment.monotonic)
          let decision = BusObject(path: event.devicePath).flatMap { object in
            decisions.flatMap { UeventReport.decision(about: object, by: $0) }
          }
          let line =
            output.json
            ? report.json(event, at: moment, decision: decision).text()
            : report.line(event, at: moment, decision: decision)
          isRead = try Terminal.print(line + "\n") && isRead
        }
        var request = pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&request, 1, -1) >= 0 || errno == EINTR else { return }
      }
    }
  }

  /// Events of the bus as a whole concern every queue.
  private func isSelected(_ object: BusObject, by selection: QueueSelection) -> Bool {
    switch object {
    case .queue(let apqn): selection.isMatch(apqn)
    case .card(let adapter): selection.isMatch(adapter: adapter)
    default: true
    }
  }

  /// What the rules decide for the current machine; nil without an AP bus.
  private func decisions(of rules: RuleSet) -> DecisionTable? {
    guard let sysfs = try? HostSysfs(), let inventory = try? InventoryReader(sysfs: sysfs).read()
    else { return nil }
    return DecisionTable(
      rules: rules, inventory: inventory, host: HostFacts().identity(),
      guests: HostConfigurationReader().read().guests)
  }
}
