/// Reads one rule file.
struct RuleFileParser {
  private(set) var rules: [Rule] = []
  private(set) var diagnostics: [Diagnostic] = []
  private let file: RuleFile

  init(_ file: RuleFile) {
    self.file = file
  }

  mutating func parse() {
  }
}
