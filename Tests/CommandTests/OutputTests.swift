import JSONText
import TestSupport
import Testing

@Suite struct `What a command prints` {
  private static let all = "0x" + String(repeating: "f", count: 64)
  private static let cleared = "0xbf" + String(repeating: "f", count: 62)
  private static let guests = "--inventory machine.json --rules guests"

  private static let plan = """
    mechanism  mask: this kernel has masks and no driver_override

    masks
      apmask  \(all)  now
              \(cleared)  then
      aqmask  unchanged

    owners
      01.0004  host  ->  vfio_ap  50-guests.rules:1 "db guests"
      01.0005  host  ->  vfio_ap  50-guests.rules:1 "db guests"

    writes
      1  echo \(cleared) > /sys/bus/ap/apmask

    warnings
      the host keeps no CCA queue, and loses its random number generator with the last one

    2 queues to vfio_ap, 1 write

    """

  private static let refused = """
    mechanism  mask: this kernel has masks and no driver_override

    refused
      01.0004 cannot be reserved alone by masks: apmask without adapter 0x01 would also take 01.0005, \
    aqmask without domain 0x0004 would also take 02.0004; widen the rule, add COLLATERAL="accept", or \
    use driver_override where the kernel has it

    nothing to write: 0 of 1 requested queues on vfio_ap, 1 refused

    """

  private static let list = """
    QUEUE    HMC  TYPE   MODE  OWNER  STATE   RESERVE  REQUEST  RULE               NAME
    01.0004  1.4  CEX7C  cca   host   online  vfio_ap  pending  50-guests.rules:1  db guests
    01.0005  1.5  CEX7C  cca   host   online  vfio_ap  pending  50-guests.rules:1  db guests
    02.0004  2.4  CEX8P  ep11  host   online  -        -        -

    """

  @Test(arguments: [
    ("list .0004 -o name", "01.0004\n02.0004\n"),
    ("list --owner host --state pending -o name", "01.0004\n01.0005\n"),
    ("list --name \"db guests\" 01.0005 -o columns=hmc,name", "HMC  NAME\n1.5  db guests\n"),
    ("matrix 02", "         domain  04\nadapter     HMC   4\n02    2  CEX8P   h\n\nh host\n"),
  ])
  func `is about the queues that are selected`(words: String, text: String) throws {
    let bench = try Sample.bench()
    let arguments = words.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
      .flatMap { index, part in
        index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
      }
    let result = try Program.run(
      arguments + ["--inventory", "machine.json", "--rules", "guests"], in: bench)
    #expect(result.messages == "")
    #expect(result.output.hasSuffix(text))
  }

