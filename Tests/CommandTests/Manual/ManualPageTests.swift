import Glibc
import JSONText
import Reservation
import TestSupport
import Testing

/// The manual pages against the program. `make manual` runs them with APRESERVE_UPDATE_MANUAL set, which
/// rewrites the generated parts.
@Suite struct `The manual pages` {
  @Test func `have every option of every command as the program's help has it`() throws {
    let dump = try Workbench().run("--experimental-dump-help").output
    let program = try #require(try JSONParser.parse(Array(dump.utf8))["command"])
    let options = ManualOptions(CommandDescription(program))
    let page = try GeneratedPage("apreserve.1", block: options.block)
    #expect(options.keys.subtracting(page.keys).sorted() == [], "the page lacks these")
    #expect(page.isCurrent, "run make manual")
  }

  @Test func `explain every guard as the program defines it`() throws {
    let page = try GeneratedPage("apreserve-daemon.8") { key in
      guard key == "guards" else { return nil }
      return Guard.allCases.flatMap { entry in
        [".TP", ".B \(RoffText.source(entry.rawValue))", RoffText.emphasized(entry.manualText)]
      }
    }
    #expect(page.keys == ["guards"])
    #expect(page.isCurrent, "run make manual")
  }

  @Test func `explain in the guide what the program itself defines`() throws {
    let messages = MessageList(catalog: try SourceFile.text("packaging/apreserve.catalog"))
    #expect(messages.entries.count >= 26)
    let page = try GeneratedPage("apreserve-guide.7") { key in
      switch key {
      case "messages": messages.source
      case "criteria": Self.criteria
      default: nil
      }
    }
    #expect(page.keys == ["criteria", "messages"])
    #expect(page.isCurrent, "run make manual")
  }

  /// What `apreserve compare` compares.
  private static var criteria: [String] {
    GuestMove.Criterion.allCases.flatMap { criterion in
      [
        ".TP", ".B \(RoffText.source(criterion.rawValue))",
        RoffText.source(criterion.rule.text), RoffText.source(criterion.rule.source),
      ]
    }
  }

  @Test func `show in the guide what the program prints`() throws {
    let bench = try Workbench()
    for name in ["lnx01", "lnx02", "lnx03", "kvm1", "kvm2"].map({ "\($0).json" }) {
      try bench.file(name, try SourceFile.text("packaging/examples/\(name)"))
    }
    try bench.link("fleet", to: SourceFile.path("packaging/examples/fleet"))
    let guide = try SourceFile.text("packaging/man/apreserve-guide.7")
    let transcript = ShellTranscript(RoffText.examples(guide))
    #expect(transcript.steps.count >= 15)
    for difference in try transcript.differences(in: bench) {
      Issue.record("printed otherwise than shown:\n\(difference)")
    }
  }

  @Test func `and the README show what the program prints`() throws {
    // In a fresh clone there are only the files of the repository.
    let bench = try Workbench()
    for directory in ["packaging", "rules"] {
      try bench.link(directory, to: SourceFile.path(directory))
    }
    let blocks = try SourceFile.text("README.md").split(separator: "```console\n").dropFirst()
      .map { $0.split(separator: "```", maxSplits: 1).first.map(String.init) ?? "" }
    let transcript = ShellTranscript(blocks)
    #expect(transcript.steps.count >= 3)
    for step in transcript.steps where step.isFile {
      let file = String(step.command.dropFirst("cat ".count))
      try #require(bench.has(file), "\(file) is not in the repository")
    }
    for difference in try transcript.differences(in: bench) {
      Issue.record("printed otherwise than shown:\n\(difference)")
    }
  }

  /// What "make demo" runs.
  @Test(arguments: [("unequal-6.1-mask", "mask"), ("unequal-7.2-override", "override")])
  func `and the demo of the README end as promised`(capture: String, mechanism: String) throws {
    let bench = try Workbench()
    for directory in ["Tests", "rules"] {
      try bench.link(directory, to: SourceFile.path(directory))
    }
    let files = "Tests/Captures/\(capture)"
    let result = try bench.run(
      "replay \(files).events --rules rules/demo --mechanism \(mechanism) --expect \(files).expect")
    #expect(result.status == 0, "\(result.messages)")
  }
}
