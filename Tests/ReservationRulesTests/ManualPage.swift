import Glibc
import ReservationRules
import Testing

/// The manual page apreserve.rules(5), as far as its examples and its table of diagnostics go.
struct ManualPage {
  /// An entry of the table.
  struct Entry {
    var code: String
    var severity: String
    /// Cause and remedy.
    var sentences: [String]
    /// What has the mistake, where that can be shown.
    var example: String?
  }

  /// The keys in the rule "key" of the grammar.
  private(set) var grammarKeys: [String] = []
  /// The words in the headings of the section on match keys, and the examples of that section.
  private(set) var describedKeys: Set<String> = []
  private(set) var keyExamples: [String] = []
  /// The blocks that show rules as they should be.
  private(set) var examples: [String] = []
  /// The table, in the order of the page.
  private(set) var entries: [Entry] = []

  init(source: String = #filePath) throws {
    let root = source.split(separator: "/").dropLast(3).joined(separator: "/")
    let file = try #require(fopen("/\(root)/packaging/man/apreserve.rules.5", "r"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 18)
    let count = fread(&bytes, 1, bytes.count, file)
    try #require(count < bytes.count)
    read(String(decoding: bytes[..<count], as: UTF8.self))
  }

  private mutating func read(_ page: String) {
    readKeys(page)
    var isInTable = false
    var isInEntry = false
    var example: [String]?
    for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      switch line {
      case ".EX": example = []
      case ".EE":
        let text = (example ?? []).joined(separator: "\n")
        example = nil
        if isInTable {
          entries[entries.count - 1].example = text
        } else {
          examples.append(text)
        }
      case _ where example != nil: example?.append(Self.plain(line))
      case _ where line.hasPrefix(".SS "):
        isInTable = true
        isInEntry = false
      case _ where line.hasPrefix(".SH "): isInTable = false
      case _ where isInTable && line.hasPrefix(".BR ") && line.hasSuffix(")\""):
        let words = Self.plain(line).split { " \"()".contains($0) }.map(String.init)
        isInEntry = true
        entries.append(Entry(code: words[1], severity: words[2], sentences: []))
      case _ where isInTable && isInEntry && !line.hasPrefix("."):
        entries[entries.count - 1].sentences.append(Self.plain(line))
      default: break
      }
    }
  }

  private mutating func readKeys(_ page: String) {
    var section = ""
    var isHeading = false
    var isExample = false
    var isKeys = false
    for line in page.split(separator: "\n").map(String.init) {
      if line.hasPrefix(".SH ") { section = String(line.dropFirst(4)) }
      switch section {
      case "GRAMMAR":
        isKeys = line.hasPrefix("key ") || isKeys && line.first == " "
        guard isKeys else { continue }
        let quoted = line.split(separator: "\"", omittingEmptySubsequences: false)
        for (index, word) in quoted.enumerated() where index % 2 == 1 && word != "}" {
          grammarKeys.append(String(word.prefix { $0 != "{" }))
        }
      case "MATCH KEYS":
        if isHeading {
          let words = line.split { " \",{}".contains($0) }.dropFirst()
          describedKeys.formUnion(words.map(String.init))
        }
        isHeading = line == ".TP"
        if line == ".EX" { isExample = true }
        if line == ".EE" { isExample = false }
        if isExample { keyExamples.append(Self.plain(line)) }
      default: break
      }
    }
  }

  /// The text that man(1) shows for a line of the source (groff_char(7)).
  private static func plain(_ line: String) -> String {
    var text = line
    for (name, character) in [
      ("\\-", "-"), ("\\(ha", "^"), ("\\(ti", "~"), ("\\(aq", "'"), ("\\&", ""), ("\\e", "\\"),
    ] {
      text.replace(name, with: character)
    }
    return text
  }
}
