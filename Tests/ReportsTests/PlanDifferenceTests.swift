import APBus
import JSONText
import Reports
import Reservation
import ReservationRules
import Testing

@Suite struct `The difference of two plans` {
  private func difference(
    from old: String, to new: String, on inventory: Inventory? = nil,
    ownership: Ownership = Ownership(), configuration: HostConfiguration = HostConfiguration(),
    selecting queues: APQNSet? = nil
  ) throws -> PlanDifference {
    let inventory = try inventory ?? Example.inventory()
    func assessment(_ rules: String) throws -> Assessment {
      try Assessment(
        inventory: inventory, rules: Example.ruleSet(rules), ownership: ownership,
        context: PlanningContext(configuration: configuration))
    }
    return PlanDifference(
      from: try assessment(old), to: try assessment(new), selecting: queues)
  }

  private func text(_ difference: PlanDifference) -> String {
    difference.text(from: "old", to: "new", style: .plain)
  }

  @Test func `groups queues in rectangles and names the rules`() throws {
    let result = try difference(
      from: "ADAPTER==\"1\", RESERVE=\"vfio_ap\", NAME=\"db\"",
      to: "ADAPTER==\"2-3\", RESERVE=\"vfio_ap\", NAME=\"web\"",
      on: Example.grid(adapters: 1...3, domains: 0...9))
    #expect(
      text(result) == """
        --- old
        +++ new

        reserved
        + 02-03.0000-0009 50-db.rules:1 "web"

        no longer reserved
        - 01.0000-0009 50-db.rules:1 "db"

        20 queues reserved, 10 no longer reserved

        """)
    #expect(result.outcome == .changed)
  }

  /// No line is longer than the terminal, but for a mask, which is one word.
  @Test(arguments: [40, 80])
  func `fits the terminal`(width: Int) throws {
    let rules =
      "ADAPTER==\"2\", RESERVE=\"vfio_ap\", NAME=\"a label of several words that is long\"\n"
      + "ADAPTER==\"5\", RESERVE=\"vfio_ap\", NAME=\"another label of several words that is long\""
    for (old, new) in [("", rules), (rules, "")] {
      let difference = try difference(from: old, to: new)
      let text = difference.text(
        from: "old", to: "new", style: TextStyle(isColored: false, width: width))
      let lines = text.split(separator: "\n")
      #expect(
        lines.allSatisfy { $0.count <= width || $0.contains("0xff") || $0.contains("mask") },
        "\(text)")
      let plain = self.text(difference)
      #expect(plain.split { $0 == " " || $0 == "\n" } == text.split { $0 == " " || $0 == "\n" })
      #expect(plain.split(separator: "\n").contains { $0.count > 60 })
    }
  }

  @Test func `shows refusals that only one plan has, with their reasons`() throws {
    let reserved = "APQN==\"0a.0004\", RESERVE=\"vfio_ap\"\n"
    let refused = try difference(
      from: reserved, to: reserved + "ADAPTER==\"2\", RESERVE=\"vfio_ap\"")
    #expect(
      text(refused) == """
        --- old
        +++ new

        refused
        + 02.0004 is hardware type 9; vfio_ap takes only type 10 (CEX4) and newer

        1 queue refused

        """)
    #expect(refused.outcome == .refused)
    let fulfilled = try difference(
      from: reserved + "ADAPTER==\"2\", RESERVE=\"vfio_ap\"", to: reserved)
    #expect(
      text(fulfilled).contains(
        "\nno longer refused\n- 02.0004 is hardware type 9; vfio_ap takes only type 10"))
    #expect(fulfilled.outcome == .changed)
  }

  /// The same refusal of both plans is no difference.
  @Test func `has no refusal that both plans have`() throws {
    let rules = "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
    let result = try difference(
      from: rules, to: rules + "APQN==\"05.0004\", RESERVE=\"vfio_ap\"")
    #expect(result.outcome == .changed)
    #expect(result.summary == "1 queue reserved")
  }

  @Test func `tells what is given back from what only stays where it is`() throws {
    var inventory = Example.grid(adapters: 1...1, domains: 4...6)
    for domain in [UInt8(4), 5] {
      let apqn = APQN(adapter: 1, domain: domain)
      inventory.setQueue(Queue(apqn: apqn, driver: DriverName.vfioAP), apqn: apqn)
    }
    let owned = Ownership(queues: [APQN(adapter: 1, domain: 4)])
    let result = try difference(
      from: "ADAPTER==\"1\", RESERVE=\"vfio_ap\"", to: "APQN==\"07.0007\", RESERVE=\"host\"",
      on: inventory, ownership: owned)
    let lines = text(result).split(separator: "\n").map(String.init)
    #expect(lines.contains("given back"))
    #expect(lines.contains("- 01.0004 50-db.rules:1"))
    #expect(lines.contains("- 01.0005 50-db.rules:1, stays on vfio_ap"))
    #expect(lines.contains("- 01.0006 50-db.rules:1"))
    #expect(result.summary == "1 queue given back, 2 no longer reserved")
  }

  @Test func `shows that another rule decides without another effect`() throws {
    let result = try difference(
      from: "APQN==\"05.0004\", RESERVE=\"host\"", to: "ADAPTER==\"5\", RESERVE=\"host\"")
    #expect(
      text(result).contains(
        """

        other rule
        ~ 05.0047 no rule -> host, 50-db.rules:1

        rule text changed, same result
        ~ 05.0004 host, 50-db.rules:1

        1 queue by another rule, 1 queue with the same result of a changed rule

        """), "\(text(result))")
  }

  @Test func `counts rules that were only reworded, which is no difference`() throws {
    let result = try difference(
      from: "ADAPTER==\"5\", RESERVE=\"vfio_ap\", NAME=\"web\"",
      to: "ADAPTER==\"5|9\", RESERVE=\"vfio_ap\", NAME=\"web\"")
    #expect(result.outcome == .same)
    #expect(
      text(result) == """
        --- old
        +++ new

        rule text changed, same result
        ~ 05.0004 vfio_ap, 50-db.rules:1 "web"
        ~ 05.0047 vfio_ap, 50-db.rules:1 "web"

        the plans are the same, 2 queues with the same result of a changed rule

        """)
    let json = result.json(from: "old", to: "new")
    #expect(json["outcome"] == "same")
    #expect(json["otherRule"]?.elements.isEmpty == true)
    #expect(json["otherText"]?.elements.compactMap { $0["queue"]?.text } == ["05.0004", "05.0047"])
  }

  /// What is written by these rules is the same now, and need not be the next time.
  @Test(arguments: [
    (
      "NAME=\"web\", COLLATERAL=\"accept\"",
      "~ 05.0004 vfio_ap, 50-db.rules:1 \"web\" -> vfio_ap, 50-db.rules:1 \"web\", COLLATERAL=\"accept\"\n"
    ),
    (
      "NAME=\"web\", EXPECT_MKVP{aes}=\"0x1234*\"",
      "~ 05.0004 vfio_ap, 50-db.rules:1 \"web\" -> vfio_ap, 50-db.rules:1 \"web\", EXPECT_MKVP{aes}=\"0x1234*\"\n"
    ),
    (
      "NAME=\"db\"",
      "~ 05.0004 vfio_ap, 50-db.rules:1 \"web\" -> vfio_ap, 50-db.rules:1 \"db\"\n"
    ),
  ])
  func `shows what another rule allows or expects`(assignments: String, line: String) throws {
    let rule = "APQN==\"05.0004\", RESERVE=\"vfio_ap\", "
    let result = try difference(from: rule + "NAME=\"web\"", to: rule + assignments)
    #expect(result.outcome == .changed)
    #expect(
      text(result).contains("\nother rule\n\(line)\n1 queue by another rule\n"), "\(text(result))")
  }

  /// Warnings name the places of rules.
  @Test(arguments: [
    ("new/50.rules", ""), ("old/50.rules", "# a comment\n"),
    ("new/60-other.rules", "# a comment\n"),
  ])
  func `has no warning again because rules are in another place`(
    path: String, comment: String
  ) throws {
    var machine = try Example.inventory()
    machine.setQueue(
      Queue(apqn: APQN(adapter: 10, domain: 4), driver: DriverName.vfioAP),
      apqn: APQN(adapter: 10, domain: 4))
    var configuration = HostConfiguration()
    configuration.overrides = [
      ConfiguredOverride(
        apqn: APQN(adapter: 5, domain: 4), driver: DriverName.vfioAP, source: "/etc/driverctl.d/q")
    ]
    machine.bus.supportsOverride = true
    func assessment(_ path: String, _ comment: String) throws -> Assessment {
      let (rules, _) = RuleSet.parse(files: [
        RuleFile(path: path, text: comment + "APQN==\"0a.0004|05.0004\", RESERVE=\"host\"\n")
      ])
      return try Assessment(
        inventory: machine, rules: rules, context: PlanningContext(configuration: configuration))
    }
    let before = try assessment("old/50.rules", "")
    let after = try assessment(path, comment)
    let place = "\(path):\(comment.isEmpty ? 1 : 2)"
    #expect(after.plan.warnings.count { $0.description.contains(place) } == 2)
    #expect(PlanDifference(from: before, to: after).outcome == .same)
  }

  /// A comment above them moves all rules of a file.
  @Test func `counts a reworded rule that has moved as the same`() throws {
    let rule = ", RESERVE=\"vfio_ap\", NAME=\"web\""
    let result = try difference(
      from: "ADAPTER==\"5\"\(rule)", to: "# a comment\nADAPTER==\"5|9\"\(rule)")
    #expect(result.outcome == .same)
    #expect(
      text(result).contains(
        "\nrule text changed, same result\n~ 05.0004 vfio_ap, 50-db.rules:2 \"web\"\n"),
      "\(text(result))")
    let accepting = try difference(
      from: "ADAPTER==\"5\"\(rule)", to: "# a comment\nADAPTER==\"5\"\(rule), COLLATERAL=\"accept\""
    )
    #expect(
      text(accepting).contains(
        "~ 05.0004 vfio_ap, 50-db.rules:1 \"web\" -> vfio_ap, 50-db.rules:2 \"web\", COLLATERAL=\"accept\"\n"
      ),
      "\(text(accepting))")
  }

  @Test func `says of a requested queue that is missing that it is`() throws {
    let result = try difference(
      from: "APQN==\"05.0004\", RESERVE=\"vfio_ap\"",
      to: "APQN==\"05.0004|07.0007\", RESERVE=\"vfio_ap\"")
    #expect(text(result).contains("+ 07.0007 50-db.rules:1, missing\n"), "\(text(result))")
  }

  @Test func `shows other masks, and a warning that only the second plan has`() throws {
    var inventory = Example.grid(adapters: 1...2, domains: 0...1)
    inventory.bus.masks = .all
    let result = try difference(
      from: "ADAPTER==\"2\", RESERVE=\"vfio_ap\"", to: "ADAPTER==\"1-2\", RESERVE=\"vfio_ap\"",
      on: inventory)
    let (one, both) = (APMask.all.subtracting([2]), APMask.all.subtracting([1, 2]))
    #expect(text(result).contains("\nmasks\n- apmask  \(one)\n+ apmask  \(both)\n\n"))
    #expect(text(result).contains("\nwarnings\n+ the host keeps no CCA queue, "))
  }

  @Test func `says of what masks take along that no rule asks for it`() throws {
    var inventory = Example.grid(adapters: 1...2, domains: 4...5)
    inventory.bus.masks = .all
    let result = try difference(
      from: "APQN==\"07.0007\", RESERVE=\"host\"",
      to: "APQN==\"01.0004\", RESERVE=\"vfio_ap\", COLLATERAL=\"accept\"", on: inventory)
    let reserved = text(result).split(separator: "\n").filter {
      $0.hasPrefix("+ 0") && $0.contains(".")
    }
    #expect(reserved.count == 2)
    #expect(reserved.first == "+ 01.0004 50-db.rules:1")
    #expect(reserved.last?.hasSuffix(" collateral, accepted by the rules") == true, "\(reserved)")
  }

  @Test func `of equal rules in other files is none`() throws {
    let result = try difference(from: Example.rules, to: "# a comment\n" + Example.rules)
    #expect(result.outcome == .same)
    #expect(text(result) == "the plans are the same\n")
  }

  @Test func `says which queues the second rules leave undecided`() throws {
    let rules = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
    let undecidable = "ADAPTER==\"2\", GUEST==\"*\", RESERVE=\"vfio_ap\"\n"
    let grid = Example.grid(adapters: 1...2, domains: 4...5)
    let still = try difference(
      from: rules + undecidable, to: rules + undecidable, on: grid,
      configuration: .unread)
    #expect(still.outcome == .same)
    #expect(
      text(still) == """
        --- old
        +++ new

        undecidable
          02.0004-0005: a rule compares something that cannot be read now; the owner stays

        the plans are the same, 2 queues undecidable

        """)
    #expect(still.json(from: "a", to: "b")["undecidable"]?.elements.compactMap(\.text).count == 2)
    let one = try difference(
      from: rules, to: rules + undecidable, on: grid, configuration: .unread,
      selecting: APQNSet([APQN(adapter: 2, domain: 4)]))
    #expect(one.summary == "the plans are the same, 1 queue undecidable")
    #expect(one.outcome == .same)
    #expect(one.json(from: "a", to: "b")["otherRule"]?.elements.isEmpty == true)
    let decided = try difference(
      from: rules + undecidable, to: rules, on: grid, configuration: .unread)
    #expect(decided.undecidable.isEmpty)
  }

  @Test func `counts a queue that is undecided, and so no longer moved, once`() throws {
    let reserved = "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
    let undecidable = "ADAPTER==\"2\", GUEST==\"*\", RESERVE=\"vfio_ap\"\n"
    var grid = Example.grid(adapters: 2...2, domains: 4...6)
    let kept = APQN(adapter: 2, domain: 6)
    grid.setQueue(Queue(apqn: kept, driver: DriverName.vfioAP), apqn: kept)
    let result = try difference(
      from: reserved, to: undecidable, on: grid, configuration: .unread)
    #expect(result.outcome == .changed)
    #expect(
      text(result).hasSuffix(
        """

        no longer reserved
        - 02.0004-0005 50-db.rules:1, undecidable

        undecidable
          02.0006: a rule compares something that cannot be read now; the owner stays

        2 queues no longer reserved, 1 queue undecidable

        """), "\(text(result))")
    #expect(result.undecidable.count == 3)
  }

  @Test func `names the adapter that does not answer`() throws {
    var grid = Example.grid(adapters: 1...2, domains: 4...5)
    var card = try #require(grid.card(2))
    card.unanswered = UnansweredRead(.card(2, "serialnr"))
    grid.setCard(card, adapter: 2)
    let rules = "CARD{serialnr}==\"93AABEFZ\", ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
    let result = try difference(
      from: "ADAPTER==\"1\", RESERVE=\"host\"\n" + rules, to: rules, on: grid)
    #expect(
      text(result).contains(
        """

        unreadable
          02.0004-0005: card02 does not answer: reading /sys/devices/ap/card02/serialnr: no answer within 5 s; \
        the owner stays

        """), "\(text(result))")
    #expect(!text(result).contains("undecidable"))
    #expect(result.summary.hasSuffix(", 2 queues unreadable"), "\(result.summary)")
    #expect(result.undecidable.count == 2 && result.undecidableCount == 0)
  }

  @Test func `can be of some queues only`() throws {
    let result = try difference(
      from: "ADAPTER==\"1\", RESERVE=\"vfio_ap\"", to: "ADAPTER==\"2\", RESERVE=\"vfio_ap\"",
      on: Example.grid(adapters: 1...3, domains: 0...9),
      selecting: APQNSet([APQN(adapter: 2, domain: 3), APQN(adapter: 3, domain: 3)]))
    #expect(result.summary == "1 queue reserved")
  }

  @Test func `as JSON has the queues of each kind with both decisions`() throws {
    let result = try difference(
      from: "APQN==\"05.0004\", RESERVE=\"vfio_ap\"", to: "ADAPTER==\"2\", RESERVE=\"vfio_ap\"")
    let json = result.json(from: "old", to: "new")
    #expect(json["apreserve"] == "plan-difference")
    #expect(json["outcome"] == "refused")
    #expect(json["from"] == "old" && json["to"] == "new")
    let lost = try #require(json["noLongerReserved"]?.elements.first)
    #expect(lost["queue"] == "05.0004")
    #expect(lost["from"]?["reserve"] == "vfio_ap" && lost["from"]?["owner"] == "vfio_ap")
    #expect(lost["to"]?["reserve"] == "unmanaged" && lost["to"]?["owner"] == "host")
    let refused = try #require(json["refused"]?.elements.first)
    #expect(refused["to"]?["refusal"]?["reason"] == "hardware-too-old")
    #expect(json["reserved"]?.elements.isEmpty == true)
  }
}
