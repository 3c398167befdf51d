import Reservation
import APBus
import JSONText
import Reports
import ReservationRules
import Testing

/// Cards 1 and 2 of type 13 with domains 4 and 5, card 3 of type 9 with domain 4; masks, no overrides.
private func inventory() -> Inventory {
  var inventory = Example.grid(adapters: 1...2, domains: 4...5)
  inventory.bus.masks = .all
  inventory.setCard(
    Card(adapter: 3, hardwareType: HardwareType(rawValue: 9), functions: 0), adapter: 3)
  let old = APQN(adapter: 3, domain: 4)
  inventory.setQueue(Queue(apqn: old, driver: DriverName.cex4queue), apqn: old)
  return inventory
}

/// The rules, held against such machines of these names.
private func verification(_ text: String, hosts: [String?] = [nil]) throws -> Verification {
  let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "/r/50.rules", text: text)])
  var selection = RuleFileSelection([])
  selection.paths = rules.files
  var machines = FleetFindings()
  for name in hosts {
    let host = HostIdentity(name: name, lpar: name == nil ? nil : "PROD1")
    let assessment = try Assessment(inventory: inventory(), rules: rules, host: host)
    machines.add(assessment, named: name ?? "")
  }
  return Verification(
    rules: rules, diagnostics: diagnostics, selection: selection, machines: machines)
}

@Suite struct `A verification against a machine` {
  private func said(_ text: String) throws -> [String] {
    try verification(text).text(style: .plain).split(separator: "\n").map(String.init).filter {
      $0.hasPrefix("/r/50.rules:")
    }
  }

  @Test func `gives the reason why rules decide nothing there`() throws {
    let text = """
      ADAPTER=="9", RESERVE="host"
      ADAPTER=="1", DOMAIN=="9", RESERVE="host"
      ADAPTER=="3", HWTYPE=="13", RESERVE="host"
      CARD{serialnr}=="93*", RESERVE="host"
      ADAPTER=="1", HWTYPE=="10-", RESERVE="host"
      ADAPTER=="1-2", DOMAIN=="4-5", RESERVE="host"
      """
    let start = "warning: the rule decides no queue of this machine:"
    #expect(
      try said(text) == [
        "/r/50.rules:1:1: \(start) no queue matches ADAPTER==\"9\" [idle-rule]",
        "/r/50.rules:2:1: \(start) no queue matches DOMAIN==\"9\" [idle-rule]",
        "/r/50.rules:3:1: \(start) no queue matches all of its clauses [idle-rule]",
        "/r/50.rules:4:1: \(start) CARD{serialnr}==\"93*\" is unknown now [idle-rule]",
        "/r/50.rules:5:1: \(start) the queues that match are decided by 50.rules:6 [idle-rule]",
      ])
  }

  @Test func `reports rules whose queues are undecidable`() throws {
    let text = """
      ADAPTER=="1", RESERVE="host"
      CARD{serialnr}=="93*", RESERVE="vfio_ap"
      """
    #expect(
      try said(text).first
        == "/r/50.rules:1:1: warning: the rule decides no queue of this machine: the queues that "
        + "match are undecidable now [idle-rule]")
  }

  @Test func `names the queues that cannot be reserved because their hardware is too old`() throws {
    #expect(
      try said("ADAPTER==\"1|3\", RESERVE=\"vfio_ap\"") == [
        "/r/50.rules:1:1: warning: the rule reserves 03.0004 of hardware type 9, but vfio_ap takes "
          + "only type 10 (CEX4) and newer; add HWTYPE==\"10-\" [hardware-too-old]"
      ])
  }

  @Test func `names the queues that a mask would take`() throws {
    #expect(
      try said("APQN==\"01.0004\", RESERVE=\"vfio_ap\"") == [
        "/r/50.rules:1:1: warning: 01.0004 cannot be reserved alone by masks: apmask without adapter "
          + "0x01 would also take 01.0005, aqmask without domain 0x0004 would also take 02.0004, "
          + "03.0004; widen the rule, add COLLATERAL=\"accept\", or use driver_override where the "
          + "kernel has it [collateral]"
      ])
    #expect(
      try said("APQN==\"01.0004|02.0005\", RESERVE=\"vfio_ap\"").first?.contains(
        "; likewise 02.0005 [collateral]") == true)
  }

  @Test func `notes which queues the masks take, too, where a rule accepts that`() throws {
    let rule = "APQN==\"01.0004\", RESERVE=\"vfio_ap\", COLLATERAL=\"accept\""
    #expect(
      try said(rule) == [
        "/r/50.rules:1:1: note: the masks for this rule also take 01.0005 from the host "
          + "[accepted-collateral]"
      ])
    let verification = try verification(rule)
    #expect(verification.isClean(strict: true))
    #expect(verification.summary == "1 file, 1 rule, 1 note")
  }

  @Test func `reports nothing about rules that have the effect they describe`() throws {
    let verification = try verification("ADAPTER==\"1\", RESERVE=\"vfio_ap\"")
    #expect(verification.text(style: .plain) == "1 file, 1 rule, no errors\n")
  }

  @Test func `reports only once that a rule decides on no machine`() throws {
    let text = "ADAPTER==\"1\", RESERVE=\"host\"\nADAPTER==\"1-2\", RESERVE:=\"host\"\n"
    #expect(try said(text).map { $0.suffix(15) } == ["[shadowed-rule]"])
  }

  @Test func `does not call a rule for another host idle`() throws {
    let text = """
      HOST=="lnx02", ADAPTER=="9", RESERVE="host"
      HOST!="lnx01", ADAPTER=="1", RESERVE="host"
      LPAR=="PROD2", ADAPTER=="2", RESERVE="vfio_ap"
      """
    #expect(try verification(text, hosts: ["lnx01"]).summary == "1 file, 3 rules, no errors")
  }
}

@Suite struct `A verification against several machines` {
  private func said(_ text: String) throws -> [String] {
    try verification(text, hosts: ["lnx01", "lnx02"]).diagnostics.map {
      "\($0.location.line): \($0.message)"
    }
  }

  @Test func `calls a rule idle that decides nothing on any of them`() throws {
    let text = """
      HOST=="lnx02", ADAPTER=="9", RESERVE="host"
      HOST=="lnx03", ADAPTER=="1", RESERVE="host"
      HOST=="lnx02", ADAPTER=="1", RESERVE="host"
      ADAPTER=="8", RESERVE="host"
      """
    let start = "the rule decides no queue of these 2 machines:"
    #expect(
      try said(text) == [
        "1: \(start) on lnx02, no queue matches ADAPTER==\"9\"",
        "2: \(start) none of them matches HOST==\"lnx03\"",
        "4: \(start) on lnx01, no queue matches ADAPTER==\"8\"",
      ])
  }

  @Test func `says once of which machines something is true`() throws {
    #expect(
      try said("ADAPTER==\"1|3\", RESERVE=\"vfio_ap\"").map { $0.prefix(60) } == [
        "1: lnx01, lnx02: the rule reserves 03.0004 of hardware type 9, but vfio_ap".prefix(60)
      ])
  }
}
