import JSONText
import TestSupport
import Testing

/// Commands on the descriptions of several machines.
@Suite struct `The commands for several machines` {
  /// Two hosts in a directory: lnx01, which lacks what the rules of `guests` reserve, and done, which has it.
  private func bench() throws -> Workbench {
    let bench = try Sample.bench()
    try bench.file("hosts/a.json", Sample.machine)
    try bench.file("hosts/b.json", Self.done)
    try bench.file("hosts/notes.txt", "no machine")
    try bench.file("hosts/.hidden.json", "no machine")
    return bench
  }

  private static let done = Sample.machine.replacing(
    "\"lnx01\", \"lpar\": \"PROD1\"", with: "\"lnx02\""
  ).replacing("\"apmask\": \"0xf", with: "\"apmask\": \"0xb")
    .replacing(
      "\"01.0004\", \"driver\": \"cex4queue\"", with: "\"01.0004\", \"driver\": \"vfio_ap\""
    ).replacing(
      "\"01.0005\", \"driver\": \"cex4queue\"", with: "\"01.0005\", \"driver\": \"vfio_ap\"")

  @Test func `report on each under its heading, and sum up`() throws {
    let result = try bench().run("plan --inventory hosts --rules guests")
    #expect(result.status == 2, "\(result)")
    #expect(result.messages == "")
    #expect(
      result.output.hasPrefix(
        "lnx01 (LPAR PROD1), from hosts/a.json, of unknown age\n\nmechanism  mask"))
    #expect(
      result.output.contains(
        "\n\nlnx02, from hosts/b.json, of unknown age\n\nmechanism  mask"))
    #expect(
      result.output.hasSuffix(
        """

        hosts
          lnx01 (LPAR PROD1)    changed    2 queues to vfio_ap, 1 write
          lnx02                 unchanged  nothing to do: 2 of 2 requested queues on vfio_ap

        2 hosts: 1 without changes, 1 with changes

        """), "\(result.output)")
  }

  /// One machine alone, in every form of naming it, is reported as ever.
  @Test(arguments: [
    "plan", "plan --json", "list", "list -o name", "matrix --json", "explain 01.0004", "guest list",
  ])
  func `do not change what is printed of one`(command: String) throws {
    let bench = try bench()
    let one = try bench.run("\(command) --inventory hosts/a.json --rules guests")
    #expect(!one.output.contains("hosts\n") && !one.output.contains("\"hosts\""))
    let input = try bench.run("\(command) --inventory - --rules guests", input: "hosts/a.json")
    #expect(input.output == one.output.replacing("hosts/a.json", with: "standard input"))
    #expect(input.status == one.status)
  }

  /// The worst machine decides: 0, then 2, 3 and 1.
  @Test(arguments: [
    ("hosts/b.json --inventory hosts/b.json --rules guests", 0),
    ("hosts/b.json --inventory machine.json --rules guests", 2),
    ("hosts --rules alone", 3), ("hosts --inventory nowhere.json --rules alone", 1),
    ("hosts --inventory nowhere.json --rules guests", 1),
    ("hosts --inventory boot.events --rules guests", 1),
    ("hosts --rules guests --mechanism override", 1),
    ("guests --rules guests", 1), ("hosts --capture boot.events --rules guests", 64),
    ("- --inventory - --rules guests", 64), ("hosts --stale-after soon --rules guests", 64),
    ("hosts --save plan.json --rules guests", 64), ("hosts --rules nowhere", 1),
    ("hosts --rules guests --against none", 2), ("hosts --rules guests --against guests", 0),
    ("hosts --rules alone --against none", 3), ("hosts --rules guests --against nowhere", 1),
    ("hosts --rules guests --against none --diff guests none", 64),
  ])
  func `end as the worst of them`(words: String, status: Int) throws {
    let result = try bench().run("plan --inventory \(words)")
    #expect(result.status == status, "\(result)")
  }

  @Test(arguments: [
    "list", "list -o name", "matrix", "explain 01.0004", "guest list",
  ])
  func `show what there is, whatever is to do`(command: String) throws {
    let result = try bench().run("\(command) --inventory hosts --rules guests")
    #expect(result.status == 0, "\(result)")
  }

  @Test func `report a broken file with its path, and all others`() throws {
    let bench = try bench()
    try bench.file("hosts/aa.json", "{\"apreserve\": \"snapshot\", ")
    let result = try bench.run("list --inventory hosts --rules guests --json")
    #expect(result.status == 1)
    #expect(result.messages.hasPrefix("apreserve: hosts/aa.json:1:"), "\(result.messages)")
    let json = try JSONParser.parse(Array(result.output.utf8))
    let hosts = json["hosts"]?.elements ?? []
    #expect(
      hosts.map { $0["machine"]?["path"]?.text } == [
        "hosts/a.json", "hosts/aa.json", "hosts/b.json",
      ])
    #expect(hosts.map { $0["standing"]?.text } == ["changed", "unreadable", "unchanged"])
    #expect(hosts.map { $0["report"]?["queues"]?.elements.count } == [3, nil, 3])
    #expect(json["summary"]?["unreadable"]?.integer == 1)
  }

  /// A document that is written host by host is laid out as any other.
  @Test func `print one document`() throws {
    let result = try bench().run("plan --inventory hosts --rules guests --json")
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["apreserve"]?.text == "fleet-plan")
    #expect(json.documentText == result.output)
  }

  @Test func `put the host before each name`() throws {
    let result = try bench().run("list 02 -o name --inventory hosts --rules guests")
    #expect(result.output == "lnx01 02.0004\nlnx02 02.0004\n")
  }

  @Test func `complain of queues only if no machine has them`() throws {
    let bench = try bench()
    let other = Sample.machine.replacing("02", with: "03")
    try bench.file("hosts/c.json", other)
    #expect(
      try bench.run("list 03 --inventory hosts --rules guests").messages
        == "apreserve: hosts/c.json describes the same host as hosts/a.json\n")
    let none = try bench.run("list 07 --inventory hosts --rules guests")
    #expect(none.status == 1)
    #expect(none.messages.contains("no queue of these machines matches 07"))
  }

  @Test func `call old descriptions stale`() throws {
    let bench = try bench()
    try bench.file(
      "hosts/c.json",
      Self.done.replacing(
        "\"version\": 1,", with: "\"version\": 1, \"time\": \"2020-01-01T00:00:00Z\","
      )
      .replacing("lnx02", with: "lnx03"))
    let result = try bench.run("plan --inventory hosts --rules guests")
    #expect(result.status == 2)
    #expect(result.output.hasSuffix("\n3 hosts: 2 without changes, 1 with changes; 1 stale\n"))
    let recent = try bench.run("plan --inventory hosts --rules guests --stale-after 9999w")
    #expect(recent.output.hasSuffix("\n3 hosts: 2 without changes, 1 with changes\n"))
  }

  /// The clocks of two machines may differ by minutes; more is a mistake, and says nothing of how old it is.
  @Test func `say what is wrong with the age of a description`() throws {
    let bench = try bench()
    func add(_ time: String, _ name: String) throws {
      try bench.file(
        "hosts/\(name).json",
        Self.done.replacing("\"version\": 1,", with: "\"version\": 1, \"time\": \"\(time)\",")
          .replacing("lnx02", with: name))
    }
    try add("2099-01-01T00:00:00Z", "c")
    let result = try bench.run("list --inventory hosts --rules guests --stale-after 9999w")
    #expect(result.output.contains(" d in the future\n\nQUEUE"), "\(result.output)")
    #expect(result.output.contains(" d in the future, stale  unchanged"))
    #expect(result.output.hasSuffix("; 1 stale\n"))
    let one = try bench.run("list --inventory hosts/c.json --rules guests")
    #expect(one.output.hasPrefix("c, from hosts/c.json, from "), "\(one.output)")
    let json = try JSONParser.parse(
      Array(try bench.run("list --inventory hosts --rules guests --json").output.utf8))
    let hosts = json["hosts"]?.elements ?? []
    #expect(hosts.map { $0["stale"] } == [.bool(false), .bool(false), .bool(true)])
    // Whether the age is known.
    #expect(hosts.map { $0["machine"]?["age"] != nil } == [false, false, true])
    #expect(hosts.last?["machine"]?["age"]?.integer == 0)
  }

  /// A name may have any character, and a message is one line.
  @Test func `print names of files without control characters`() throws {
    let bench = try bench()
    try bench.file("hosts/c\n\u{1b}[31m.json", Sample.machine)
    let result = try bench.run("list --inventory hosts --rules guests")
    #expect(
      result.messages
        == "apreserve: hosts/c\\n\\u{1B}[31m.json describes the same host as hosts/a.json\n")
    try bench.file("hosts/d\nx.json", "{")
    let broken = try bench.run("list --inventory hosts --rules guests")
    #expect(broken.messages.hasPrefix("apreserve: hosts/d\\nx.json"), "\(broken.messages)")
  }

  /// A second description must not silently replace the first.
  @Test(arguments: [
    "guest show db1", "guest define web1 --adapters 1 --domains 4", "snapshot", "import",
    "matrix --svg -",
  ])
  func `are refused where a command is about one machine`(command: String) throws {
    let bench = try bench()
    let rules = ["snapshot", "import"].contains(command) ? "" : "--rules guests"
    for machines in ["hosts", "hosts/a.json --inventory hosts/b.json"] {
      let result = try bench.run("\(command) --inventory \(machines) \(rules)")
      #expect(result.status == 64, "\(result)")
      #expect(result.output == "")
      #expect(result.messages.contains("use --inventory once, with a file"))
    }
  }

  @Test(arguments: ["simulate", "replay -"])
  func `are refused where a simulation begins with one`(command: String) throws {
    let result = try bench().run(
      "\(command) --inventory hosts/a.json --inventory hosts/b.json --rules guests")
    #expect(result.status == 64, "\(result)")
    #expect(result.messages.contains("use --inventory once, with a file"))
  }
}

