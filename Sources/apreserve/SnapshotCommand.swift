import ArgumentParser
import Snapshots

/// `apreserve snapshot`
struct SnapshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Print a description of the machine as JSON.",
    usage: "apreserve snapshot [--redact] [<options>]",
    discussion: """
      The description has everything that a plan depends on. Other commands read it with --inventory, on any \
      machine.

        apreserve snapshot --redact > machine.json
      """)

  @Flag(
    help:
      "Replace serial numbers, key patterns, UUIDs, and names of the host, machines and volumes.")
  var redact = false

  @Flag(help: "Accepted for consistency; a snapshot is always JSON.")
  var json = false

  @OptionGroup(title: OptionTitle.machine) var tree: SysfsOptions
  @OptionGroup(title: OptionTitle.machine) var descriptions: DescriptionOptions
  @OptionGroup(title: OptionTitle.machine) var captured: CaptureOptions
  @OptionGroup(title: OptionTitle.machine) var record: StateOptions

  private var machine: MachineOptions {
    MachineOptions(tree: tree, descriptions: descriptions, captured: captured, record: record)
  }

  func validate() throws { try machine.validate() }

  func run() throws {
    try reportingErrors {
      let snapshot = try machine.snapshot(masterKeys: true)
      try Terminal.print((redact ? snapshot.redacted() : snapshot).encoded())
    }
  }
}
