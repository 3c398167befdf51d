import ArgumentParser
import Reports

/// `apreserve plan`
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show what would be written and why. Nothing is written.",
    usage: "apreserve plan [<options>]",
    discussion: """
      Each queue that would change its owner, with the rule that wants it; each request that is refused, with \
      the reason and what would help; and every write as it would be made, in its order.

        apreserve plan
        apreserve plan --inventory machine.json --rules ./rules

      Ends with 0 when there is nothing to do, 2 when changes are pending, 3 when requests are refused.
      """)

  @OptionGroup var options: AssessmentOptions

  func run() throws {
    try reportingErrors {
      let report = PlanReport(try options.assessment())
      try options.output.print(text: report.text(style: options.output.style), json: report.json)
      switch report.outcome {
      case .nothingToDo: break
      case .pending: throw ExitStatus.pending
      case .refused: throw ExitStatus.refused
      }
    }
  }
}
