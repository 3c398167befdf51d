import JSONText
import APBus
import Reports
import Reservation
import ReservationRules
import Testing

@Suite struct `A plan's report` {
  @Test func `shows masks, owners, writes, refusals and a summary`() throws {
    let report = PlanReport(try Example.assessment())
    #expect(
      report.text(style: .plain) == """
        mechanism  override: driver_override is in use, on 0a.0004

        owners
          05.0004  host  ->  vfio_ap  50-db.rules:1 "db guests"

        writes
          05.0004  driver_override vfio_ap, unbind from cex4queue, let the bus bind it

        refused
          02.0004 is hardware type 9; vfio_ap takes only type 10 (CEX4) and newer

        1 queue to vfio_ap, 3 writes, 1 refused

        """)
    #expect(report.outcome == .refused)
    #expect(
      report.text(hasAllWrites: true, style: .plain).contains(
        """

        writes
          1  echo vfio_ap > /sys/devices/ap/card05/05.0004/driver_override
          2  echo 05.0004 > /sys/bus/ap/drivers/cex4queue/unbind
          3  echo 05.0004 > /sys/bus/ap/drivers_probe

        """))
  }

  /// 256 refusals that differ only in the neighbours that each would take along.
  @Test func `has the alternatives first, and one line for many refusals of a kind`() throws {
    var inventory = Example.grid(adapters: 1...4, domains: 0...63)
    inventory.bus.masks = .all
    let rules = try Example.ruleSet(
      "ADAPTER==\"1-3\", DOMAIN==\"0-0x3e\", RESERVE=\"vfio_ap\", NAME=\"guests\"")
    let text = PlanReport(try Assessment(inventory: inventory, rules: rules)).text(style: .plain)
    let lines = text.split(separator: "\n")
    #expect(lines.count < 25, "\(text)")
    let refused = try #require(lines.firstIndex(of: "refused"))
    #expect(try #require(lines.firstIndex(of: "alternatives")) < refused)
    #expect(lines[refused + 1] == "  50-db.rules:1 \"guests\"")
    #expect(lines[refused + 2].hasPrefix("    01.0000 cannot be reserved alone by masks: "))
    #expect(lines[refused + 3].hasPrefix("      similarly "), "\(text)")
    #expect(text.contains("\"apreserve explain QUEUE\" has each reason\n"))
  }

  @Test(arguments: [40, 60, 80, 132, 200])
  func `fits the terminal, and breaks no word that fits`(width: Int) throws {
    var masks = Example.grid(adapters: 1...4, domains: 0...20)
    masks.bus.masks = .all
    let label = String(repeating: "guests ", count: 20)
    let assessments = [
      try Example.assessment(),
      try Assessment(
        inventory: masks,
        rules: Example.ruleSet(
          "ADAPTER==\"1-3\", DOMAIN==\"0-0x13\", RESERVE=\"vfio_ap\", NAME=\"\(label)\"")),
      try Assessment(
        inventory: masks, rules: Example.ruleSet("ADAPTER==\"2|4\", RESERVE=\"vfio_ap\"")),
    ]
    for assessment in assessments {
      let style = TextStyle(isColored: false, width: width)
      for hasAllWrites in [false, true] {
        let report = PlanReport(assessment)
        let text = report.text(hasAllWrites: hasAllWrites, style: style)
        // A terminal breaks what is longer than its lines.
        let long = text.split(separator: "\n").map(String.init).filter { line in
          line.count > width && !line.split(separator: " ").contains { $0.count > width - 16 }
        }
        #expect(long.isEmpty, "\(long)")
        let words = Set(text.split(whereSeparator: \.isWhitespace))
        let whole = report.text(hasAllWrites: hasAllWrites, style: .plain)
          .split(whereSeparator: \.isWhitespace)
        // Masks are shown by their bits where they do not fit.
        let broken = whole.filter {
          $0.count <= width - 16 && !words.contains($0) && !["now", "then"].contains($0)
            && !$0.hasPrefix("0x")
        }
        #expect(broken.isEmpty, "\(broken) \(text)")
      }
    }
  }

  @Test func `says in one line that there is nothing to do`() throws {
    let report = PlanReport(
      try Example.assessment("APQN==\"0a.0004\", RESERVE=\"vfio_ap\""))
    #expect(report.summary == "nothing to do: 1 of 1 requested queues on vfio_ap")
    #expect(report.outcome == .nothingToDo)
    #expect(report.text(style: .plain).hasSuffix("\n\n\(report.summary)\n"))
  }

  @Test func `shows both masks before and after in full`() throws {
    var inventory = Example.grid(adapters: 1...2, domains: 0...1)
    inventory.bus.masks = .all
    let rules = try Example.ruleSet("ADAPTER==\"2\", RESERVE=\"vfio_ap\"")
    let report = PlanReport(try Assessment(inventory: inventory, rules: rules))
    let text = report.text(style: .plain)
    let after = APMask.all.subtracting([2])
    #expect(text.contains("  apmask  \(Example.mask)  now\n          \(after)  then\n"))
    #expect(text.contains("  aqmask  unchanged\n"))
    #expect(text.contains("  1  echo \(after) > /sys/bus/ap/apmask\n"))
    #expect(report.outcome == .pending)
  }

  @Test func `does not call what cannot be decided done`() throws {
    let report = PlanReport(
      try Assessment(
        inventory: Example.grid(adapters: 1...1, domains: 4...5),
        rules: Example.ruleSet("GUEST==\"*\", RESERVE=\"vfio_ap\""),
        context: PlanningContext(configuration: .unread)))
    #expect(
      report.summary == "nothing to write: 0 of 2 requested queues on vfio_ap, 2 undecidable")
    #expect(report.undecidableCount == 2)
    #expect(Fleet.Standing(report) == .undecidable)
  }

  /// What an adapter does not tell is unreadable, and such a machine is not without changes either.
  @Test func `counts only what is undecidable as that`() throws {
    var inventory = Example.grid(adapters: 1...2, domains: 4...5)
    var card = try #require(inventory.card(2))
    card.unanswered = UnansweredRead(.card(2, "serialnr"))
    inventory.setCard(card, adapter: 2)
    func report(_ rules: String) throws -> PlanReport {
      PlanReport(
        try Assessment(
          inventory: inventory, rules: Example.ruleSet(rules),
          context: PlanningContext(configuration: .unread)))
    }
    let rule = "CARD{serialnr}==\"93AABEFZ\", ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
    let unreadable = try report(rule)
    #expect(unreadable.summary.hasSuffix(" requested queues on vfio_ap, 2 unreadable"))
    #expect(unreadable.undecidableCount == 0)
    #expect(Fleet.Standing(unreadable) == .undecidable)
    let both = try report(rule + "ADAPTER==\"1\", GUEST==\"*\", RESERVE=\"vfio_ap\"\n")
    #expect(both.summary.hasSuffix(", 2 undecidable, 2 unreadable"))
    #expect(both.undecidableCount == 2)
  }

  @Test func `says that masks are only for what is added later`() throws {
    var inventory = Example.grid(adapters: 1...2, domains: 0...1)
    inventory.bus.masks = .all
    let note = "no queue that is there changes its owner; the masks are for those that are added"
    for (adapter, isNoted) in [("0x77", true), ("2", false)] {
      let rules = try Example.ruleSet("ADAPTER==\"\(adapter)\", RESERVE=\"vfio_ap\"")
      let text = PlanReport(try Assessment(inventory: inventory, rules: rules)).text(style: .plain)
      #expect(text.contains("  aqmask  unchanged\n  \(note)\n") == isNoted, "\(text)")
    }
  }

  @Test(arguments: [
    ("ADAPTER==\"0x77\", RESERVE=\"vfio_ap\"", "no queue matches ADAPTER==\"0x77\""),
    ("TYPE==\"CEX5P\", RESERVE=\"vfio_ap\"", "no queue matches TYPE==\"CEX5P\""),
    // It keeps what may come, names a queue that is reported as missing, is for others, or decides.
    ("ADAPTER==\"0x77\", RESERVE=\"host\"", nil), ("APQN==\"77.0004\", RESERVE=\"vfio_ap\"", nil),
    ("HOST==\"other\", RESERVE=\"vfio_ap\"", nil), ("ADAPTER==\"1\", RESERVE=\"vfio_ap\"", nil),
  ])
  func `names rules that ask for queues and decide none`(rule: String, reason: String?) throws {
    let assessment = try Assessment(
      inventory: Example.grid(adapters: 1...2, domains: 0...1), rules: Example.ruleSet(rule),
      host: HostIdentity(name: "lnx01"))
    var report = PlanReport(assessment)
    report.addIdleRules(of: assessment)
    let section = reason.map {
      "\nrules without queues\n  50-db.rules:1 decides no queue of this machine: \($0)\n"
    }
    let text = report.text(style: .plain)
    #expect(text.contains(section ?? "never") == (reason != nil), "\(text)")
    #expect(text.contains("rules without queues") == (reason != nil), "\(text)")
  }

  @Test func `groups many queues with the same move`() throws {
    let inventory = Example.grid(adapters: 1...3, domains: 0...9)
    let rules = try Example.ruleSet("ADAPTER==\"1-2\", RESERVE=\"vfio_ap\"")
    let text = PlanReport(try Assessment(inventory: inventory, rules: rules)).text(style: .plain)
    #expect(
      text.contains(
        "owners\n  01-02.0000-0009  host  ->  vfio_ap  50-db.rules:1\n\nwrites\n  01-02.0000-0009  unbind from cex4queue, bind to vfio_ap\n\n"
      ))
    #expect(text.hasSuffix("\n20 queues to vfio_ap, 40 writes\n"))
  }

  @Test func `says of what masks leave unbound that it goes to vfio_ap when that is loaded`() throws
  {
    var inventory = Example.grid(adapters: 1...2, domains: 4...4)
    inventory.bus.masks = .all
    inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    inventory.mediatedDevices = []
    let rules = try Example.ruleSet("ADAPTER==\"1\", RESERVE=\"vfio_ap\"")
    let report = PlanReport(try Assessment(inventory: inventory, rules: rules))
    let text = report.text(style: .plain)
    #expect(
      text.contains(
        "owners\n  01.0004  host  ->  vfio_ap  50-db.rules:1, when vfio_ap is loaded\n"), "\(text)")
    #expect(report.summary == "1 queue to vfio_ap when it is loaded, 1 write, 1 waiting")
  }

  @Test func `waits for a driver and calls that pending`() throws {
    var inventory = Example.grid(adapters: 1...1, domains: 0...1)
    inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    let rules = try Example.ruleSet("ADAPTER==\"1\", RESERVE=\"vfio_ap\"")
    let report = PlanReport(try Assessment(inventory: inventory, rules: rules))
    #expect(report.outcome == .pending)
    #expect(
      report.text(style: .plain).contains("waiting\n  01.0000-0001 until vfio_ap is loaded\n"))
    #expect(report.summary == "nothing to write: 0 of 2 requested queues on vfio_ap, 2 waiting")
  }

  @Test func `as JSON is the same bytes every time`() throws {
    let inventory = Example.grid(adapters: 1...1, domains: 4...4)
    let rules = try Example.ruleSet(
      #"ADAPTER=="1", RESERVE="vfio_ap", NAME="a \"b\" \#u{e9}""#)
    let report = PlanReport(try Assessment(inventory: inventory, rules: rules))
    #expect(
      report.json.documentText == """
        {
          "apreserve": "plan",
          "version": 1,
          "outcome": "pending",
          "mechanism": "bind",
          "mechanismReason": "this kernel has no masks",
          "settings": [],
          "requests": {
            "requested": 1,
            "reserved": 0,
            "pending": 1,
            "waiting": 0,
            "refused": 0,
            "contended": 0,
            "missing": 0,
            "unusable": 0,
            "undecidable": 0,
            "unreadable": 0
          },
          "openRequests": [{"state": "pending", "message": "01.0004 is pending: about to be moved to vfio_ap", "count": 1, "queues": ["01.0004"]}],
          "changes": [
            {
              "queue": "01.0004",
              "from": "host",
              "to": "vfio_ap",
              "cause": "wanted",
              "reserve": "vfio_ap",
              "rule": {"file": "/etc/r/50-db.rules", "line": 1},
              "label": "a \\"b\\" \u{e9}"
            }
          ],
          "steps": [{"path": "/sys/bus/ap/drivers/cex4queue/unbind", "text": "01.0004"}, \
        {"path": "/sys/bus/ap/drivers/vfio_ap/bind", "text": "01.0004"}],
          "refusals": [],
          "alternatives": [],
          "waiting": [],
          "undecidable": [],
          "adopted": [],
          "warnings": [{"warning": "last-cca-queue-taken", "message": "the host keeps no CCA queue, and loses its random number generator with the last one"}],
          "latentCollateral": {"adapters": [], "domains": [], "count": 0, "hostCount": 0}
        }

        """)
  }
}
