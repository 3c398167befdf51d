import APBus
import JSONText
import Reservation
import ReservationRules
import Snapshots
import Testing

/// A machine without masks, with a card of type 13 and two queues that are the host's.
private func machine() -> Snapshot {
  var inventory = Inventory.empty
  inventory.bus.drivers = [DriverName.cex4card, DriverName.cex4queue, DriverName.vfioAP]
  inventory.setCard(
    Card(
      adapter: 5, hardwareType: HardwareType(rawValue: 13), functions: QueueMode.cca.functions,
      driver: DriverName.cex4card, attributes: ["serialnr": "93AA"]), adapter: 5)
  for domain in [UInt8(4), 5] {
    let apqn = APQN(adapter: 5, domain: domain)
    inventory.setQueue(
      Queue(apqn: apqn, driver: DriverName.cex4queue, isOnline: true), apqn: apqn)
  }
  return Snapshot(host: HostIdentity(name: "lnx01"), inventory: inventory)
}

private func state(
  _ machine: Snapshot = machine(), rules: String = "ADAPTER==\"5\", RESERVE=\"vfio_ap\""
) -> PlanningState {
  let (set, _) = RuleSet.parse(files: [RuleFile(path: "/r/50.rules", text: rules)])
  return PlanningState(
    machine: machine, rules: RulesInForce(set),
    settings: [AppliedSetting(name: "Mechanism", value: "auto", origin: "default")],
    memory: AgentMemory(), lastSurvey: .boot)
}

private func plan(of state: PlanningState) throws -> Plan {
  try Assessment(inventory: state.machine.inventory, rules: state.rules.rules).plan
}

@Suite struct `A saved plan` {
  private let apqn = APQN(adapter: 5, domain: 4)

  private func text(_ plan: SavedPlan) -> String { plan.json.documentText }

  @Test func `reads back as it was written`() throws {
    let saved = SavedPlan(state: state(), plan: try plan(of: state()))
    #expect(saved.steps.count == 4)
    #expect(saved.steps.first == "05.0004 > /sys/bus/ap/drivers/cex4queue/unbind")
    #expect(try SavedPlan.decode(Array(text(saved).utf8), file: "p") == saved)
  }

  @Test func `is this plan only if its writes are, and contains what is left of it`() throws {
    let whole = try plan(of: state())
    let saved = SavedPlan(state: state(), plan: whole)
    #expect(saved.isEqual(to: whole) && saved.contains(whole))
    var part = whole
    part.operations.removeFirst()
    #expect(!saved.isEqual(to: part) && saved.contains(part))
    #expect(
      saved.differences(to: part).map { $0.prefix(9) }
        == ["- 05.0004", "- 05.0004", "- 05.0004"])
    var other = part
    other.operations.append(
      Operation(.queue(apqn), steps: [.probe(apqn)], changes: []))
    #expect(!saved.contains(other))
    #expect(saved.differences(to: other).last == "+ 05.0004 > /sys/bus/ap/drivers_probe")
  }

  /// One write of a mask moves whatever is on the adapter by then.
  @Test func `is another one if the same writes move other queues`() throws {
    let whole = try plan(of: state())
    let saved = SavedPlan(state: state(), plan: whole)
    var more = whole
    let new = APQN(adapter: 5, domain: 6)
    more.operations[0].changes.append(
      OwnerChange(new, from: .host, to: .vfioAP, cause: .collateral))
    #expect(!saved.isEqual(to: more) && !saved.contains(more))
    #expect(saved.differences(to: more) == ["+ 05.0006 is moved to vfio_ap"])
  }

  @Test func `knows what is not done of it`() throws {
    let saved = SavedPlan(state: state(), plan: try plan(of: state()))
    var inventory = machine().inventory
    #expect(saved.undone(on: inventory).map(\.description) == ["05.0004", "05.0005"])
    inventory.setQueue(Queue(apqn: apqn, driver: DriverName.vfioAP), apqn: apqn)
    #expect(saved.undone(on: inventory).map(\.description) == ["05.0005"])
    inventory.setQueue(nil, apqn: apqn)
    #expect(saved.undone(on: inventory).map(\.description) == ["05.0004", "05.0005"])
  }

  /// A queue under load has requests at one moment, and none at the next.
  @Test func `is the same while a queue has requests to finish`() throws {
    let saved = SavedPlan(state: state(), plan: try plan(of: state()))
    var busy = state()
    var queue = try #require(busy.machine.inventory.queue(apqn))
    queue.pendingRequests = 3
    busy.machine.inventory.setQueue(queue, apqn: apqn)
    let draining = try plan(of: busy)
    #expect(draining.steps.contains(.awaitIdle(apqn)))
    #expect(saved.isEqual(to: draining))
    #expect(PlanningChanges(from: saved.state, to: busy).lines == [])
  }

  @Test func `is refused if it was changed or is something else`() throws {
    let saved = text(SavedPlan(state: state(), plan: try plan(of: state())))
    func message(_ text: String) throws -> String {
      try #require(throws: SavedPlanError.self) {
        try SavedPlan.decode(Array(text.utf8), file: "p.json")
      }.description
    }
    for (old, new) in [
      ("05.0004 > /sys/bus/ap/drivers/cex4queue/unbind", "05.0004 > /sys/bus/ap/apmask"),
      ("\"line\": 1", "\"line\": 2"), ("\"hash\": \"", "\"hash\": \"0"),
    ] {
      try #require(saved.contains(old))
      #expect(
        try message(saved.replacing(old, with: new)).hasPrefix(
          "p.json: hash: this is not the hash of what follows; "))
    }
    #expect(try message("{}").contains("this is not a saved plan; write one with"))
    #expect(try message(machine().encoded()).contains("this is not a saved plan"))
    #expect(
      try message(
        saved.replacing("\"version\": 1,\n  \"hash\"", with: "\"version\": 2,\n  \"hash\"")
      )
      .contains("another version of apreserve has saved this plan"))
    #expect(try message("").hasPrefix("p.json:1:1: "))
  }
}

