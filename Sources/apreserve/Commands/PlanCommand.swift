import ArgumentParser
import Reports

/// `apreserve plan`
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Show what would be written and why. Nothing is written.",
    discussion: """
      Ends with 0 when there is nothing to do, 2 when changes are pending, 3 when wishes are refused.

        apreserve plan
        apreserve plan --inventory machine.json --rules ./rules
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
