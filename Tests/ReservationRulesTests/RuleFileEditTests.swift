import ReservationRules
import TestSupport
import Testing

@Suite struct `A rule file that is edited` {
  private static let rule = "ADAPTER==\"9\", RESERVE=\"host\""

  fileprivate static let sample = """
    # head

    ADAPTER=="5", \\
    # why
      DOMAIN=="4", \\
      RESERVE="host"
    \tADAPTER=="6", RESERVE="vfio_ap"
    # tail

    """

  private func edit(_ text: String) -> RuleFileEdit {
    RuleFileEdit(RuleFile(path: "f", bytes: Array(text.utf8)))
  }

  private func text(_ edit: RuleFileEdit) -> String {
    String(decoding: edit.file.bytes, as: UTF8.self)
  }

  private static func rules(_ file: RuleFile) -> [String] {
    RuleSet.parse(files: [file]).0.rules.map(\.text)
  }

  @Test(arguments: [
    ("", 1, ""), (`A rule file that is edited`.sample, 9, ""),
    ("# x\r\nAPQN==\"*\", RESERVE=\"host\"\r\n", 3, "\r"),
  ])
  func `gets a rule at its end, on a line that ends like the others`(
    before: String, line: Int, returns: String
  ) throws {
    var edit = edit(before)
    #expect(try edit.add("  \(Self.rule)") == .added(line: line))
    #expect(text(edit) == before + Self.rule + returns + "\n")
    #expect(Self.rules(edit.file).last == Self.rule)
  }

  @Test(arguments: [
    ("ADAPTER==\"6\", RESERVE=\"vfio_ap\"", 7), (" ADAPTER==\"6\", RESERVE=\"vfio_ap\" ", 7),
    ("ADAPTER==\"5\", DOMAIN==\"4\", RESERVE=\"host\"", 3),
    ("ADAPTER==\"6\", RESERVE=\"host\"", nil),
  ])
  func `stays as it is if it has the rule`(rule: String, line: Int?) throws {
    var edit = edit(Self.sample)
    let addition = try edit.add(rule)
    #expect(addition == line.map { .present(line: $0) } ?? .added(line: 9))
    #expect((text(edit) == Self.sample) == (line != nil))
  }

  @Test(arguments: ["A", "APQN==\"*\", RESERVE=\"host\" \\\n", "x \\\n# comment\n"])
  func `gets no rule that would continue its last line`(before: String) throws {
    var edit = edit(before)
    #expect(throws: RuleEditError.unfinished("f")) { try edit.add(Self.rule) }
    #expect(text(edit) == before)
  }

  @Test(arguments: [
    ("", RuleEditError.notRule), (" \t", .notRule), ("# x", .notRule),
    ("ADAPTER==\"5\", \\\nRESERVE=\"host\"", .severalLines),
    ("ADAPTER==\"5\", RESERVE=\"host\"\r", .notText), ("\u{fffd}", .notText),
    ("ADAPTER==\"5\", RESERVE=\"host\", NAME=\"\u{1b}[2J\"", .notText),
  ])
  func `gets nothing that is not one line with a rule`(rule: String, error: RuleEditError) {
    var edit = edit(Self.sample)
    #expect(throws: error) { try edit.add(rule) }
    #expect(text(edit) == Self.sample)
  }

