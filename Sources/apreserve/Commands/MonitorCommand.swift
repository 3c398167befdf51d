import ArgumentParser
import HostSystem
import Reports
import Sysfs

/// `apreserve monitor`
struct MonitorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor",
    abstract: "Show the kernel's AP events as they come, with what the rules decide.",
    discussion: """
      Nothing is written to sysfs. End it with Ctrl-C.

        apreserve monitor
        apreserve monitor --record boot.events
        apreserve replay boot.events

      A recording has the form of "udevadm monitor --kernel --property".
      """)

  @Option(help: ArgumentHelp("Write the events into this file too.", valueName: "file"))
  var record: String?

  @OptionGroup var rules: RuleOptions
  @OptionGroup var color: ColorOptions

  func run() throws {
    try reportingErrors {
      _ = try MachineOptions.readingBus(of: "/sys") {
        try InventoryReader(sysfs: HostSysfs()).readBus()
      }
      let watch = EventWatch(
        monitor: try UdevMonitor(), rules: try rules.rules(isTrusting: true),
        host: HostFacts().identity(), style: color.style)
      try watch.run(recordingTo: record)
    }
  }
}
