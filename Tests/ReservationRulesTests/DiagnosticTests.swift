import ReservationRules
import Testing

@Suite struct `Diagnostics of rule files` {
  @Test(arguments: DiagnosticRow.all)
  func `name the place, the sentence and the correction`(row: DiagnosticRow) {
    #expect(row.found.map(\.description).joined(separator: "\n") == row.expected)
  }

  /// Those of files, of rules among others and of machines have suites of their own.
  @Test func `cover every kind that a line can have`() {
    var codes = Set(DiagnosticRow.all.flatMap(\.found).map(\.code))
    for path in FileProblem.all { codes.formUnion(path.found.map(\.code)) }
    codes.formUnion([unreadable().code, .moreErrors, .moreWarnings])
    #expect(
      Set(DiagnosticCode.allCases).subtracting(codes) == [
        .untrustedFile, .tooManyRules, .maskedFile, .replacedFile, .skippedFile, .shadowedRule,
        .idleRule,
        .collateral, .acceptedCollateral, .hardwareTooOld, .guestConflict, .guestOverlap,
        .guestSeveralDevices, .guestVanishedDevice, .guestEmptyMatrix, .guestNotConfigured,
        .guestNotReserved, .guestKeptForHost, .guestOldHardware, .guestSilentAdapters,
        .guestMixedModes,
        .guestAbsentAdapters, .guestLosesAdapter, .guestActiveWithout, .guestActiveBeyond,
        .invalidDefinition, .unreadableDefinitions, .unexpectedMasterKey,
        .changedMasterKey, .lparAdapterAbsent, .lparAdapterUnexpected, .lparAdapterDiffers,
        .lparUsageDomainAbsent, .lparUsageDomainUnexpected, .lparControlDomainAbsent,
        .lparControlDomainUnexpected, .lparRequestNotAssigned,
      ])
  }

  @Test func `of one rule are kept up to fifty, and the others counted`() {
    let found = DiagnosticRow(
      "ADAPTER==\"\(String(repeating: "10|", count: 59))10\", RESERVE=\"host\"", ""
    ).found
    #expect(found.count == 51)
    #expect(found.count { $0.code == .ambiguousNumber } == 50)
    #expect(
      found.first { $0.code == .moreErrors }?.description
        == "f:1:161: error: 10 more errors are not shown; correct the ones before them first [more-errors]"
    )
    #expect(found.reduce(0) { $0 + $1.findings } == 60)
  }

  @Test func `of one file are kept up to a thousand, and the others counted`() {
    let lines = String(repeating: "FOO=\"\u{e9}\"\n", count: 1500)
    let found = DiagnosticRow(lines, "").found
    #expect(found.count == 1001)
    #expect(
      found.last?.description
        == "f:1001:1: error: 500 more errors are not shown; correct the ones before them first [more-errors]"
    )
  }

  @Test func `that are warnings are counted separately and affect no rule`() {
    let line = "ADAPTER==\"5\", ADAPTER==\"5\", RESERVE=\"host\"\n"
    let file = RuleFile(path: "f", text: String(repeating: line, count: 1100))
    let (rules, found) = RuleSet.parse(files: [file])
    #expect(rules.rules.count == 1100)
    #expect(
      found.last?.description
        == "f:1001:15: warning: 100 more warnings are not shown; correct the ones before them first "
        + "[more-warnings]")
    #expect(found.allSatisfy { $0.severity == .warning })
  }

  @Test func `offer no correction that is too long to compare`() {
    let words = String(repeating: "lnx01,", count: 40) + "lnx02"
    let found = DiagnosticRow("HOST==\"\(words)\", RESERVE=\"host\"", "").found
    #expect(found.map(\.code) == [.commaInValue])
    #expect(found[0].fixes == [])
  }

  @Test func `have codes in kebab case`() {
    for code in DiagnosticCode.allCases {
      #expect(code.rawValue.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz-8".utf8.contains($0) })
    }
  }

  @Test func `of all files and lines are reported together, in order, and affect no other line`() {
    let files = [
      RuleFile(
        path: "10-a.rules",
        text: "RESERVE=\"hst\"\nDOMAIN==\"4\", RESERVE=\"host\"\n\nFOO=\"1\", BAR=\"2\"\n"),
      RuleFile(
        path: "20-b.rules", text: "# fine\n\tADAPTER==\"5\", RESERVE=\"host\"\nADAPTER==\"10\"\n"),
    ]
    let (rules, diagnostics) = RuleSet.parse(files: files)
    #expect(
      diagnostics.map(\.location.description) == [
        "10-a.rules:1:10", "10-a.rules:4:1", "10-a.rules:4:10", "20-b.rules:3:1", "20-b.rules:3:11",
      ])
    #expect(
      rules.rules.map(\.location.description) == ["10-a.rules:2:1", "20-b.rules:2:2"])
    #expect(rules.files == ["10-a.rules", "20-b.rules"])
  }

  @Test(arguments: FileProblem.all)
  func `of bytes that are not text name the offset`(problem: FileProblem) {
    #expect(problem.found.map(\.description) == [problem.expected])
  }

  @Test func `of a file that cannot be read give the reason`() {
    #expect(
      unreadable().description
        == "/r/a.rules:1:1: error: the file cannot be read: it is not readable by this user "
        + "[unreadable-file]")
  }

  private func unreadable() -> Diagnostic {
    RuleFileProblem(reason: "it is not readable by this user")
      .diagnostic("/r/a.rules", noun: "file")
  }

  @Test func `show a long line around the place`() {
    let name = String(repeating: "n", count: 300)
    let row = DiagnosticRow("NAME=\"\(name)\", RESERVE=\"hst\", ADAPTER==\"5\"", "")
    let lines = row.found[0].description.split(separator: "\n")
    #expect(lines[1].count == 103)
    #expect(lines[1].hasPrefix("  \u{2026}nnn"))
    #expect(
      lines[1].dropFirst(
        lines[2].firstIndex(of: "^").map { lines[2].distance(from: lines[2].startIndex, to: $0) }
          ?? 0
      ).hasPrefix("hst"))
  }

  @Test func `take a line of sixteen KiB less one and a file of one MiB`() {
    let rule = "APQN==\"*\", RESERVE=\"host\", NAME=\""
    let longest = rule + String(repeating: "n", count: 16383 - rule.utf8.count - 1) + "\""
    #expect(DiagnosticRow(longest, "").found.isEmpty)
    #expect(DiagnosticRow(longest + " ", "").found.map(\.code) == [.lineTooLong])
    let comment = "#" + String(repeating: "x", count: 1022) + "\n"
    let largest = String(repeating: comment, count: 1024)
    #expect(DiagnosticRow(largest, "").found.isEmpty)
    #expect(DiagnosticRow(largest + "#", "").found.map(\.code) == [.fileTooLarge])
  }
}