@Suite struct `Markdown of a plan` {
  @Test func `has a table of the hosts, and the plans of those with changes`() throws {
    let bench = try Sample.bench()
    try bench.file("again.json", Sample.machine)
    let result = try bench.run(
      "plan --inventory machine.json --inventory again.json --rules none --format markdown")
    #expect(
      result.output == """
        | Host | Snapshot | Result | |
        |---|---|---|---|
        | lnx01 (LPAR PROD1) |  | unchanged | nothing to do: 0 of 0 requested queues on vfio\\_ap |
        | lnx01 (LPAR PROD1) |  | unchanged | nothing to do: 0 of 0 requested queues on vfio\\_ap |

        2 hosts: 2 without changes

        """, "\(result.output)")
    let changes = try bench.run("plan --inventory machine.json --rules guests --format markdown")
    #expect(changes.status == 2)
    #expect(
      changes.output.contains(
        """
        1 host: 1 with changes

        <details>
        <summary>lnx01 (LPAR PROD1): 2 queues to vfio_ap, 1 write</summary>

        ```text
        mechanism  mask: this kernel has masks and no driver_override

        """), "\(changes.output)")
    #expect(changes.output.hasSuffix("\n```\n\n</details>\n"))
  }

  /// Nothing is known of a host that cannot be decided, and so it is not one without changes.
  @Test func `shows queues that cannot be decided`() throws {
    let bench = try Sample.bench()
    try bench.file("other.json", Sample.machine.replacing("lnx01", with: "lnx02"))
    try bench.file(
      "r/50.rules", Sample.guests + "ADAPTER==\"2\", GUEST==\"*\", RESERVE=\"vfio_ap\"\n")
    try bench.file("none/50.rules", "ADAPTER==\"2\", GUEST==\"*\", RESERVE=\"vfio_ap\"\n")
    let words = "plan --inventory machine.json --inventory other.json --rules"
    let both = try bench.run("\(words) r")
    #expect(both.status == 2)
    #expect(
      both.output.hasSuffix("\n2 hosts: 2 with changes; 2 queues undecidable\n"), "\(both.output)")
    let none = try bench.run("\(words) none --format markdown")
    #expect(none.status == 0)
    let note = "nothing to write: 0 of 1 requested queues on vfio\\_ap, 1 undecidable"
    #expect(none.output.contains("| undecidable | \(note) |\n"), "\(none.output)")
    #expect(none.output.contains("\n2 hosts: 2 undecidable; 2 queues undecidable\n"))
    #expect(none.output.contains("\nundecidable\n  02.0004: a rule compares something"))
    let same = try bench.run("\(words) none --against none --format markdown").output
    #expect(
      same.contains("| undecidable | the plans are the same, 1 queue undecidable |"), "\(same)")
    let json = try JSONParser.parse(Array(try bench.run("\(words) none --json").output.utf8))
    #expect(json["summary"]?["undecidable"]?.integer == 2)
    #expect(json["summary"]?["undecidableQueues"]?.integer == 2)
    #expect(
      json["hosts"]?.elements.compactMap { $0["standing"]?.text } == ["undecidable", "undecidable"])
  }

  /// Rules and descriptions come from people whom a reader of the merge request does not know.
  @Test func `shows texts as they are`() throws {
    let bench = try Sample.bench()
    try bench.file(
      "machine.json", Sample.machine.replacing("\"lnx01\"", with: "\"<b>|x|[y](z)\""))
    try bench.file("r/50.rules", "ADAPTER==\"1\", RESERVE=\"vfio_ap\", NAME=\"````</details>\"\n")
    let result = try bench.run("plan --inventory machine.json --rules r --format markdown")
    #expect(
      result.output.contains("\n| &lt;b&gt;\\|x\\|\\[y\\](z) (LPAR PROD1) |"), "\(result.output)")
    #expect(result.output.contains("<summary>&lt;b&gt;|x|[y](z) (LPAR PROD1): "))
    #expect(result.output.contains("\n`````text\n"))
  }

  @Test func `colours a difference`() throws {
    let result = try Sample.bench().run(
      "plan --inventory machine.json --rules guests --against none --format markdown")
    #expect(result.output.contains("\n```diff\n--- none\n+++ guests\n"))
    #expect(try Sample.bench().run("plan --json --format markdown").status == 64)
  }
}
