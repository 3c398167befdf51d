import ArgumentParser
import HostSystem
import Reports

/// `apreserve rules`
struct RulesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rules",
    abstract: "Show the rules in effect, in order, with where each comes from.",
    usage: "apreserve rules [<options>]",
    discussion: """
      Files are listed that are not read, too: masked by an empty file, or replaced by one of the same name \
      in a directory that counts more.

        apreserve rules
        apreserve rules --rules ./rules --json
      """)

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func run() throws {
    try reportingErrors {
      _ = try rules.rules()
      let host = try rules.load()
      let listing = RuleListing(rules: host.rules, selection: host.selection)
      try output.print(text: listing.text(style: output.style), json: listing.json)
    }
  }
}
