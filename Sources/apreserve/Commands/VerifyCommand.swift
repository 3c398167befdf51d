import ArgumentParser
import HostSystem
import Reports
import ReservationRules

/// `apreserve verify`
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check rule files. All errors of all files are told at once.",
    discussion: """
        apreserve verify
        apreserve verify my.rules other.rules
        apreserve verify --rules ./rules
      """)

  @Argument(help: "Rule files; without any, those of the directories.")
  var files: [String] = []

  @Flag(help: "Treat warnings as errors.")
  var strict = false

  @OptionGroup var rules: RuleOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard files.isEmpty || rules.directories.isEmpty else {
      throw ValidationError("Give files or --rules, not both.")
    }
  }

  func run() throws {
    try reportingErrors {
      let host =
        try files.isEmpty ? rules.load(isTrusting: true) : HostRules(files: files)
      let verification = Verification(rules: host.rules, diagnostics: host.diagnostics)
      output.print(text: verification.text(style: output.style), json: verification.json)
      guard verification.isClean(strict: strict) else { throw ExitStatus.error }
    }
  }
}
