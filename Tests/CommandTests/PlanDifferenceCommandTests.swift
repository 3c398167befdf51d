import JSONText
import TestSupport
import Testing

@Suite struct `apreserve plan --diff` {
  private let bench: Workbench

  init() throws {
    bench = try Sample.bench()
    try bench.file("bad/50.rules", "ADAPTER==\"256\", RESERVE=\"vfio_ap\"\n")
    try bench.file("worse/50.rules", "RESERVE=\"hst\"\n")
    try bench.directory("empty")
  }

  @Test(arguments: [
    ("guests guests", 0), ("guests guests/50-guests.rules", 0), ("none guests", 2),
    ("guests none", 2), ("none alone", 3), ("alone none/50.rules", 2), ("alone alone", 0),
    ("bad guests", 1), ("guests bad", 1), ("guests empty", 1), ("guests nowhere", 1),
    ("guests", 64), ("guests none alone", 64), ("guests none --rules alone", 64),
  ])
  func `ends with the status of the difference`(words: String, status: Int) throws {
    let result = try bench.run("plan --inventory machine.json --diff \(words)")
    #expect(result.status == status, "\(result.messages)")
    #expect(result.messages.isEmpty == [0, 2, 3].contains(status), "\(result.messages)")
    #expect(result.output.isEmpty == [1, 64].contains(status))
    if status != 64 {
      #expect(
        try bench.run("plan --inventory machine.json --json --diff \(words)").status == status)
    }
  }

  @Test func `prints the difference below the heading of the machine`() throws {
    let result = try bench.run("plan --inventory machine.json --diff none guests")
    #expect(
      result.output.hasPrefix(
        "lnx01 (LPAR PROD1), from machine.json\n\n--- none\n+++ guests\n\nmasks\n- apmask  0xff"),
      "\(result.output)")
    #expect(
      result.output.contains("\nreserved\n+ 01.0004-0005 50-guests.rules:1 \"db guests\"\n"))
  }

  /// A rule that was only reworded changes no host.
  @Test func `ends well if only the texts of rules differ`() throws {
    try bench.file(
      "same/50-guests.rules", "ADAPTER==\"1\", NAME=\"db guests\", RESERVE=\"vfio_ap\"\n")
    let words = "--inventory machine.json --rules same --against guests"
    let result = try bench.run("plan \(words)")
    #expect(result.status == 0, "\(result)")
    #expect(
      result.output.hasSuffix(
        """

        rule text changed, same result
        ~ 01.0004-0005 vfio_ap, 50-guests.rules:1 "db guests"

        the plans are the same, 2 queues with the same result of a changed rule

        """), "\(result.output)")
    let markdown = try bench.run("plan \(words) --format markdown").output
    #expect(
      markdown.contains(
        "| unchanged | the plans are the same, 2 queues with the same result of a changed rule |"),
      "\(markdown)")
    #expect(!markdown.contains("<details>"))
  }

  @Test func `prints the errors of both sets of rules`() throws {
    let result = try bench.run("plan --inventory machine.json --diff bad worse")
    #expect(result.messages.contains("the rules of bad have errors\n\nbad/50.rules:1:11: error: "))
    #expect(
      result.messages.contains("the rules of worse have errors\n\nworse/50.rules:1:10: error: "))
  }

  @Test func `takes queues before it`() throws {
    let result = try bench.run("plan 02 --inventory machine.json --diff none guests --json")
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["machine"]?["host"] == "lnx01")
    #expect(json["reserved"]?.elements.isEmpty == true)
    let all = try bench.run("plan 01.0005 --inventory machine.json --diff none guests --json")
    let one = try JSONParser.parse(Array(all.output.utf8))
    #expect(one["reserved"]?.elements.compactMap { $0["queue"]?.text } == ["01.0005"])
  }

  @Test func `is about the machine of the running daemon, if one is named`() throws {
    let tree = try DaemonTree()
    let daemon = try tree.start()
    #expect(try tree.bench.run("settle --control c --timeout 60").status == 0)
    try tree.bench.file("new/50.rules", "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
    let result = try tree.bench.run("plan --control c --diff rules new")
    #expect([2, 3].contains(result.status), "\(result.messages)")
    #expect(result.output.contains("as scanned by the daemon "))
    #expect(result.output.contains("01.0004"))
    withExtendedLifetime(daemon) {}
  }
}
