import JSONText
import TestSupport
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"
private let other = "11111111-2222-4333-8444-555555555555"

/// A machine with two definitions that share 01.0005, one of them of the virtual machine db1.
@Suite struct `The command guest` {
  private func bench() throws -> Workbench {
    let bench = try Sample.bench()
    try bench.file("any/50.rules", "GUEST==\"*\", RESERVE=\"vfio_ap\"\n")
    return bench
  }

  private static let options = "--inventory defined.json --rules any"

  @Test func `lists the guests, and what each lacks`() throws {
    let result = try bench().run("guest list " + Self.options)
    #expect(result.status == 0, "\(result.messages)")
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[2].hasPrefix("GUEST"))
    #expect(
      lines[3].split(separator: " ") == [
        "db1", "conflicting", "defined", "auto", "01", "0004-0005", "1.4-5",
      ])
    #expect(
      lines[4].split(separator: " ") == [
        Substring(other), "conflicting", "defined", "auto", "01-02", "0005", "1-2.5",
      ])
    #expect(
      result.output.contains("\ndb1\n  db1 and mediated device \(other) are both to have 01.0005"))
    let narrow = try Program.run(
      ("guest list " + Self.options).split(separator: " ").map(String.init), in: bench(),
      environment: ["COLUMNS=80"])
    #expect(
      narrow.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(narrow.output)")
    #expect(narrow.output.contains("\nthe terminal has no room for HMC, START;"))
    let names = try bench().run("guest list -o name " + Self.options)
    #expect(names.output == "db1\n\(other)\n")
  }

  @Test(arguments: ["db1", uuid, "34A349BA"])
  func `shows one queue by queue, with what to do`(name: String) throws {
    let result = try bench().run("guest show \(name) " + Self.options)
    #expect(result.status == 0, "\(result.messages)")
    #expect(result.output.contains("  domains   0004-0005 (4-5 on the HMC)\n"))
    #expect(result.output.contains("  01.0004  pending"), "\(result.output)")
    #expect(result.output.contains("run apreserve apply"))
  }

  @Test func `has documents`() throws {
    let bench = try bench()
    for (words, kind) in [("list", "guest-list"), ("show db1", "guest")] {
      let text = try bench.run("guest \(words) --json " + Self.options).output
      let json = try JSONParser.parse(Array(text.utf8))
      #expect(json["apreserve"]?.text == kind)
      let guest = try #require(json["guests"]?.elements.first)
      #expect(guest["state"]?.text == "conflicting")
      #expect(guest["findings"]?.elements.map { $0["finding"]?.text } == ["guest-conflict"])
      #expect(guest["queues"]?.elements.map { $0["name"]?.text } == ["01.0004", "01.0005"])
    }
  }

  /// bash expands what it completes.
  @Test func `gives a shell no name that it would expand`() throws {
    let bench = try bench()
    let text = try bench.text("defined.json").replacing("db1", with: "$(touch x)")
    try bench.file("defined.json", text)
    #expect(try bench.run("guest list -o name " + Self.options).output == "\(uuid)\n\(other)\n")
  }

  @Test func `knows no other names`() throws {
    let result = try bench().run("guest show db2 " + Self.options)
    #expect(result.status == 1)
    #expect(result.messages == "apreserve: there is no guest \"db2\"; did you mean \"db1\"?\n")
  }

  @Test func `prints a definition for each tool`() throws {
    let bench = try bench()
    func text(_ words: String) throws -> String {
      let result = try bench.run(
        "guest define web1 --adapters 2 --domains 4 --control-domains 4 --uuid \(other) \(words) "
          + Self.options)
      #expect(result.status == 0, "\(result.messages)")
      return result.output
    }
    let definition =
      #"{"mdev_type": "vfio_ap-passthrough", "start": "auto", "attrs": [{"assign_adapter": "0x02"}, "#
      + #"{"assign_domain": "0x0004"}, {"assign_control_domain": "0x0004"}]}"#
    #expect(
      try text("--auto").filter { $0 != "\n" && $0 != " " } == definition.filter { $0 != " " })
    #expect(try text("--format libvirt").contains("<attr name='assign_adapter' value='0x02'/>"))
    let zeros = String(repeating: "0", count: 62)
    #expect(try text("--format ap_config") == "0x20\(zeros),0x08\(zeros),0x08\(zeros)\n")
    #expect(
      try text("--format rules").hasSuffix(
        "\nADAPTER==\"2\", DOMAIN==\"4\", RESERVE=\"vfio_ap\", NAME=\"web1\"\n"))
    #expect(try text("--json").contains("\"ap_config\": \"0x20"))
  }

  @Test func `takes what rules reserve, if it is a matrix`() throws {
    let bench = try bench()
    try bench.file("named/50.rules", "ADAPTER==\"1\", RESERVE=\"vfio_ap\", NAME=\"web\"\n")
    let words =
      "guest define web1 --from-rules web --format rules --inventory machine.json --rules "
    let result = try bench.run(words + "named")
    #expect(result.output.contains("ADAPTER==\"1\", DOMAIN==\"4|5\""), "\(result.messages)")
    try bench.file(
      "odd/50.rules", "APQN==\"01.0004|01.0005|02.0004\", RESERVE=\"vfio_ap\", NAME=\"web\"\n")
    let refused = try bench.run(words + "odd")
    #expect(refused.status == 3)
    #expect(
      refused.messages
        == "apreserve: a mediated device has all queues of its adapters in its domains, and these are none such: "
        + "adapters 01-02 x domains 0004-0005 would also have 02.0005; adapters 01 x domains 0004-0005 would lack "
        + "02.0004\n")
    #expect(try bench.run(words + "none").status == 1)
  }

  @Test(arguments: [
    ("web1", "Say what the guest is to have"),
    ("web1 --adapters 5", "--adapters and --domains are needed together"),
    ("web1 --adapters 10 --domains 4", "--adapters: \"10\" can be decimal"),
    ("web1 --adapters 5 --domains 0x100", "--domains: "),
    ("a|b --adapters 5 --domains 4", "\"a|b\" is no name"),
    ("web1 --adapters 5 --domains 4 --uuid x", "x is not a UUID."),
    (
      "web1 --adapters 5 --domains 4 --apply --inventory machine.json",
      "--apply defines the guest on this host"
    ),
  ])
  func `refuses to define what is no guest`(words: String, message: String) throws {
    let result = try bench().run(
      "guest define \(words)" + (words.contains("--inv") ? "" : " " + Self.options))
    #expect(result.status == 64)
    #expect(result.messages.contains(message), "\(result.messages)")
  }

  @Test func `is what verify and plan check as well`() throws {
    let bench = try bench()
    let verify = try bench.run("verify any --inventory defined.json")
    #expect(verify.status == 1)
    #expect(
      verify.output.contains(
        "/etc/mdevctl.d/matrix/\(uuid):1:1: error: db1 and mediated device \(other) are both to have 01.0005"
      ),
      "\(verify.output)")
    let plan = try bench.run("plan " + Self.options)
    #expect(plan.output.contains("db1 and mediated device \(other) are both to have 01.0005"))
  }
}