  @Test(arguments: [
    ("list --inventory nowhere.json", 1, "apreserve: opening nowhere.json"),
    (
      "plan --inventory machine.json --rules nowhere", 1, "apreserve: there is no directory nowhere"
    ),
    ("list --sysfs guests", 4, "apreserve: there is no AP bus in guests"),
    ("explain", 64, "Error: Say which queues"), ("list 5.27", 64, "apreserve: invalid queues"),
    ("lsit", 64, "Error: Unknown command 'lsit'"),
  ])
  func `as JSON has errors, too`(words: String, status: Int, message: String) throws {
    let result = try Sample.bench().run("\(words) --json")
    #expect(result.status == status)
    #expect(result.messages.hasPrefix(message), "\(result.messages)")
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["apreserve"] == "error")
    #expect(json["status"]?.integer == status)
    let first = try #require(json["messages"]?.elements.first?.text)
    #expect(result.messages.contains(first.prefix { $0 != "\n" }), "\(first)")
    // Without --json there is nothing to read.
    #expect(try Sample.bench().run(words).output == "")
  }

  /// Who names queues is wrong about them; who asks for a state may be glad that there are none.
  @Test(arguments: [
    ("plan", "10", 1), ("list", "10 --state missing", 1), ("matrix", "10", 1),
    ("list", "--state missing", 0), ("plan", "--guest db1", 0), ("matrix", "--type CEX5", 0),
  ])
  func `says that nothing is selected`(command: String, words: String, status: Int) throws {
    let result = try Sample.bench().run(
      "\(command) \(words) --inventory machine.json --rules guests")
    let hint = words.hasPrefix("-") ? "" : "; numbers are hexadecimal, as in sysfs"
    #expect(result.messages == "apreserve: no queue of this machine matches \(words)\(hint)\n")
    #expect(result.status == status)
  }

  @Test func `explains several queues one after the other, and as one document`() throws {
    let bench = try Sample.bench()
    let machine = "--inventory machine.json --rules guests"
    let text = try bench.run("explain 01 ff.00ff \(machine)").output
    for name in ["01.0004  (", "01.0005  (", "ff.00ff  ("] { #expect(text.contains("\n\(name)")) }
    let json = try JSONParser.parse(
      Array(try bench.run("explain 01 ff.00ff --json \(machine)").output.utf8))
    let names = json["explanations"]?.elements.compactMap { $0["name"]?.text }
    #expect(names == ["01.0004", "01.0005", "ff.00ff"])
    let none = try bench.run("explain 01 --type ep11 \(machine)")
    #expect(none.status == 1)
    #expect(none.messages.contains("no queue of this machine matches 01 --type ep11"))
  }

  /// What recorders wrote of one machine; udevadm shows no attributes.
  @Test(arguments: [
    ("--capture recorded.umockdev", recorded), ("--inventory recorded.json", recorded),
    (
      "--capture recorded.info",
      """
      QUEUE    HMC   TYPE   MODE  OWNER    STATE  RESERVE  REQUEST  RULE
      05.0004  5.4   CEX7C  cca   host     -      -        -        -
      05.0047  5.71  CEX7C  cca   vfio_ap  -      -        -        -
      06.0004  6.4   CEX8P  ep11  host     -      -        -        -
      06.0005  6.5   CEX8P  ep11  host     -      -        -        -
      06.0047  6.71  CEX8P  ep11  vfio_ap  -      -        -        -
      0a.0004  10.4  CEX7C  cca   host     -      -        -        -

      """
    ),
  ])
  func `shows a recorded machine`(option: String, table: String) throws {
    let bench = try Sample.bench()
    for name in ["recorded.umockdev", "recorded.info", "recorded.json"] {
      try bench.file(name, bytes: try CaptureFile.bytes(name))
    }
    let result = try bench.run("list \(option) --rules none")
    #expect(result.messages == "")
    let file = option.split(separator: " ")[1]
    let host = file == "recorded.json" ? "kvm1, " : ""
    #expect(result.output == "\(host)from \(file)\n\n\(table)")
  }

  private static let recorded = """
    QUEUE    HMC   TYPE   MODE  OWNER    STATE       GUEST     RESERVE  REQUEST   RULE
    05.0004  5.4   CEX7C  cca   host     online      -         -        -         -
    05.0047  5.71  CEX7C  cca   vfio_ap  in use      b0caa8ac  -        reserved  -
    06.0004  6.4   CEX8P  ep11  host     offline     -         -        -         -
    06.0005  6.5   CEX8P  ep11  host     online      -         -        -         -
    06.0047  6.71  CEX8P  ep11  vfio_ap  unassigned  -         -        -         -
    0a.0004  10.4  CEX7C  cca   host     chkstop     -         -        -         -

    """

  private static let matrix = """
             domain  04  05
    adapter     HMC   4   5
    01    1  CEX7C  h>V h>V
    02    2  CEX8P   h

    h host
    >V to be moved to vfio_ap

    """

  private static let explanation = """
    01.0004  (adapter 1, domain 4 on the HMC)

      card     card01, CEX7C, hwtype 13, mode cca, bound to cex4card
      queue    on cex4queue, online
      request  vfio_ap, by 50-guests.rules:1 "db guests"
      state    pending: about to be moved to vfio_ap

    rules
      50-guests.rules:1  decides  ADAPTER=="1", RESERVE="vfio_ap", NAME="db guests"

    plan
      host -> vfio_ap by mask, this kernel has masks and no driver_override
      1  echo \(cleared) \\
           > /sys/bus/ap/apmask

    """

  @Test(arguments: [
    ("plan \(guests)", plan), ("plan --inventory machine.json --rules alone", refused),
    ("list \(guests)", list), ("matrix \(guests)", matrix),
    ("explain 01.0004 \(guests)", explanation),
    ("snapshot --inventory machine.json", Sample.machine),
    ("snapshot --redact --inventory machine.json", redacted),
    ("verify --rules guests", "1 file, 1 rule, no errors\n"),
    ("verify guests/50-guests.rules", "1 file, 1 rule, no errors\n"),
    ("rules --rules guests", "guests/50-guests.rules\n  1  \(Sample.guests)"),
    ("rules --rules none", "none/50.rules\n  no rules\n"), ("--version", "0.1.0\n"),
    (
      "verify --json --rules guests",
      "{\"apreserve\": \"verify\", \"version\": 1, \"files\": [\"guests/50-guests.rules\"], "
        + "\"rules\": 1, \"errors\": 0, \"warnings\": 0, \"notes\": 0, \"diagnostics\": []}\n"
    ),
    ("matrix --json \(guests)", matrixDocument),
  ])
  func `is exactly this`(words: String, text: String) throws {
    let result = try Sample.bench().run(words)
    let isReport = ["plan", "list", "matrix", "explain"].contains { words.hasPrefix("\($0) ") }
    let heading = "lnx01 (LPAR PROD1), from machine.json\n\n"
    #expect(result.output == (isReport && !words.contains("--json") ? heading : "") + text)
    #expect(result.messages == "")
  }

  /// Both cards have the same number, and still have.
  private static let redacted = Sample.machine.replacing("93AABBCC", with: "REDACTED-1")
    .replacing("lnx01", with: "REDACTED-2").replacing("PROD1", with: "REDACTED-3")

  private static let matrixDocument = """
    {
      "apreserve": "matrix",
      "version": 1,
      "machine": {"host": "lnx01", "lpar": "PROD1", "source": "file", "path": "machine.json"},
      "adapters": [{"name": "card01", "number": 1, "type": "CEX7C"}, {"name": "card02", "number": 2, "type": "CEX8P"}],
      "domains": [{"name": "0004", "number": 4}, {"name": "0005", "number": 5}],
      "queues": [
        {"name": "01.0004", "owner": "host", "mark": "to-vfio_ap"},
        {"name": "01.0005", "owner": "host", "mark": "to-vfio_ap"},
        {"name": "02.0004", "owner": "host"}
      ]
    }

    """

  @Test(arguments: [
    ("plan \(guests)", "plan"), ("plan --inventory machine.json --rules alone", "plan"),
    ("plan --capture boot.events --rules guests", "plan"), ("list \(guests)", "list"),
    ("matrix \(guests)", "matrix"), ("explain 01.0004 \(guests)", "explain"),
    ("explain ff.00ff \(guests)", "explain"), ("snapshot --inventory machine.json", "snapshot"),
    ("snapshot --capture boot.events", "snapshot"), ("verify --rules guests", "verify"),
    ("verify nowhere.rules", "verify"), ("rules --rules guests", "rules"),
    ("plan --inventory machine.json --diff none guests", "plan-difference"),
    ("replay boot.events --rules guests", "replay"), ("simulate \(guests)", "replay"),
  ])
  func `as JSON is one document that says what it is, the same in every run`(
    words: String, kind: String
  ) throws {
    let bench = try Sample.bench()
    let result = try bench.run("\(words) --json --color always".replacingSnapshotColor)
    guard case .object(let members) = try JSONParser.parse(Array(result.output.utf8)) else {
      Issue.record("\(result.output)")
      return
    }
    #expect(members.first == .init("apreserve", .string(kind)))
    #expect(members.dropFirst().first == .init("version", .integer(1)))
    #expect(result.output.hasSuffix("}\n"))
    #expect(try bench.run("\(words) --json").output == result.output)
  }

  @Test func `is coloured only on request, since it is not printed to a terminal`() throws {
    let bench = try Sample.bench()
    let plain = try bench.run("list \(Self.guests)").output
    #expect(!plain.contains("\u{1b}"))
    #expect(try bench.run("list --color never \(Self.guests)").output == plain)
    let coloured = try bench.run("list --color always \(Self.guests)").output
    #expect(coloured.contains("\u{1b}["))
  }

  @Test func `as SVG is written to a file, and nothing else is printed`() throws {
    let bench = try Sample.bench()
    let result = try bench.run("matrix --svg grid.svg \(Self.guests)")
    #expect(result.status == 0)
    #expect(result.output == "")
    #expect(result.messages == "")
    let drawing = try bench.text("grid.svg")
    #expect(drawing.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
    #expect(drawing.hasSuffix("</svg>\n"))
    #expect(drawing.contains("<title id=\"title\">AP queues of lnx01 (LPAR PROD1)</title>"))
    // As "-" names standard input where a machine is read.
    #expect(try bench.run("matrix --svg - \(Self.guests)").output == drawing)
  }
}

