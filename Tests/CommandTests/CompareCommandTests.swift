import JSONText
import TestSupport
import Testing

/// Two hosts of the package's examples: on the second one web1 has everything, db1 needs a definition, and sign1 would
/// get an older adapter with other master keys.
@Suite struct `The command compare` {
  private func bench() throws -> Workbench {
    let bench = try Workbench()
    for name in ["kvm1.json", "kvm2.json"] {
      try bench.file(name, try SourceFile.text("packaging/examples/\(name)"))
    }
    try bench.file("rules/50.rules", "GUEST==\"*\", RESERVE=\"vfio_ap\"\n")
    return bench
  }

  @Test(arguments: [
    ("web1", Int32(0), "possible"), ("db1", 2, "after-steps"), ("sign1", 3, "impossible"),
    ("31893386", 0, "possible"),
  ])
  func `ends as the guest can move`(guest: String, status: Int32, outcome: String) throws {
    let result = try bench().run(
      "compare kvm1.json kvm2.json --rules rules --json --guest \(guest)")
    #expect(result.status == status, "\(result.messages)")
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["outcome"]?.text == outcome)
    #expect(json["guests"]?.elements.count == 1)
  }

  @Test func `ends as the worst of all guests`() throws {
    let result = try bench().run("compare kvm1.json kvm2.json --rules rules")
    #expect(result.status == 3)
    #expect(result.output.contains("\nsign1: cannot move\n"))
  }

  @Test func `takes several destinations, and ends as the worst of them`() throws {
    let bench = try bench()
    try bench.file(
      "old/kvm3.json",
      try SourceFile.text("packaging/examples/kvm2.json").replacing("kvm2", with: "kvm3"))
    for words in [
      "--inventory kvm2.json --inventory old/kvm3.json", "--inventory kvm2.json --inventory old",
    ] {
      let result = try bench.run("compare kvm1.json \(words) --rules rules --guest db1")
      #expect(result.status == 2, "\(result.messages)")
      #expect(result.output.contains("\ndb1: can move after these steps\n"))
      #expect(result.output.hasSuffix("\n2 hosts: 2 with steps\n"), "\(result.output)")
    }
    // The directory has the host that they leave, too.
    let result = try bench.run("compare kvm1.json --inventory . --rules rules --json")
    #expect(result.status == 3)
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["apreserve"]?.text == "fleet-comparison")
    #expect(
      json["hosts"]?.elements.map { $0["report"]?["outcome"]?.text } == [nil, "impossible"])
  }

  /// Lines are broken for a terminal alone.
  @Test(arguments: [
    "compare kvm1.json kvm2.json --rules rules",
    "guest show db1 --inventory kvm1.json --rules rules",
    "place sign1 --inventory kvm1.json --inventory kvm2.json --rules rules",
    "plan --diff rules none --inventory kvm1.json", "simulate --inventory kvm1.json --rules rules",
  ])
  func `is as wide as it has to be where there is no terminal`(words: String) throws {
    let bench = try bench()
    try bench.file("none/50.rules", "APQN==\"*\", RESERVE=\"host\"\n")
    func lines(_ width: Int) throws -> [Substring] {
      try Program.run(
        words.split(separator: " ").map(String.init), in: bench, environment: ["COLUMNS=\(width)"]
      ).output.split(separator: "\n")
    }
    #expect(try bench.run(words).output.split(separator: "\n") == lines(400))
    let narrow = try lines(80)
    #expect(narrow.allSatisfy { $0.count <= 80 || $0.contains("0x") }, "\(narrow)")
  }

  /// The rules are those of the destination, and say what would be reserved.
  @Test func `asks for a rule where none reserves a queue`() throws {
    let bench = try bench()
    try bench.file("rules/50.rules", "ADAPTER==\"5\", RESERVE=\"host\"\n")
    let result = try bench.run("compare kvm1.json kvm2.json --rules rules --guest db1")
    #expect(result.status == 2)
    #expect(result.output.contains("rules/50.rules:1 keeps it for the host"), "\(result.output)")
  }

  @Test func `reads one of the hosts from standard input`() throws {
    let bench = try bench()
    for (words, file) in [("- kvm2.json", "kvm1.json"), ("kvm1.json -", "kvm2.json")] {
      let result = try bench.run(
        "compare \(words) --rules rules --guest web1", input: file)
      #expect(result.status == 0, "\(result.messages)")
    }
  }

  @Test(arguments: [
    ("- -", Int32(64), "Only one of source and destination can be standard input"),
    ("kvm1.json kvm2.json --inventory kvm2.json", 64, "The destination is given twice"),
    ("kvm1.json kvm2.json --guest wep1", 1, "did you mean \"web1\"?"),
    ("kvm1.json kvm2.json --guest nobody", 1, "apreserve guest list --inventory kvm1.json"),
    ("nosuch.json kvm2.json", 1, "opening nosuch.json"),
    ("rules/50.rules kvm2.json", 1, "this is not a machine description"),
    ("", 64, "Missing expected argument '<source>'"),
  ])
  func `says what is wrong with its arguments`(
    words: String, status: Int32, sentence: String
  ) throws {
    let result = try bench().run("compare \(words) --rules rules")
    #expect(result.status == status)
    #expect(result.messages.contains(sentence), "\(result.messages)")
    #expect(result.output.isEmpty)
  }

  /// Two snapshots can be compared although they are redacted, each by itself.
  @Test func `compares the keys of redacted snapshots`() throws {
    let bench = try bench()
    for name in ["kvm1", "kvm2"] {
      let redacted = try bench.run("snapshot --redact --inventory \(name).json")
      try bench.file("\(name)-redacted.json", redacted.output)
    }
    let result = try bench.run(
      "compare kvm1-redacted.json kvm2-redacted.json --rules rules --json")
    let json = try JSONParser.parse(Array(result.output.utf8))
    let keys = json["guests"]?.elements.map { guest in
      guest["queues"]?.elements.map { $0["keys"]?.text } ?? []
    }
    #expect(Set(keys ?? []) == [["equal", "equal"], ["different"], ["equal"]], "\(result)")
  }
}
