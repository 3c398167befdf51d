import APBus
import ArgumentParser
import Reports

/// `apreserve explain`
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Tell why a queue is, or is not, reserved.",
    usage: "apreserve explain <queue> [<options>]",
    discussion: """
      Each rule with what became of it, the one that won, what would be written, and what stands in the \
      way.

        apreserve explain 05.0004
      """)

  @Argument(
    help: "The queue as sysfs prints it, such as 05.0004.",
    completion: .shellCommand("ls /sys/bus/ap/devices 2>/dev/null | grep '[.]'"))
  var queue: String

  @OptionGroup var options: AssessmentOptions

  func validate() throws {
    guard APQN(queue) != nil else {
      throw ValidationError(
        "\"\(queue)\" is no queue; write adapter and domain as sysfs does, in hex: 05.0004.")
    }
  }

  func run() throws {
    guard let apqn = APQN(queue) else { return }
    try reportingErrors {
      let explanation = Explanation(apqn, in: try options.assessment())
      try options.output.print(
        text: explanation.text(style: options.output.style), json: explanation.json)
    }
  }
}
