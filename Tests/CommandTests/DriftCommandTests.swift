import JSONText
import TestSupport
import Testing

@Suite struct `The command drift` {
  private func bench() throws -> Workbench {
    let bench = try Sample.bench()
    try bench.file(
      "taken.json",
      Sample.machine.replacing("\"apmask\": \"0xf", with: "\"apmask\": \"0xb").replacing(
        "\"driver\": \"cex4queue\", \"online\": true}, {", with: "\"driver\": \"vfio_ap\"}, {"
      ).replacing(
        "\"01.0005\", \"driver\": \"cex4queue\", \"online\": true",
        with: "\"01.0005\", \"driver\": \"vfio_ap\""))
    try bench.file("host/50.rules", "ADAPTER==\"1\", RESERVE=\"host\"\n")
    try bench.file("absent/50.rules", "APQN==\"01.0004|07.0004\", RESERVE=\"vfio_ap\"\n")
    return bench
  }

  @Test(arguments: [
    ("machine.json", "guests", 2, "2 queues not reserved"),
    ("machine.json", "none", 0, "no drift: 0 of 0 requested queues on vfio_ap"),
    ("machine.json", "alone", 2, "1 queue not reserved"),
    ("taken.json", "guests", 0, "no drift: 2 of 2 requested queues on vfio_ap"),
    ("taken.json", "none", 0, "no drift: 0 of 0 requested queues on vfio_ap"),
    ("taken.json", "host", 2, "2 queues still reserved"),
    ("taken.json", "absent", 2, "1 queue missing"),
  ])
  func `compares the owners with the rules`(
    machine: String, rules: String, status: Int, summary: String
  ) throws {
    let bench = try bench()
    let words = "drift --inventory \(machine) --rules \(rules)"
    let result = try bench.run(words)
    #expect(result.status == status, "\(result)")
    #expect(result.output.hasSuffix("\n\(summary)\n"), "\(result.output)")
    let json = try JSONParser.parse(Array(try bench.run(words + " --json").output.utf8))
    #expect(json["outcome"]?.text == (status == 0 ? "none" : "drift"))
    #expect(json["summary"]?.text == summary)
  }

  @Test func `names queues, owners and rules`() throws {
    let bench = try bench()
    let alone = try bench.run("drift --inventory machine.json --rules alone")
    #expect(
      alone.output.contains("\nnot reserved\n  01.0004  host  50.rules:1, refused\n\n"),
      "\(alone.output)")
    let still = try bench.run("drift --inventory taken.json --rules host")
    #expect(
      still.output.contains("\nstill reserved\n  01.0004-0005  vfio_ap  50.rules:1, refused\n\n"),
      "\(still.output)")
  }

  @Test func `finds the hosts that have drifted`() throws {
    let result = try bench().run(
      "drift --inventory machine.json --inventory taken.json --inventory boot.events --rules guests"
    )
    #expect(result.status == 1)
    #expect(
      result.output.hasSuffix("\n3 hosts: 1 without drift, 1 with drift, 1 unreadable\n"),
      "\(result.output)")
  }

  /// As the other commands have it.
  @Test func `calls a machine refused whose requests are refused`() throws {
    for command in ["drift", "plan", "list"] {
      let result = try bench().run(
        "\(command) --inventory machine.json --inventory taken.json --rules alone --json")
      let hosts = try JSONParser.parse(Array(result.output.utf8))["hosts"]?.elements ?? []
      #expect(hosts.first?["standing"]?.text == "refused", "\(command)")
    }
  }

  @Test func `is about the machine of the running daemon, if one is named`() throws {
    let tree = try DaemonTree()
    let daemon = try tree.start()
    #expect(try tree.bench.run("settle --control c --timeout 60").status == 0)
    let result = try tree.bench.run("drift --control c")
    #expect(result.status == 0, "\(result)")
    #expect(result.output.contains("as scanned by the daemon "))
    withExtendedLifetime(daemon) {}
  }
}

/// The hosts of the package's examples, see `The command compare`.
@Suite struct `The command place` {
  private func bench() throws -> Workbench {
    let bench = try Workbench()
    for name in ["kvm1.json", "kvm2.json", "lnx01.json", "lnx03.json"] {
      try bench.file("hosts/\(name)", try SourceFile.text("packaging/examples/\(name)"))
    }
    try bench.file("rules/50.rules", "GUEST==\"*\", RESERVE=\"vfio_ap\"\n")
    return bench
  }

