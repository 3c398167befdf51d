import APBus
import Agent
import Reservation
import SimulatedBus
import Testing
import Uevents

/// Every way in which a queue can need the agent, by every mechanism. Each ends with a look at the
/// machine itself and with what the agent knows: where the kernel alone does the right thing, the
/// agent must still have seen it.
@Suite struct `The agent reserves` {
  private func expectReserved(_ stage: Stage, card: UInt8 = 1, count: Int = 4) throws {
    #expect(try stage.drivers(ofCard: card) == [DriverName.vfioAP])
    #expect(stage.agent.status.phase == .settled)
    #expect(stage.agent.status.requests.count == count)
    #expect(stage.agent.status.requests.reserved == count)
  }

  @Test(arguments: Mechanism.allCases)
  func `what is present at the start`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try expectReserved(stage)
    #expect(!stage.writes.isEmpty)
    #expect(try stage.drivers(ofCard: 0) == [DriverName.cex4queue])
    #expect(stage.agent.status.description == "4 of 4 queues reserved")
  }

  @Test(arguments: Mechanism.allCases)
  func `a card that is plugged later`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, adapters: [0, 2])
    #expect(stage.agent.status.requests.count == 0)
    try stage.happens { $0.plug(card: Stage.card(1)) }
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `a domain that is added later`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.happens { $0.addDomain(9) }
    try expectReserved(stage, count: 5)
  }

  @Test(arguments: Mechanism.allCases)
  func `a queue that another process has bound to the host`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.cex4queue) }
    #expect(!stage.writes.isEmpty)
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `a queue that another process has unbound`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.happens { try $0.write("01.0002", to: .driver(DriverName.vfioAP, "unbind")) }
    #expect(!stage.writes.isEmpty)
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `a queue that was removed and is created again`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    let apqn = APQN(adapter: 1, domain: 2)
    try stage.happens { $0.unplugQueue(apqn) }
    #expect(stage.agent.status.description == "3 of 4 queues reserved, 1 missing")
    try stage.happens { $0.plugQueue(apqn) }
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `a card that was removed and is plugged again`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.happens { $0.unplug(card: 1) }
    #expect(stage.agent.status.description == "0 of 4 queues reserved, 4 missing")
    try stage.happens { $0.plug(card: Stage.card(1)) }
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `a card that is configured off and on`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    let apqn = APQN(adapter: 1, domain: 2)
    try stage.happens { $0.setConfigured(card: 1, to: false) }
    // The kernel of 2018 has neither the attribute nor the event.
    if mechanism == .bind {
      try expectReserved(stage)
    } else {
      #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
      #expect(stage.agent.status.description == "0 of 4 queues reserved, 4 unusable")
      #expect(stage.agent.inventory?.card(1)?.isConfigured == false)
      #expect(stage.agent.inventory?.queue(apqn)?.isConfigured == false)
    }
    try stage.happens { $0.setConfigured(card: 1, to: true) }
    if mechanism != .bind {
      #expect(stage.agent.inventory?.card(1)?.isConfigured == true)
      #expect(stage.agent.inventory?.queue(apqn)?.isConfigured == true)
    }
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `what waited for vfio_ap, when it is loaded late`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, modules: [.zcryptCex4])
    #expect(stage.agent.status.requests.reserved == 0)
    #expect(stage.agent.status.plan?.waiting.count == 4)
    try stage.happens { $0.loadModule(.vfioAP) }
    try expectReserved(stage)
    #expect(stage.agent.status.plan?.waiting.isEmpty == true)
  }

  @Test(arguments: Mechanism.allCases)
  func `everything again when vfio_ap is reloaded`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.happens { try $0.unloadModule(.vfioAP) }
    #expect(stage.agent.status.requests.reserved == 0)
    try stage.happens { $0.loadModule(.vfioAP) }
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `by an attribute that can be read once zcrypt_cex4 is loaded`(mechanism: Mechanism) throws {
    // vfio_ap comes first and finds no queue it may take: on the kernel of 2018 it would take all.
    let stage = try Stage(
      mechanism, rules: #"CARD{serialnr}=="93AA0001", RESERVE="vfio_ap""#, modules: [])
    #expect(stage.agent.status.plan?.undecidable.count == 12)
    try stage.happens { $0.loadModule(.zcryptCex4) }
    #expect(stage.agent.status.plan?.undecidable.isEmpty == true)
    #expect(stage.agent.status.plan?.waiting.count == 4)
    try stage.happens { $0.loadModule(.vfioAP) }
    try expectReserved(stage)
  }

  @Test func `nothing that is requested for the host, in whatever order drivers are loaded`() throws
  {
    // One queue that masks cannot reserve alone, while no queue has a driver yet.
    let rules = """
      APQN=="*", RESERVE="host"
      APQN=="01.0002", RESERVE="vfio_ap"
      """
    let orders: [[SimulatedBus.Module]] = [[.zcryptCex4, .vfioAP], [.vfioAP, .zcryptCex4]]
    for order in orders {
      let stage = try Stage(.mask, rules: rules, modules: [])
      for module in order { try stage.happens { $0.loadModule(module) } }
      for card in UInt8(0)...2 {
        #expect(try stage.drivers(ofCard: card) == [DriverName.cex4queue])
      }
      #expect(stage.agent.status.plan?.refusals.map(\.apqn.description) == ["01.0002"])
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `what other rules want, and gives back what they do not`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="2", RESERVE="vfio_ap""#))
    }
    try expectReserved(stage, card: 2)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
  }

  @Test(arguments: Mechanism.allCases)
  func `nothing twice: a scan that finds everything in place writes nothing`(mechanism: Mechanism)
    throws
  {
    let stage = try Stage(mechanism)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(stageRule)) }
    #expect(stage.writes.isEmpty)
    try expectReserved(stage)
  }

  @Test(arguments: Mechanism.allCases)
  func `nothing on an event that says nothing of AP queues`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    let before = stage.bus.sequenceNumber
    stage.agent.handle(.init(.add, "/devices/pci0000:00/0000:00:01.0", subsystem: "pci"))
    #expect(BusObject(path: "/devices/apx/card01") == nil)
    try stage.settle()
    #expect(stage.bus.sequenceNumber == before)
  }
}

