import JSONText
import TestSupport
import Testing

/// What `apreserve verify` prints for forges and CI servers.
@Suite struct `The formats of verify` {
  private func bench() throws -> Workbench {
    let bench = try Workbench()
    try bench.file("r/10 good.rules", "ADAPTER==\"5\", RESERVE=\"vfio_ap\"\n")
    try bench.file(
      "r/50.rules",
      """
      # Two lines with one mistake each.
      ADPTER=="5", DOMAIN=="4", RESERVE="vfio_ap"
      ADAPTER=="5", NAME="Ä<&>", DOMAIN=="300", RESERVE="vfio_ap"

      """)
    try bench.file("r/60.rules", "ADAPTER==\"6\", RESERVE=\"vfio_ap\"\r\n")
    return bench
  }

  @Test func `are SARIF, with each finding at its place`() throws {
    let result = try bench().run("verify r --format sarif")
    #expect(result.status == 1)
    let log = try JSONParser.parse(Array(result.output.utf8))
    #expect(log["version"]?.text == "2.1.0")
    let run = try #require(log["runs"]?.elements.first)
    #expect(run["columnKind"]?.text == "unicodeCodePoints")
    let results = run["results"]?.elements ?? []
    let shown = results.map { result -> String in
      let place = result["locations"]?.elements.first?["physicalLocation"]
      let region = place?["region"]
      let numbers = ["startLine", "startColumn", "endColumn"].map { region?[$0]?.integer ?? 0 }
      return "\(place?["artifactLocation"]?["uri"]?.text ?? "?") \(numbers) "
        + "\(result["level"]?.text ?? "?") \(result["ruleId"]?.text ?? "?")"
    }
    #expect(
      shown == [
        "r/50.rules [2, 1, 7] error unknown-key", "r/50.rules [3, 37, 40] error number-too-large",
        "r/60.rules [1, 32, 33] warning carriage-return",
      ], "\(shown)")
    // Every result's rule is one of the tool's.
    let rules = run["tool"]?["driver"]?["rules"]?.elements.compactMap { $0["id"]?.text } ?? []
    #expect(Set(results.compactMap { $0["ruleId"]?.text }) == Set(rules))
  }

  @Test func `write paths as URIs`() throws {
    let bench = try bench()
    try bench.file("r/10 good.rules", "ADPTER==\"5\", RESERVE=\"vfio_ap\"\n")
    for (path, uri) in [("r", "r/10%20good.rules"), (bench.path + "/r", "file://\(bench.path)/r/")]
    {
      let output = try bench.run("verify \(path) --format sarif").output
      #expect(output.contains("\"uri\": \"\(uri)"), "\(output)")
    }
  }

  @Test(arguments: [(false, 2), (true, 3)])
  func `are JUnit, with a case for each finding and each file without any`(
    strict: Bool, failures: Int
  ) throws {
    let bench = try bench()
    let result = try bench.run("verify r --format junit" + (strict ? " --strict" : ""))
    #expect(result.status == 1)
    #expect(
      result.output.contains(
        "<testsuite name=\"apreserve verify\" tests=\"4\" failures=\"\(failures)\" errors=\"0\" skipped=\"0\">"
      ), "\(result.output)")
    #expect(
      result.output.contains(
        "<testcase classname=\"apreserve verify\" name=\"r/10 good.rules\" file=\"r/10 good.rules\"/>"
      ))
    #expect(
      result.output.contains(
        "name=\"r/50.rules:2: unknown-key\" file=\"r/50.rules\" line=\"2\">\n    <failure type=\"unknown-key\""
      ))
    // What the rules contain is escaped.
    #expect(result.output.contains("NAME=&quot;Ä&lt;&amp;&gt;&quot;"))
    #expect(result.output.count(where: { $0 == "<" }) == result.output.count(where: { $0 == ">" }))
  }

  /// The exit status alone is not seen in a forge.
  @Test(arguments: [
    "--inventory bad.json", "--inventory machine.json --inventory bad.json",
    "--inventory machine.json --inventory nowhere.json", "--inventory empty",
  ])
  func `have an error for a machine that cannot be read`(words: String) throws {
    let bench = try Sample.bench()
    try bench.file("bad.json", "{\"apreserve\": \"snapshot\",\n\"ä\": }")
    try bench.directory("empty")
    let bad = String(words.split(separator: " ").last ?? "")
    let junit = try bench.run("verify guests \(words) --format junit")
    #expect(junit.status == 1)
    #expect(
      junit.output.contains("tests=\"2\" failures=\"0\" errors=\"1\""), "\(junit.output)")
    #expect(
      junit.output.contains(
        "name=\"\(bad)\" file=\"\(bad)\"\(bad == "bad.json" ? " line=\"2\"" : "")>\n    <error type=\"unreadable-machine\" message="
      ))
    let sarif = try bench.run("verify guests \(words) --format sarif")
    #expect(sarif.status == 1)
    let run = try JSONParser.parse(Array(sarif.output.utf8))["runs"]?.elements.first
    let result = try #require(run?["results"]?.elements.first)
    #expect(result["level"]?.text == "error")
    #expect(result["ruleId"]?.text == "unreadable-machine")
    #expect(result["message"]?["text"]?.text?.isEmpty == false)
    let place = result["locations"]?.elements.first?["physicalLocation"]
    #expect(place?["artifactLocation"]?["uri"]?.text == bad)
    // Nothing is known of a file that is not there.
    let region = place?["region"]
    #expect(region?["startLine"]?.integer == (bad == "bad.json" ? 2 : nil))
    #expect(region?["startColumn"]?.integer == (bad == "bad.json" ? 6 : nil))
    let rules = run?["tool"]?["driver"]?["rules"]?.elements.compactMap { $0["id"]?.text }
    #expect(rules == ["unreadable-machine"])
  }

  /// The description can be read: it is a machine, and there is no report on it.
  @Test(arguments: ["machine.json", "hosts"])
  func `have an error for a machine that is no LPAR of the file`(inventory: String) throws {
    let bench = try Sample.bench()
    try bench.file("hosts/one.json", Sample.machine)
    try bench.file("hosts/two.json", Sample.machine.replacing("PROD1", with: "PROD2"))
    try bench.file(
      "hmc.json",
      """
      {"crypto_configuration": {"OTHER": {"adapters": {}, "usage_domains": [4], "control_domains": []}}}
      """)
    let words = "verify guests --inventory \(inventory) --lpar hmc.json --format"
    let junit = try bench.run("\(words) junit")
    #expect(junit.status == 1)
    #expect(junit.output.contains("<error type=\"failed-machine\" message="), "\(junit.output)")
    #expect(!junit.output.contains("unreadable"))
    let first = inventory == "hosts" ? "hosts/one.json" : inventory
    #expect(
      junit.messages.hasPrefix("apreserve: \(first): hmc.json: no LPAR is called \"PROD1\""),
      "\(junit.messages)")
    let sarif = try JSONParser.parse(Array(try bench.run("\(words) sarif").output.utf8))
    let rules = sarif["runs"]?.elements.first?["tool"]?["driver"]?["rules"]?.elements
    #expect(rules?.compactMap { $0["id"]?.text } == ["failed-machine"])
  }

  @Test(
    arguments: [
      ("hmc.json", "{\n  \"cpcs\": x}", 2, 11), ("hmc.json", "", nil, nil),
      ("hmc.json:P9", Self.lpars, nil, nil),
    ] as [(String, String, Int?, Int?)])
  func `have an error for a file of LPARs`(
    argument: String, text: String, line: Int?, column: Int?
  ) throws {
    let bench = try Sample.bench()
    try bench.file("hmc.json", text)
    let words = "verify guests --inventory machine.json --lpar \(argument) --format"
    let sarif = try bench.run("\(words) sarif")
    #expect(sarif.status == 1)
    #expect(sarif.messages.hasPrefix("apreserve: hmc.json:"), "\(sarif.messages)")
    let run = try JSONParser.parse(Array(sarif.output.utf8))["runs"]?.elements.first
    let result = try #require(run?["results"]?.elements.first)
    #expect(result["ruleId"]?.text == "unusable-lpar-file")
    let place = result["locations"]?.elements.first?["physicalLocation"]
    #expect(place?["artifactLocation"]?["uri"]?.text == "hmc.json")
    #expect(place?["region"]?["startLine"]?.integer == line)
    #expect(place?["region"]?["startColumn"]?.integer == column)
    let junit = try bench.run("\(words) junit")
    #expect(junit.status == 1)
    #expect(junit.output.contains("tests=\"2\" failures=\"0\" errors=\"1\""), "\(junit.output)")
    #expect(junit.output.contains("<error type=\"unusable-lpar-file\" message="))
  }

  private static let lpars = """
    {"crypto_configuration": {"P1": {"adapters": {}, "usage_domains": [4], "control_domains": []}}}
    """

  /// The step of a pipeline that uploads a report needs one, in which what was not checked is not right.
  @Test(arguments: [
    ("empty", "empty"), ("--rules empty", "empty"), ("--rules nowhere", "nowhere"),
    ("empty --inventory machine.json", "empty"),
  ])
  func `have one error if nothing is checked`(words: String, path: String) throws {
    let bench = try Sample.bench()
    try bench.directory("empty")
    let sarif = try bench.run("verify \(words) --format sarif")
    #expect(sarif.status == 1)
    let message = String(sarif.messages.dropFirst("apreserve: ".count).dropLast())
    #expect(message.contains(path), "\(message)")
    let log = try JSONParser.parse(Array(sarif.output.utf8))
    #expect(log["version"]?.text == "2.1.0")
    #expect(log["runs"]?.elements.count == 1)
    let results = log["runs"]?.elements.first?["results"]?.elements ?? []
    #expect(results.count == 1)
    let result = try #require(results.first)
    #expect(result["level"]?.text == "error")
    #expect(result["ruleId"]?.text == "failed-check")
    #expect(result["message"]?["text"]?.text == message)
    let place = result["locations"]?.elements.first?["physicalLocation"]
    #expect(place?["artifactLocation"]?["uri"]?.text == path)
    let junit = try bench.run("verify \(words) --format junit")
    #expect(junit.status == 1)
    #expect(
      junit.output.contains("tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">"),
      "\(junit.output)")
    #expect(junit.output.contains("<error type=\"failed-check\" message=\"\(message)\"/>"))
    #expect(junit.output.hasSuffix("</testsuites>\n"))
  }

  @Test func `are refused beside --json`() throws {
    let result = try bench().run("verify r --format junit --json")
    #expect(result.status == 64)
    #expect(result.messages.contains("--json and --format junit exclude each other"))
  }
}
