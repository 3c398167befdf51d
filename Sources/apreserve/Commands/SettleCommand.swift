import ArgumentParser
import Daemon
import JSONText

/// `apreserve settle`
struct SettleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settle",
    abstract: "Wait until everything that the rules ask for is done or refused.",
    usage: "apreserve settle [--timeout <seconds>] [<options>]",
    discussion: """
      What has happened, and what was written into rule files, before the call counts too. For scripts:

        apreserve settle --timeout 30 && virsh start web1

      Ends with 0 when all is done, \
      with 3 when something is refused, with 1 when the time is over, or rules or settings have errors, \
      which are reported.
      """)

  @OptionGroup(title: OptionTitle.daemon) var control: ControlOptions

  @Option(help: ArgumentHelp("How long to wait at most, in seconds.", valueName: "seconds"))
  var timeout: Int?

  func validate() throws {
    guard timeout.map({ (0...86_400 * 365).contains($0) }) ?? true else {
      throw ValidationError("--timeout is a number of seconds from 0 on.")
    }
  }

  func run() throws {
    try reportingErrors {
      do {
        let reply = try control.call("Settle", timeout: timeout.map { .seconds($0) })
        let status = reply["status"] ?? .object([])
        try Terminal.print("\(status["summary"]?.text ?? "")\n")
        try ControlOptions.end(with: status)
      } catch ControlError.timeout {
        let status = try control.call("GetStatus", timeout: .seconds(5))["status"]
        Terminal.say(
          "not settled after \(timeout ?? 0) s: \(status?["summary"]?.text ?? "no status")")
        throw ExitStatus.error
      }
    }
  }
}
