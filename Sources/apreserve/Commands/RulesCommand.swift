import ArgumentParser
import HostSystem
import Reports

/// `apreserve rules`
struct RulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Show the rules in effect, in order, with where each comes from.")

  @OptionGroup var rules: RuleOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try reportingErrors {
      _ = try rules.rules(isTrusting: true)
      let host = try rules.load(isTrusting: true)
      let listing = RuleListing(rules: host.rules, selection: host.selection)
      try output.print(text: listing.text(style: output.style), json: listing.json)
    }
  }
}