  @Test func `loses a continued rule, and keeps the comments between its lines`() throws {
    var edit = edit(Self.sample)
    #expect(
      try edit.remove(atLine: 3) == [
        "ADAPTER==\"5\", \\", "  DOMAIN==\"4\", \\", "  RESERVE=\"host\"",
      ])
    #expect(
      text(edit) == "# head\n\n# why\n\tADAPTER==\"6\", RESERVE=\"vfio_ap\"\n# tail\n")
  }

  @Test func `loses what is meant as a rule and has errors`() throws {
    var edit = edit("# a\nADAPTER==\"5\", RESERVE=\"hst\"\nAPQN==\"*\", \\\r\n\r\n# b")
    #expect(try edit.remove(atLine: 2) == ["ADAPTER==\"5\", RESERVE=\"hst\""])
    #expect(try edit.remove(atLine: 2) == ["APQN==\"*\", \\"])
    #expect(text(edit) == "# a\n\r\n# b")
  }

  @Test(arguments: [
    (0, RuleEditError.noLine(0, file: "f", count: 8)), (1, .noRule(1, file: "f")),
    (2, .noRule(2, file: "f")), (4, .noRule(4, file: "f")),
    (5, .inside(5, file: "f", first: 3)), (8, .noRule(8, file: "f")),
    (9, .noLine(9, file: "f", count: 8)),
  ])
  func `loses nothing where no rule begins`(line: Int, error: RuleEditError) {
    var edit = edit(Self.sample)
    #expect(throws: error) { try edit.remove(atLine: line) }
    #expect(text(edit) == Self.sample)
  }

  /// A line may begin with only a backslash, and a rule after commas.
  @Test func `loses a rule from the line that the listing names`() throws {
    let before = "\\\n , \\\nADAPTER==\"5\", RESERVE=\"host\"\n"
    let rule = try #require(
      RuleSet.parse(files: [RuleFile(path: "f", text: before)]).0.rules.first)
    var edit = edit(before)
    #expect(try edit.remove(atLine: rule.location.line).count == 3)
    #expect(text(edit) == "")
  }

  /// Lines continued, cut, commented and broken in all ways.
  @Test func `has all other rules whatever the rest of the file is`() throws {
    let parts = [
      "ADAPTER==\"5\"", "RESERVE=\"host\"", "RESERVE=\"hst\"", ", ", ",", "\\\n", "\\\r\n", "\n",
      "\r\n", "\t",
      "# text\n", "#\\\n", "\\", "ADAPTER==\"6\", \\\nRESERVE=\"vfio_ap\"\n",
    ]
    var generator = SeededGenerator(seed: 18)
    var (removed, added) = (0, 0)
    for _ in 0..<2000 {
      let text = (0..<24).map { _ in parts.randomElement(using: &generator) ?? "" }.joined()
      let file = RuleFile(path: "f", bytes: Array(text.utf8))
      let rules = RuleSet.parse(files: [file]).0.rules
      try Self.expectRemovals(of: rules, from: file)
      removed += rules.count
      var edit = RuleFileEdit(file)
      guard (try? edit.add(Self.rule)) != nil else { continue }
      #expect(Self.rules(edit.file) == rules.map(\.text) + [Self.rule], "\(text.debugDescription)")
      added += 1
    }
    #expect(removed > 500 && added > 500, "\(removed), \(added)")
  }

  @Test(arguments: ["rules/library", "rules/example", "rules/demo"])
  func `has all other rules when one is added or removed`(directory: String) throws {
    let files = try SourceFile.names(in: directory).filter { $0.hasSuffix(".rules") }.map {
      RuleFile(path: $0, bytes: try SourceFile.bytes("\(directory)/\($0)"))
    }
    #expect(!files.isEmpty)
    for file in files {
      let rules = RuleSet.parse(files: [file]).0.rules
      try Self.expectRemovals(of: rules, from: file)
      var edit = RuleFileEdit(file)
      guard case .added(let line) = try edit.add(Self.rule) else {
        Issue.record("\(file.path) has the rule")
        continue
      }
      #expect(Self.rules(edit.file) == rules.map(\.text) + [Self.rule])
      try edit.remove(atLine: line)
      #expect(edit.file == file)
    }
  }

  /// Each rule can be removed, and the file then has all others.
  private static func expectRemovals(of rules: [Rule], from file: RuleFile) throws {
    for (index, rule) in rules.enumerated() {
      var edit = RuleFileEdit(file)
      try edit.remove(atLine: rule.location.line)
      var others = rules.map(\.text)
      others.remove(at: index)
      #expect(
        Self.rules(edit.file) == others,
        "\(String(decoding: file.bytes, as: UTF8.self).debugDescription), \(rule.location)")
    }
  }
}
