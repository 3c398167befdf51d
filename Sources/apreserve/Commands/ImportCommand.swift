import ArgumentParser
import Reports
import Snapshots

/// `apreserve import`
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Print rules for what is reserved now, by whatever means.",
    usage: "apreserve import [<options>]",
    discussion: """
      The masks and overrides in force become rules with which a plan has nothing to write. What the \
      kernel's command line, chzdev, driverctl and mdevctl will ask for at the next boot, and is not so \
      now, follows as comments.

        apreserve import > /etc/apreserve/rules.d/50-imported.rules
        apreserve plan
      """)

  @OptionGroup(title: OptionTitle.machine) var machine: MachineOptions

  func run() throws {
    try reportingErrors {
      let snapshot = try machine.snapshot()
      let rules = RuleImport(
        inventory: snapshot.inventory, host: snapshot.host, configuration: snapshot.configuration,
        ownership: snapshot.ownership)
      try Terminal.print(rules.text())
    }
  }
}
