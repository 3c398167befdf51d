import APBus
import Reservation
import ReservationRules
import Testing

private func time(_ minutes: Int) -> WallTime {
  WallTime(sinceEpoch: .seconds(1_800_000_000 + 60 * minutes))
}

@Suite struct `An alarm about master keys` {
  /// What the rules expect of queues 05.0004 and 05.0005, which have had these keys, one a minute, and show none now.
  private func alarms(
    _ rules: String, keys: [String], mode: QueueMode = .cca, kind: MasterKeyKind = .aes
  ) throws -> [KeyAlarm] {
    var inventory = Inventory.empty
    inventory.setCard(
      Card(
        adapter: 5, hardwareType: HardwareType(rawValue: 14), functions: mode.functions,
        attributes: ["serialnr": "93AA0005"]), adapter: 5)
    for domain in UInt8(4)...5 {
      let apqn = APQN(adapter: 5, domain: domain)
      inventory.setQueue(Queue(apqn: apqn, driver: DriverName.vfioAP), apqn: apqn)
      for (minute, text) in keys.enumerated() {
        inventory.keyLedger.apply(
          .register(
            KeyDomain("93AA0005", domain, mode), KeyRegister(kind, .current),
            text.isEmpty ? KeyContent(.invalid) : KeyContent(.valid, KeyPattern(text)),
            read: time(minute)))
      }
    }
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "/r/5.rules", text: rules)])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    let table = DecisionTable(rules: set, inventory: inventory, host: HostIdentity())
    let plan = Planner(
      inventory: inventory, decisions: table, ownership: Ownership(), context: PlanningContext()
    ).plan(by: .override)
    let alarms = KeyAlarm.alarms(on: inventory, by: table)
    #expect(plan.warnings.compactMap(\.keyAlarm) == alarms)
    // It moves nothing.
    #expect(plan.isEmpty)
    return alarms
  }

  private static let first = "0x1111111111111111"
  private static let second = "0x2222222222222222"

  private func rule(_ expected: String, kind: String = "aes") -> String {
    "DOMAIN==\"4-5\", RESERVE=\"vfio_ap\", EXPECT_MKVP{\(kind)}=\"\(expected)\"\n"
  }

  @Test func `names the queues, what they have, and what their rule expects`() throws {
    let alarm = try #require(try alarms(rule(Self.first), keys: [Self.second]).first)
    #expect(alarm.cause == .unexpected)
    #expect(
      alarm.description
        == "05.0004, 05.0005 have the AES master key 0x2222222222222222, and /r/5.rules:1 expects "
        + "\"0x1111111111111111\"")
  }

  @Test func `has the key of before`() throws {
    let alarms = try alarms(rule(Self.first), keys: [Self.first, Self.second])
    #expect(alarms.count == 1)
    #expect(
      alarms.first?.description
        == "05.0004, 05.0005 have the AES master key 0x2222222222222222, and /r/5.rules:1 expects "
        + "\"0x1111111111111111\"; it was found at 2027-01-15T08:01:00Z, and before that, at 2027-01-15T08:00:00Z, it "
        + "was 0x1111111111111111")
  }

  @Test(
    arguments: [
      (first, [first], nil), ("0x1*", [first], nil), ("0x*", [first], nil),
      ("0x*", [""], .unexpected), (first, [""], .unexpected), ("", [""], nil),
      ("", [first], .unexpected),
      // A change is one until the rule names the new key.
      ("0x*", [first, second], .changed), ("0x1*|\(second)", [first, second], nil),
      (first, [second, first], nil), ("0x*", [first, second, first], .changed),
      (first, [], nil),
    ] as [(String, [String], KeyAlarm.Cause?)])
  func `is one for another key than expected or before, and not for an unknown one`(
    expected: String, keys: [String], cause: KeyAlarm.Cause?
  ) throws {
    #expect(try alarms(rule(expected), keys: keys).first?.cause == cause)
  }

  @Test func `concerns only kinds of keys that the card has, and the rule that decides`() throws {
    #expect(try alarms(rule("0x*", kind: "ep11"), keys: [Self.first]) == [])
    let long = "0x" + String(repeating: "1", count: 64)
    #expect(
      try alarms(rule("0x2*", kind: "ep11"), keys: [long], mode: .ep11, kind: .ep11).count == 1)
    let later = "APQN==\"05.0004\", RESERVE=\"vfio_ap\"\n"
    #expect(
      try alarms(rule(Self.first) + later, keys: [Self.second]).map(\.apqns)
        == [[APQN(adapter: 5, domain: 5)]])
  }
}
