import JSONText
import APBus
import Reservation
import Reports
import ReservationRules
import Testing

@Suite struct `An explanation` {
  @Test func `lists facts, each rule's verdict, the writes and what blocks it`() throws {
    let assessment = try Example.assessment(
      Example.rules + "\nAPQN==\"05.0004\", RESERVE=\"host\"\n")
    let explanation = Explanation(APQN(adapter: 5, domain: 4), in: assessment)
    #expect(
      explanation.text(style: .plain) == """
        05.0004  (adapter 5, domain 4 on the HMC)

          card     card05, CEX7C, hwtype 13, mode cca, bound to cex4card
          queue    on cex4queue, online
          request  host, by 50-db.rules:3

        rules
          50-db.rules:1  overridden  by 50-db.rules:3, which is later
          50-db.rules:2  fails       ADAPTER=="2" does not match 5
          50-db.rules:3  decides     APQN=="05.0004", RESERVE="host"

        plan
          nothing to write (override, driver_override is in use, on 0a.0004)

        """)
  }

  @Test func `of a queue that others have taken shows the rule and how it is given back`() throws {
    let rules = try Example.ruleSet(#"APQN=="0a.0004", RESERVE="host""#)
    let apqn = APQN(adapter: 0x0a, domain: 4)
    var inventory = try Example.inventory()
    let assigned = Explanation(apqn, in: try Assessment(inventory: inventory, rules: rules))
    #expect(
      assigned.json["remedy"]?.text
        == "take it from its guest first: run apreserve guest show 11111111-2222-3333-4444-555555555555"
    )
    inventory.mediatedDevices = []
    let assessment = try Assessment(inventory: inventory, rules: rules)
    let explanation = Explanation(apqn, in: assessment)
    let blocked = try #require(explanation.json["blockedBy"]?.elements.first?.text)
    #expect(
      blocked
        == "/etc/r/50-db.rules:1 keeps it for the host; apreserve did not reserve it, so it does "
        + "not give it back")
    let remedy =
      "if no other program needs it there: echo > /sys/devices/ap/card0a/0a.0004/driver_override; "
      + "echo 0a.0004 > /sys/bus/ap/drivers/vfio_ap/unbind; echo 0a.0004 > /sys/bus/ap/drivers_probe"
    #expect(explanation.json["remedy"]?.text == remedy)
    let plan = PlanReport(assessment)
    #expect(plan.outcome == .refused)
    #expect(
      plan.summary.hasSuffix(", 1 on vfio_ap and not reserved by apreserve"), "\(plan.summary)")
    // Nobody keeps it for the host.
    let other = try Example.assessment(#"APQN=="05.0004", RESERVE="host""#)
    #expect(PlanReport(other).outcome == .nothingToDo)
  }

  @Test func `of a queue that waits for the lock names it, and so does the plan`() throws {
    var memory = AgentMemory()
    memory.progress.isLocked = true
    let rules = try Example.ruleSet(#"APQN=="05.0004", RESERVE="vfio_ap""#)
    for heldBack in [[], [Operation.Subject.queue(APQN(adapter: 5, domain: 4))]] {
      memory.heldBack = Set(heldBack)
      let assessment = try Assessment(
        inventory: Example.inventory(), rules: rules, agent: memory)
      let explanation = Explanation(APQN(adapter: 5, domain: 4), in: assessment)
      let place = "/run/lock/s390apconfig.lock"
      let blocked = explanation.json["blockedBy"]?.elements.compactMap(\.text) ?? []
      #expect(blocked.count == 1 && blocked[0].contains(place), "\(blocked)")
      let plan = PlanReport(assessment)
      #expect(plan.outcome == .pending)
      #expect(
        plan.text(style: .plain).contains(
          "\nwaiting\n  05.0004 until another process releases \(place)\n"))
      #expect(plan.summary.contains(", 1 waiting"), "\(plan.summary)")
    }
  }

  @Test func `of a queue that another process takes has the commands that help`() throws {
    var memory = AgentMemory()
    let apqn = APQN(adapter: 5, domain: 4)
    memory.fought = [apqn: 3]
    let assessment = try Assessment(
      inventory: Example.inventory(),
      rules: Example.ruleSet(#"APQN=="05.0004", RESERVE="vfio_ap""#), agent: memory)
    let remedy = try #require(Explanation(apqn, in: assessment).json["remedy"]?.text)
    #expect(
      remedy.contains("journalctl -u apreserve AP_QUEUE=05.0004, and run apreserve reload"),
      "\(remedy)")
  }

  @Test func `names what blocks it`() throws {
    let explanation = Explanation(APQN(adapter: 2, domain: 4), in: try Example.assessment())
    #expect(
      explanation.text(style: .plain).hasSuffix(
        """

        blocked by
          02.0004 is hardware type 9; vfio_ap takes only type 10 (CEX4) and newer

        """))
  }

  @Test func `names the read that the adapter does not answer, and so does the list`() throws {
    var inventory = try Example.inventory()
    var card = try #require(inventory.card(5))
    card.unanswered = UnansweredRead(.card(5, "serialnr"))
    inventory.setCard(card, adapter: 5)
    let assessment = try Assessment(
      inventory: inventory,
      rules: Example.ruleSet(#"CARD{serialnr}=="A", DOMAIN=="4", RESERVE="vfio_ap""#))
    let explanation = Explanation(APQN(adapter: 5, domain: 4), in: assessment)
    let read = "reading /sys/devices/ap/card05/serialnr: no answer within 5 s"
    let lines = explanation.text(style: .plain).split { " \n".contains($0) }.joined(separator: " ")
    #expect(lines.contains("bound to cex4card, does not answer (\(read)) queue on"), "\(lines)")
    #expect(lines.contains("state unreadable: card05 does not answer: \(read) rules"), "\(lines)")
    #expect(lines.contains("unknown: card05 does not answer: \(read)"), "\(lines)")
    #expect(
      explanation.json["blockedBy"]
        == .array([.string("card05 does not answer: \(read); the owner stays")]))
    #expect(explanation.json["unanswered"]?.text == read)
    let queues = QueueList(assessment).json["queues"]?.elements ?? []
    #expect(queues.map { $0["unanswered"]?.text } == [nil, read, read, nil, nil])
  }

  @Test func `of an absent queue says what will happen to it`() throws {
    let assessment = try Example.assessment()
    let requested = Explanation(APQN(adapter: 2, domain: 9), in: assessment).text(style: .plain)
    #expect(
      requested.hasSuffix(
        """
        blocked by
          the adapter has no queue in domain 0x0009; the queue is reserved when it is
            added

        remedy
          check domain 0x0009 (9 on the HMC) in this LPAR's Cryptographic Controls

        """), "\(requested)")
    let open = Explanation(APQN(adapter: 7, domain: 4), in: assessment).text(style: .plain)
    #expect(open.hasSuffix("  absent; the rules are decided when it is added\n"))
    #expect(open.contains("  card     card07 is not there\n"))
  }

  @Test func `names the guest that holds the queue, in JSON too`() throws {
    let explanation = Explanation(APQN(adapter: 10, domain: 4), in: try Example.assessment())
    let uuid = "11111111-2222-3333-4444-555555555555"
    #expect(explanation.text(style: .plain).contains("  guest    mediated device \(uuid)\n"))
    #expect(explanation.json.documentText.contains("\n  \"mediatedDevice\": \"\(uuid)\",\n"))
  }

  @Test(arguments: [true, false])
  func `says whether apreserve has reserved the queue, and names the guest's virtual machine`(
    isOwned: Bool
  )
    throws
  {
    let apqn = APQN(adapter: 10, domain: 4)
    let machine = VirtualMachine(
      name: "db1", mediatedDevices: ["11111111-2222-3333-4444-555555555555"])
    let assessment = try Assessment(
      inventory: Example.inventory(), rules: Example.ruleSet(),
      ownership: Ownership(queues: isOwned ? [apqn] : []),
      context: PlanningContext(configuration: HostConfiguration(virtualMachines: [machine])))
    let explanation = Explanation(apqn, in: assessment)
    let text = explanation.text(style: .plain)
    #expect(text.contains("(virtual machine\n           db1)\n"))
    #expect(
      text.contains(
        "  owned    \(isOwned ? "yes, apreserve has" : "no, apreserve has not") reserved it\n"))
    #expect(explanation.json.documentText.contains("\"owned\": \(isOwned)"))
    #expect(explanation.json.documentText.contains("\"virtualMachine\": \"db1\""))
  }

  @Test func `does not deny that apreserve has reserved it while the record cannot be read`() throws
  {
    var assessment = try Example.assessment("ADAPTER==\"7\", RESERVE=\"vfio_ap\"")
    assessment.isOwnershipKnown = false
    let explanation = Explanation(APQN(adapter: 10, domain: 4), in: assessment)
    #expect(
      explanation.text(style: .plain).contains("  owned    unknown, the record cannot be read\n"))
    #expect(!explanation.json.documentText.contains("\"owned\""))
  }

  @Test func `of a queue that waits for a card says what is unknown, and why`() throws {
    let assessment = try Example.assessment(
      "CARD{serialnr}==\"93*\", ADAPTER==\"7\", RESERVE=\"vfio_ap\"")
    let explanation = Explanation(APQN(adapter: 7, domain: 4), in: assessment)
    #expect(
      explanation.text(style: .plain).contains(
        """
          50-db.rules:1  unknown  CARD{serialnr}=="93*" is unknown: there is no card07
                                  now; it may decide

        """))
  }

  /// The longest of everything: names of files, labels, masks, refusals.
  @Test(arguments: ["01.0004", "02.0005", "09.0009"])
  func `is at most 80 characters wide, unless a word is longer`(name: String) throws {
    let label = String(repeating: "a long label ", count: 12)
    let longWord = label.filter { $0 != " " }
    let text = """
      ADAPTER=="1", RESERVE="vfio_ap", NAME="\(label)"
      APQN=="02.0005", RESERVE="vfio_ap", NAME="\(longWord)"
      HOST=="\(String(repeating: "h", count: 60))", RESERVE="host"
      """
    var inventory = Example.grid(adapters: 1...2, domains: 4...5)
    inventory.bus.masks = .all
    let path = "/etc/apreserve/rules.d/50-\(String(repeating: "x", count: 50)).rules"
    let (rules, _) = RuleSet.parse(files: [RuleFile(path: path, text: text)])
    let assessment = try Assessment(
      inventory: inventory, rules: rules, host: HostIdentity(name: "lnx01"))
    let apqn = try #require(APQN(name))
    for line in Explanation(apqn, in: assessment).text(style: .plain).split(separator: "\n") {
      #expect(line.count <= 80 || line.contains(longWord), "\(line)")
    }
  }

  @Test func `shows a mask on two lines that a shell reads as one`() throws {
    var inventory = Example.grid(adapters: 1...2, domains: 4...5)
    inventory.bus.masks = .all
    let assessment = try Assessment(
      inventory: inventory, rules: try Example.ruleSet("ADAPTER==\"1\", RESERVE=\"vfio_ap\""))
    let explanation = Explanation(APQN(adapter: 1, domain: 4), in: assessment)
    #expect(
      explanation.text(style: .plain).contains(
        "  1  echo \(APMask.all.subtracting([1])) \\\n       > /sys/bus/ap/apmask\n"))
  }

  @Test func `as JSON has the clause of each rule, and what was requested and found`() throws {
    let assessment = try Example.assessment(
      """
      ADAPTER=="2", RESERVE="vfio_ap"
      CARD{serialnr}=="93*", RESERVE="vfio_ap"
      DOMAIN=="4", RESERVE="host"
      APQN=="05.0004", RESERVE:="host"
      """)
    let json = Explanation(APQN(adapter: 5, domain: 4), in: assessment).json.documentText
    let rule = "\"rule\": {\"file\": \"/etc/r/50-db.rules\", \"line\":"
    #expect(json.contains("\"verdict\": \"fails\",\n      \"wanted\": \"ADAPTER==\\\"2\\\"\""))
    #expect(json.contains("\"found\": \"5\""))
    #expect(json.contains("\"unknown\": \"serialnr of card05 cannot be read now\""))
    #expect(json.contains("\"verdict\": \"locked-out\""))
    #expect(json.contains("\"by\": {\"file\": \"/etc/r/50-db.rules\", \"line\": 4}"))
    #expect(json.contains(rule + " 1}"))
  }
}