/// Bytes that are not a rule file, and the diagnostic expected for them.
struct FileProblem: Sendable, CustomTestStringConvertible {
  let bytes: [UInt8]
  let expected: String

  /// The bytes may be a mebibyte.
  var testDescription: String { expected.prefix { $0 != ";" }.description }

  var found: [Diagnostic] { RuleSet.parse(files: [RuleFile(path: "f", bytes: bytes)]).1 }

  static let all = [
    FileProblem(
      bytes: Array("#\nNAME=\"ö".utf8) + [0xff] + Array("\", RESERVE=\"host\"\n".utf8),
      expected: """
        f:2:8: error: byte 0xff at offset 10 of the file is not UTF-8; save the file as UTF-8 \
        [invalid-utf-8]
          NAME="ö\u{fffd}", RESERVE="host"
                 ^
        """),
    FileProblem(
      bytes: Array("# \u{e9}".utf8.dropLast()) + Array("\n".utf8),
      expected: """
        f:1:3: error: byte 0xc3 at offset 2 of the file is not UTF-8; save the file as UTF-8 \
        [invalid-utf-8]
          # \u{fffd}
            ^
        """),
    FileProblem(
      bytes: Array(repeating: UInt8(ascii: "x"), count: 16384) + Array("\n".utf8),
      expected: """
        f:1:1: error: the line has 16384 bytes, and at most 16383 are read; divide it with a \
        backslash at the end of each part [line-too-long]
          \(String(repeating: "x", count: 100))\u{2026}
          ^
        """),
    FileProblem(
      bytes: Array(repeating: UInt8(ascii: "\n"), count: 1024 * 1024 + 1),
      expected: """
        f:1:1: error: the file has 1048577 bytes, and at most 1048576 are read; divide it into \
        several files [file-too-large]
        """),
    FileProblem(
      bytes: Array("ADAPTER==\"5\", RESERVE=\"host\"\n# \u{e9}".utf8),
      expected: """
        f:2:3: error: the file ends in the middle of a line; write the rest of it, and end it with a \
        line feed [incomplete-file]
          # \u{e9}
            ^
        """),
    FileProblem(
      bytes: Array("RESERVE=\"vfio_ap\", ADAPTER==\"5\", \n\n  # \n".utf8),
      expected: """
        f:1:32: error: the file ends in the middle of a rule; write the rest of it, or remove the \
        comma [incomplete-file]
          RESERVE="vfio_ap", ADAPTER=="5",\u{20}
                                         ^
        """),
    FileProblem(
      bytes: Array("RESERVE=\"vfio_ap\", ADAPTER==\"5\"\\\n  # \n".utf8),
      expected: """
        f:1:32: error: the file ends in the middle of a rule; write the rest of it, or remove the \
        backslash [incomplete-file]
          RESERVE="vfio_ap", ADAPTER=="5"\\
                                         ^
        """),
  ]
}
