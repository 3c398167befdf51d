import ArgumentParser
import HostSystem
import Reports
import ReservationRules
import Sysfs

/// `apreserve verify`
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check rule files. All errors of all files are told at once.",
    discussion: """
        apreserve verify
        apreserve verify my.rules other.rules
        apreserve verify ./rules
      """)

  @Argument(
    help: ArgumentHelp(
      "Rule files, or directories of them; without any, those in effect.", valueName: "path"))
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
        try files.isEmpty
        ? rules.load(isTrusting: true) : HostRules(files: files.flatMap(Self.files))
      let verification = Verification(rules: host.rules, diagnostics: host.diagnostics)
      try output.print(text: verification.text(style: output.style), json: verification.json)
      guard verification.isClean(strict: strict) else { throw ExitStatus.error }
    }
  }

  /// The rule files of a directory, in their order; anything else is a file itself.
  private static func files(at path: String) throws -> [String] {
    do throws(FileError) {
      guard try ConfigurationDirectory.read(path, owner: nil) != nil else { return [path] }
      return try HostRules(directories: [path], owner: nil).selection.paths
    } catch {
      guard case .failed(_, .notDirectory) = error.problem else { throw error }
      return [path]
    }
  }
}
