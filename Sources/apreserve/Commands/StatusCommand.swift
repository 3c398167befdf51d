import ArgumentParser
import Agent
import Daemon
import JSONText
import Reports

/// `apreserve status`
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show how far the daemon has come, what is refused, and what is in force.",
    usage: "apreserve status [--json] [--metrics|--history] [<options>]",
    discussion: """
        apreserve status
        apreserve status --history

      --json prints the type Status of the daemon's Varlink interface org.apreserve; --metrics prints \
      text for Prometheus, for a timer that writes it where node_exporter's textfile collector reads it.

      Ends with 0 when everything requested is done or waits, with 1 when something is blocked or does not \
      work, with 3 when something is refused or has failed; --metrics and --history with 0.
      """)

  @OptionGroup(title: OptionTitle.daemon) var control: ControlOptions

  @Flag(help: "Print the status as JSON.")
  var json = false

  @Flag(help: "Print numbers for Prometheus.")
  var metrics = false

  @Flag(help: "Print the last 1,000 moves of queues, the oldest first.")
  var history = false

  func validate() throws {
    guard !(metrics && (json || history)) else {
      throw ValidationError("--metrics goes with neither --json nor --history.")
    }
  }

  func run() throws {
    try reportingErrors {
      if history {
        let moves = try control.call("GetHistory")["moves"] ?? .array([])
        try Terminal.print(
          json ? moves.documentText : moves.elements.map { Agent.Move.line(of: $0) + "\n" }.joined()
        )
        return
      }
      let status = try control.call("GetStatus")["status"] ?? .object([])
      let view = StatusView(status)
      try Terminal.print(json ? status.documentText : metrics ? view.metrics() : view.text())
      if !metrics { try ControlOptions.end(with: status, silently: true) }
    }
  }
}