@Suite struct `What has changed since a plan was made` {
  private let apqn = APQN(adapter: 5, domain: 4)

  private func lines(
    rules: String = "ADAPTER==\"5\", RESERVE=\"vfio_ap\"", _ change: (inout PlanningState) -> Void
  ) -> [String] {
    var new = state(rules: rules)
    change(&new)
    return PlanningChanges(from: state(), to: new).lines
  }

  private func set(
    _ state: inout PlanningState, domain: UInt8 = 4, _ change: (inout Queue) -> Void
  ) {
    let apqn = APQN(adapter: 5, domain: domain)
    guard var queue = state.machine.inventory.queue(apqn) else { return }
    change(&queue)
    state.machine.inventory.setQueue(queue, apqn: apqn)
  }

  @Test func `is nothing where nothing has`() {
    #expect(lines { _ in } == [])
  }

  @Test func `names queues with the same change once`() {
    #expect(
      lines { state in
        for domain in [UInt8(4), 5] { set(&state, domain: domain) { $0.driver = "vfio_ap" } }
      } == ["05.0004, 05.0005  driver cex4queue -> vfio_ap"])
    #expect(lines { set(&$0) { $0.isOnline = false } } == ["05.0004  online 1 -> 0"])
    #expect(
      lines { set(&$0) { $0.driverOverride = "vfio_ap" } }
        == ["05.0004  driver_override none -> vfio_ap"])
    #expect(
      lines { $0.machine.inventory.setQueue(nil, apqn: apqn) } == ["05.0004  removed"])
  }

  /// The agent reads only what it needs.
  @Test func `is not what only one of the two has read`() {
    #expect(
      lines { state in
        set(&state) {
          $0.masterKeys = MasterKeyPattern(registers: ["AES 0x12"])
          $0.pendingRequests = 1
        }
        guard var card = state.machine.inventory.card(5) else { return }
        card.attributes = [:]
        state.machine.inventory.setCard(card, adapter: 5)
      } == [])
  }

  @Test func `has cards, masks, drivers, guests, settings, rules and the record`() {
    #expect(
      lines { state in
        guard var card = state.machine.inventory.card(5) else { return }
        card.isConfigured = false
        card.attributes["serialnr"] = "93BB"
        state.machine.inventory.setCard(card, adapter: 5)
      } == ["card05  config none -> 0", "card05  serialnr 93AA -> 93BB"])
    #expect(
      lines { $0.machine.inventory.bus.drivers.removeLast() }
        == ["drivers  cex4card cex4queue vfio_ap -> cex4card cex4queue"])
    #expect(
      lines { $0.machine.inventory.bus.masks = .all }.map { $0.prefix(16) }
        == ["apmask  none -> ", "aqmask  none -> "])
    #expect(
      lines { $0.machine.inventory.mediatedDevices = [MediatedDevice(uuid: "u1")] }
        == ["mediated device u1  added"])
    #expect(lines { $0.settings[0].value = "mask" } == ["Mechanism  auto -> mask"])
    #expect(lines { $0.settings[0].origin = "command line" } == [])
    #expect(lines { $0.machine.host.name = "lnx02" } == ["host  lnx01 -> lnx02"])
    #expect(
      lines(rules: "ADAPTER==\"6\", RESERVE=\"vfio_ap\"") { _ in }
        == ["rule changed /r/50.rules:1  ADAPTER==\"6\", RESERVE=\"vfio_ap\""])
    #expect(
      lines { $0.machine.ownership.queues = [apqn] } == ["05.0004  now reserved by apreserve"])
    #expect(lines { $0.machine.ownership.seen = APQNSet([apqn]) } == [])
  }
}