extension String {
  /// A snapshot has no colours and knows no such option.
  fileprivate var replacingSnapshotColor: String {
    hasPrefix("snapshot") ? String(dropLast(" --color always".count)) : self
  }
}

@Suite struct `A machine that a simulation ends with` {
  @Test func `is read as a description, and is the same again`() throws {
    let bench = try Sample.bench()
    let end = try bench.run("simulate --inventory machine.json --rules guests --snapshot")
    #expect(end.status == 0)
    #expect(end.messages == "")
    try bench.file("end.json", end.output)
    #expect(try bench.run("snapshot --inventory end.json").output == end.output)
    #expect(try bench.run("snapshot --inventory -", input: "end.json").output == end.output)
    let plan = try bench.run("plan --inventory end.json --rules guests")
    #expect(plan.status == 0)
    #expect(plan.output.hasSuffix("\nnothing to do: 2 of 2 requested queues on vfio_ap\n"))
  }

  @Test func `shows the calls of the bus into its drivers, in order`() throws {
    let result = try Sample.bench().run(
      "simulate --inventory machine.json --rules guests --calls")
    #expect(result.status == 0)
    let calls = result.output.split(separator: "\n").filter { $0.hasPrefix("call ") }
    #expect(
      calls.map { String($0.dropFirst(11)) } == [
        "cex4card probe(card01)", "cex4card probe(card02)", "cex4queue probe(02.0004)",
        "vfio_ap probe(01.0004)", "vfio_ap probe(01.0005)",
      ])
    #expect(result.output.hasSuffix("24 events; 1 write; 2 of 2 queues reserved\n"))
  }
}
