import JSONText
import Reports
@testable import ReservationRules
import Testing

@Suite struct `A verification` {
  private func verification(
    _ files: [(path: String, text: String)], _ others: RuleFileSelection = RuleFileSelection([])
  ) -> Verification {
    let (rules, diagnostics) = RuleSet.parse(
      files: files.map { RuleFile(path: $0.path, text: $0.text) })
    var selection = others
    selection.paths = rules.files
    return Verification(
      rules: rules, diagnostics: diagnostics, selection: selection)
  }

  @Test func `reports errors and warnings of all files in the order of files and lines`() {
    var others = RuleFileSelection([])
    others.replaced = [.init(path: "/usr/15.rules", by: "/etc/15.rules", isMasked: true)]
    others.skipped = [.init(path: "/etc/05.rules", kind: .directory)]
    let verification = verification(
      [
        ("/etc/10.rules", "#\nADAPTER==\"5\", RESERVE=\"host\"\nRESERVE=\"hst\"\n"),
        ("/usr/20.rules", "APQN==\"*\", RESERVE=\"host\"\nADAPTER==\"10\", FOO=\"\"\n"),
      ], others)
    #expect(
      verification.text(style: .plain).split(separator: "\n").filter { $0.hasPrefix("/") }.map {
        $0.split(separator: " ").first.map(String.init)
      } == [
        "/etc/05.rules:1:1:", "/etc/10.rules:2:1:", "/etc/10.rules:3:10:", "/usr/15.rules:1:1:",
        "/usr/20.rules:2:11:", "/usr/20.rules:2:16:",
      ])
    #expect(verification.summary == "2 files, 2 rules, 3 errors, 3 warnings")
  }

  @Test func `is clean with warnings, but not when these count`() {
    let warned = verification([
      ("a.rules", "ADAPTER==\"5\", RESERVE=\"host\"\nADAPTER==\"5-6\", RESERVE=\"host\"\n")
    ])
    #expect(warned.summary == "1 file, 2 rules, 1 warning")
    #expect(warned.isClean(strict: false) && !warned.isClean(strict: true))
    let wrong = verification([("a.rules", "RESERVE=\"hst\"\n")])
    #expect(!wrong.isClean(strict: false))
    let clean = verification([("a.rules", "APQN==\"*\", RESERVE=\"host\"\n")])
    #expect(clean.isClean(strict: true) && clean.summary == "1 file, 1 rule, no errors")
  }

  @Test func `breaks sentences for a terminal, and neither lines of files nor corrections`() {
    let rule = "ADAPTER==\"5\", DOMAIN==\"4\", NAME=\"web guests\", RESERVE=\"hst\""
    let verification = verification([("a.rules", rule + "\n")])
    func lines(_ width: Int?) -> [String] {
      verification.text(style: TextStyle(isColored: false, width: width)).split(separator: "\n")
        .map(String.init)
    }
    let whole = lines(nil)
    #expect(whole.count == 5 && whole[0].count > 40, "\(whole)")
    let narrow = lines(40)
    let count = narrow.count - 4
    #expect(count > 1)
    #expect(narrow.prefix(count).allSatisfy { $0.count <= 40 }, "\(narrow)")
    #expect(narrow.prefix(count).dropFirst().allSatisfy { $0.hasPrefix("  ") })
    #expect(
      narrow.prefix(count).map { $0.drop { $0 == " " } }.joined(separator: " ") == whole[0])
    #expect(narrow.suffix(4) == whole.suffix(4) && narrow[count] == "  " + rule)
  }

  @Test func `prints a hundred findings, errors first, and the number of others`() {
    let warning = "ADAPTER==\"5\", RESERVE=\"host\"\n"
    let error = "RESERVE=\"hst\"\n"
    let text = verification([
      ("a.rules", String(repeating: warning, count: 150) + String(repeating: error, count: 90))
    ]).text(style: .plain)
    #expect(text.split(separator: "\n").count { $0.contains(": error: ") } == 90)
    #expect(text.split(separator: "\n").count { $0.contains(": warning: ") } == 10)
    #expect(
      text.hasSuffix(
        """
        and 139 more; correct these first, or see all of them with --json

        1 file, 150 rules, 90 errors, 149 warnings

        """))
  }

  @Test func `counts what was left out in reading`() {
    let error = "RESERVE=\"hst\"\n"
    let verification = verification([("a.rules", String(repeating: error, count: 4000))])
    #expect(verification.summary == "1 file, 0 rules, 4000 errors")
    #expect(
      verification.text(style: .plain).contains(
        "\nand 3900 more; correct these first, or see all of them with --json\n"))
  }

  @Test func `as JSON has code, span, message and fixes`() {
    var others = RuleFileSelection([])
    others.skipped = [.init(path: "0.rules", kind: .directory)]
    let verification = verification([("a.rules", "# \u{e9}\n \u{e9}, RESERVE=\"hst\"\n")], others)
    #expect(
      verification.json.documentText == """
        {
          "apreserve": "verify",
          "version": 1,
          "files": ["a.rules"],
          "rules": 0,
          "errors": 2,
          "warnings": 1,
          "notes": 0,
          "diagnostics": [
            {
              "severity": "warning",
              "code": "skipped-file",
              "file": "0.rules",
              "span": {"line": 1, "column": 1, "length": 0},
              "message": "this is not read: it is a directory",
              "fixes": []
            },
            {
              "severity": "error",
              "code": "missing-operator",
              "file": "a.rules",
              "span": {"line": 2, "column": 2, "length": 1},
              "sourceLine": " \u{e9}, RESERVE=\\"hst\\"",
              "message": "\\"\u{e9}\\" is not followed by an operator; write a clause as KEY==\\"value\\"",
              "fixes": []
            },
            {
              "severity": "error",
              "code": "unknown-value",
              "file": "a.rules",
              "span": {"line": 2, "column": 14, "length": 3},
              "sourceLine": " \u{e9}, RESERVE=\\"hst\\"",
              "message": "unknown value \\"hst\\" of RESERVE; write \\"vfio_ap\\", \\"host\\" or \\"unmanaged\\"",
              "fixes": ["host"]
            }
          ]
        }

        """)
  }
}