@Suite struct `The agent gives back` {
  @Test(arguments: [Mechanism.mask, .override])
  func `a queue as soon as its guest has ended`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    let uuid = "11111111-2222-3333-4444-555555555555"
    try stage.happens { bus in
      try bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
      try bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
      try bus.write("2", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
    }
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(""), isExplicit: true) }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(stage.agent.status.plan?.refusals.map(\.apqn.description).contains("01.0002") == true)
    try stage.happens { try $0.write("1", to: SysfsPath(.mediatedDevice(uuid), "remove")) }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
  }
}

/// A bus whose module is not loaded yet.
private final class LateBus: Sysfs {
  let bus: SimulatedBus
  var isThere = false

  init(_ bus: SimulatedBus) {
    self.bus = bus
  }

  private func check(_ operation: SysfsError.Operation, _ path: SysfsPath) throws(SysfsError) {
    guard isThere else { throw SysfsError(operation, path, errno: .noSuchFile) }
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try check(.open, path)
    return try bus.read(path)
  }
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try check(.readLink, path)
    return try bus.readLink(path)
  }
  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try check(.open, path)
    return try bus.list(path)
  }
  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    try check(.open, path)
    try bus.write(text, to: path)
  }
}

private let stageRule = #"ADAPTER=="1", RESERVE="vfio_ap""#

@Suite struct `The agent waits` {
  @Test func `for the first scan of the bus before it decides anything`() throws {
    let stage = try Stage(.mask, adapters: [])
    let bus = SimulatedBus(behavior: .mask61)
    let agent = Agent(
      sysfs: bus, rules: try Stage.rules(stageRule), time: stage.time, report: stage.note)
    try agent.reconcile().get()
    #expect(agent.status.phase == .beforeFirstScan)
    #expect(agent.status.description == "waiting for the first scan of the AP bus")
    bus.onUevent = { agent.handle($0) }
    bus.addDomain(0, quietly: true)
    bus.plug(card: Stage.card(1))
    bus.loadModule(.zcryptCex4)
    bus.loadModule(.vfioAP)
    try agent.reconcile().get()
    #expect(agent.status.requests.reserved == 1)
  }

  @Test func `for the bus itself, and works once it is announced`() throws {
    let stage = try Stage(.mask, rules: "")
    let sysfs = LateBus(stage.bus)
    let agent = Agent(
      sysfs: sysfs, rules: try Stage.rules(stageRule), time: stage.time, report: stage.note)
    try agent.reconcile().get()
    #expect(agent.status.description == "waiting for an AP bus")
    sysfs.isThere = true
    try agent.reconcile().get()
    #expect(agent.status.phase == .withoutBus)
    agent.handle(Uevent(.add, "/bus/ap", subsystem: "bus"))
    try agent.reconcile().get()
    #expect(agent.status.requests.reserved == 4)
  }
}
