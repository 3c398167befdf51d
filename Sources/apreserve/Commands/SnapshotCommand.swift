import ArgumentParser
import Snapshots

/// `apreserve snapshot`
struct SnapshotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Print a description of the machine that a plan depends on, as JSON.",
    usage: "apreserve snapshot [--redact] [<options>]",
    discussion: """
      The other commands read it with --inventory, on any machine.

        apreserve snapshot --redact > machine.json
      """)

  @Flag(
    help: "Replace serial numbers, key patterns and names of machines and volumes by words.")
  var redact = false

  @Flag(help: "Accepted as in other commands: a snapshot is JSON anyway.")
  var json = false

  @OptionGroup(title: OptionTitle.machine) var machine: MachineOptions

  func run() throws {
    try reportingErrors {
      let snapshot = try machine.snapshot(masterKeys: true)
      try Terminal.print((redact ? snapshot.redacted() : snapshot).encoded())
    }
  }
}