  @Test(arguments: [
    ("web1", 0, "possible"), ("db1", 2, "after-steps"), ("sign1", 3, "impossible"),
  ])
  func `ends as the best host can take the guest`(
    guest: String, status: Int, outcome: String
  ) throws {
    let result = try bench().run("place \(guest) --inventory hosts --rules rules --json")
    #expect(result.status == status, "\(result)")
    let json = try JSONParser.parse(Array(result.output.utf8))
    #expect(json["outcome"]?.text == outcome)
    #expect(json["source"]?["host"]?.text == "kvm1")
    let hosts = json["hosts"]?.elements ?? []
    #expect(hosts.count == 3, "the host that it is on is no candidate")
    #expect(hosts.first?["outcome"]?.text == outcome)
    // Their descriptions have no time.
    #expect(hosts.allSatisfy { $0["stale"] == .bool(false) && $0["machine"]?["age"] == nil })
    if outcome == "impossible" { #expect(hosts.first?["criterion"]?.text == "type") }
  }

  @Test func `takes a guest that is on no host yet`() throws {
    let bench = try bench()
    let words = "place web9 --inventory hosts --rules rules"
    let result = try bench.run("\(words) --adapters 5 --domains 0x47")
    #expect(result.status == 2, "\(result)")
    #expect(result.output.hasPrefix("web9 with adapters 05, domains 0047\n"))
    #expect(result.output.contains(" of 4 hosts can take it, "), "\(result)")
    for (more, message) in [
      ("--adapters 5", "--adapters and --domains are needed together"),
      ("--control-domains 5", "--control-domains requires --adapters and --domains"),
      ("--adapters 5 --domains 4 --from hosts/kvm1.json", "is on no host yet; omit --from"),
      ("--adapters 5 --domains zz", "--domains: "),
      ("", "no machine of --inventory has a guest \"web9\""),
    ] {
      let result = try bench.run("\(words) \(more)")
      #expect(result.messages.contains(message), "\(result)")
    }
  }

  /// What place says of a host is what compare says.
  @Test(arguments: ["web1", "db1", "sign1"])
  func `compares like compare`(guest: String) throws {
    let bench = try bench()
    let result = try bench.run("place \(guest) --inventory hosts --rules rules --json")
    let hosts = try JSONParser.parse(Array(result.output.utf8))["hosts"]?.elements ?? []
    for host in hosts {
      let path = try #require(host["machine"]?["path"]?.text)
      let compared = try bench.run(
        "compare hosts/kvm1.json \(path) --guest \(guest) --rules rules --json")
      let json = try JSONParser.parse(Array(compared.output.utf8))
      #expect(host["outcome"] == json["outcome"])
      let findings = json["guests"]?.elements.first?["findings"]?.elements ?? []
      let first = findings.filter { $0["outcome"] == host["outcome"] }
      let decisive = first.first { $0["criterion"]?.text != "definition" } ?? first.first
      #expect(host["criterion"] == decisive?["criterion"])
      #expect(host["message"] == decisive?["message"])
    }
  }

  @Test func `says which files describe the same host`() throws {
    let bench = try bench()
    for name in ["kvm1", "kvm2"] {
      try bench.file("hosts/x\(name).json", try bench.text("hosts/\(name).json"))
    }
    let result = try bench.run("place web1 --inventory hosts --rules rules")
    #expect(
      result.messages == """
        apreserve: hosts/xkvm1.json describes the same host as hosts/kvm1.json
        apreserve: hosts/xkvm2.json describes the same host as hosts/kvm2.json

        """)
    #expect(result.output.hasSuffix("web1: 2 of 4 hosts can take it, 2 after steps\n"))
  }

  @Test func `says what is missing if one machine is given`() throws {
    let result = try bench().run("place web1 --inventory hosts/kvm2.json")
    #expect(result.messages.hasPrefix("apreserve: --inventory has one machine: add those that"))
  }

  @Test func `lists the best host first`() throws {
    let result = try bench().run("place web1 --inventory hosts --rules rules")
    let lines = result.output.split(separator: "\n").map(String.init)
    #expect(lines.first == "web1 on kvm1 (LPAR PROD1), Linux 6.19.3, from hosts/kvm1.json")
    #expect(lines[2] == "kvm2 (LPAR PROD2)   possible")
    let narrow = try Program.run(
      ["place", "web1", "--inventory", "hosts", "--rules", "rules"], in: bench(),
      environment: ["COLUMNS=80"])
    #expect(narrow.output.contains("\nkvm2 (LPAR PROD2)   possible\nlnx"), "\(narrow.output)")
    #expect(lines.last == "web1: 1 of 3 hosts can take it, 2 after steps")
  }

  @Test(arguments: [
    ("web1 --inventory hosts --from hosts/kvm1.json", 0),
    ("web1 --inventory hosts/kvm2.json --from hosts/kvm1.json", 0),
    ("31893386 --inventory hosts --from hosts/kvm1.json", 0),
    ("web1 --inventory hosts --inventory nowhere.json", 1),
    ("nobody --inventory hosts", 1), ("nobody --inventory hosts --from hosts/kvm1.json", 1),
    ("web1 --inventory hosts/kvm2.json", 64), ("web1", 64),
    ("web1 --inventory hosts --inventory -", 64),
  ])
  func `takes the host of the guest from the options`(words: String, status: Int) throws {
    let result = try bench().run("place \(words) --rules rules")
    #expect(result.status == status, "\(result)")
    #expect((status == 0) == result.messages.isEmpty)
  }
}
