import Reservation
import ArgumentParser
import Reports

/// `apreserve list`
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the queues: who has them, in what state, and which rule decides.",
    usage: "apreserve list [<options>]",
    discussion: """
      Unlike lszcrypt it shows reserved and unbound queues by itself, and numbers as sysfs has them.

        apreserve list
        apreserve list --json
      """)

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let assessment = try options.assessment()
      let list = QueueList(inventory: assessment.inventory, decisions: assessment.decisions)
      try options.output.print(text: list.text(style: options.output.style), json: list.json)
    }
  }
}
