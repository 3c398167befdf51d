import JSONText
import TestSupport
import Testing

@Suite struct `apreserve rule` {
  private let bench: Workbench
  private static let rule = "ADAPTER==\"2\", RESERVE=\"host\""

  init() throws {
    bench = try Sample.bench()
  }

  private func add(_ rule: String, _ words: String = "--rules guests") throws -> Program.Result {
    try Program.run(
      ["rule", "add", rule] + words.split(separator: " ").map(String.init), in: bench)
  }

  @Test func `adds a rule to the local file, once`() throws {
    let first = try add(Self.rule)
    #expect(first.status == 0)
    #expect(first.output == "added guests/50-local.rules:1  \(Self.rule)\n")
    #expect(first.messages == "")
    #expect(try bench.text("guests/50-local.rules") == Self.rule + "\n")
    let second = try add(Self.rule)
    #expect(second.status == 0)
    #expect(
      second.output == "guests/50-local.rules:1 has this rule already; nothing is changed\n")
    #expect(try bench.text("guests/50-local.rules") == Self.rule + "\n")
  }

  @Test func `adds it to the file that is named, and removes it by the place that rules prints`()
    throws
  {
    let result = try add(Self.rule, "--rules guests --file 50-guests.rules --json")
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["apreserve"] == "rule-change" && json["change"] == "added")
    #expect(json["file"] == "guests/50-guests.rules" && json["line"] == .integer(2))
    #expect(json["text"]?.text == Self.rule)
    let listing = try bench.run("rules --rules guests")
    #expect(
      listing.output == "guests/50-guests.rules\n  1  \(Sample.guests)  2  \(Self.rule)\n")
    let removed = try bench.run("rule remove guests/50-guests.rules:2 --rules guests")
    #expect(removed.status == 0)
    #expect(removed.output == "removed guests/50-guests.rules:2  \(Self.rule)\n")
    #expect(try bench.text("guests/50-guests.rules") == Sample.guests)
  }

  @Test func `says that a rule needs single quotes if the shell has divided it`() throws {
    let result = try bench.run("rule add ADAPTER==5, DOMAIN==4, RESERVE=vfio_ap --rules guests")
    #expect(result.status == 64)
    #expect(result.messages.contains("put it in single quotes"), "\(result.messages)")
    #expect(!bench.has("guests/50-local.rules"))
  }

  @Test func `writes nothing while the rules would have errors, and prints all of them`() throws {
    try bench.file("guests/60.rules", "RESERVE=\"hst\"\n")
    let result = try add("ADAPTER==\"256\", RESERVE=\"host\"")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(
      result.messages.hasPrefix(
        "apreserve: the rules would have errors, and nothing is written\n\n"
          + "guests/50-local.rules:1:11: error: "), "\(result.messages)")
    #expect(result.messages.contains("\nguests/60.rules:1:10: error: "))
    #expect(!bench.has("guests/50-local.rules"))
    // What removes the last error is written.
    #expect(try bench.run("rule remove 50-guests.rules:1 --rules guests").status == 1)
    #expect(try bench.text("guests/50-guests.rules") == Sample.guests)
    #expect(try bench.run("rule remove 60.rules:1 --rules guests").status == 0)
    #expect(try bench.text("guests/60.rules") == "")
  }

  @Test(arguments: [
    ("rule remove 50-guests.rules:2 --rules guests", "has no line 2; it has 1 line, and"),
    ("rule remove 50-other.rules:1 --rules guests", "there is no rule file guests/50-other.rules;"),
    ("rule remove 50.rules:1 --rules none", "line 1 of none/50.rules is blank or a comment;"),
    ("rule remove 50.rules:1 --rules nowhere", "there is no directory nowhere;"),
  ])
  func `says what it cannot remove`(words: String, message: String) throws {
    let result = try bench.run(words)
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.messages.contains(message), "\(result.messages)")
  }

  @Test func `is noticed by the daemon`() throws {
    let tree = try DaemonTree()
    let daemon = try tree.start()
    #expect(try tree.bench.run("settle --control c --timeout 60").status == 0)
    let rule = "ADAPTER==\"2\",RESERVE=\"host\""
    #expect(try tree.bench.run("rule add \(rule) --rules rules").status == 0)
    _ = try tree.bench.run("settle --control c --timeout 60")
    let rules = try tree.bench.run("rules --control c --in-force")
    #expect(rules.output.contains("/rules/50-local.rules\n  1  \(rule)\n"), "\(rules.output)")
    withExtendedLifetime(daemon) {}
  }

  /// Each of them reads the file, and replaces it.
  @Test func `loses no rule when several processes add one at once`() throws {
    let rules = (1...8).map { "ADAPTER==\"\($0)\", RESERVE=\"host\"" }
    let processes = try rules.map { rule in
      try Program.start(["rule", "add", rule, "--rules", "none"], in: bench)
    }
    #expect(processes.map(Program.wait) == rules.map { _ in 0 })
    let lines = try bench.text("none/50-local.rules").split(separator: "\n").map(String.init)
    #expect(lines.sorted() == rules)
  }
}
