import ArgumentParser
import Daemon
import JSONText
import Reports

/// `apreserve reload`
struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Let the daemon read its rules and its configuration again.",
    usage: "apreserve reload [<options>]",
    discussion: """
      Ends when they have been read: with 0 if they are in force now, with 1 and all errors if the rules \
      from before stay in force, or a setting that has an error is as protective as it can be. Where there is no rule any more, everything is \
      given back: asking counts as meaning it.
      """)

  @OptionGroup(title: OptionTitle.daemon) var control: ControlOptions

  func run() throws {
    try reportingErrors {
      let reply = try control.call("Reload")
      for warning in reply["warnings"]?.elements ?? [] {
        if let text = warning.text { Terminal.say(text) }
      }
      let files = reply["files"]?.elements.count ?? 0
      try Terminal.print(
        "\(counted(reply["count"]?.integer ?? 0, "rule")) in \(counted(files, "file")) in force\n")
      let problems = (reply["problems"]?.elements ?? []).compactMap(\.text)
      for problem in problems { Terminal.say(problem) }
      if !problems.isEmpty { throw ExitStatus.error }
    }
  }
}
