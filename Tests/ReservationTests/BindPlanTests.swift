import APBus
import Reservation
import Testing

@Suite struct `A plan by bind` {
  @Test func `unbinds a wanted queue from the host and binds it to vfio_ap`() throws {
    let plan = try Machine(mechanism: .bind).plan(.bind, #"APQN=="01.0002", RESERVE="vfio_ap""#)
    #expect(
      plan.writes == [
        "01.0002 > /sys/bus/ap/drivers/cex4queue/unbind",
        "01.0002 > /sys/bus/ap/drivers/vfio_ap/bind",
      ])
    #expect(plan.moves == ["01.0002 host>vfio_ap wanted"])
    #expect(plan.refusals.isEmpty)
  }

  @Test func `only binds a wanted queue that has no driver`() throws {
    var machine = Machine(mechanism: .bind)
    try machine.set("01.0002", driver: nil)
    let plan = try machine.plan(.bind, #"APQN=="01.0002", RESERVE="vfio_ap""#)
    #expect(plan.writes == ["01.0002 > /sys/bus/ap/drivers/vfio_ap/bind"])
  }

  @Test func `leaves a wanted queue alone while vfio_ap is not loaded`() throws {
    var machine = Machine(mechanism: .bind)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    let plan = try machine.plan(.bind, #"APQN=="01.0002", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.waiting.map(\.driver) == [DriverName.vfioAP])
  }

  @Test func `never writes hardware below type 10`() throws {
    let plan = try Machine(type: 9, mechanism: .bind).plan(.bind, #"APQN=="*", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals.count == 16)
    #expect(
      plan.refusals.first?.description
        == "00.0000 is hardware type 9; vfio_ap takes only type 10 (CEX4) and newer")
  }

  @Test func `gives back what is owned and no rule requests any more`() throws {
    var machine = Machine(mechanism: .bind)
    try machine.set("01.0002", driver: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 1, domain: 2)]
    let plan = try machine.plan(.bind, #"APQN=="01.0003", RESERVE="unmanaged""#)
    #expect(
      plan.writes == [
        "check again that no mediated device has 01.0002",
        "01.0002 > /sys/bus/ap/drivers/vfio_ap/unbind",
        "01.0002 > /sys/bus/ap/drivers/cex4queue/bind",
      ])
    #expect(plan.moves == ["01.0002 vfio_ap>host givenBack"])
  }

  @Test
  func `adopts what was on vfio_ap before us, and gives to the host what rules decide for it`()
    throws
  {
    var machine = Machine(mechanism: .bind)
    for name in ["01.0002", "01.0003", "02.0002"] {
      try machine.set(name, driver: DriverName.vfioAP)
    }
    let rules = """
      ADAPTER=="1", RESERVE="host"
      APQN=="01.0003", RESERVE="vfio_ap"
      """
    let plan = try machine.plan(.bind, rules)
    #expect(plan.moves == ["01.0002 vfio_ap>host givenBack"])
    #expect(plan.adopted == [APQN(adapter: 2, domain: 2)])
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [1], domains: [2])
    ]
    let refused = try machine.plan(.bind, rules)
    #expect(refused.isEmpty)
    #expect(refused.refusals.map(\.apqn.description) == ["01.0002"])
  }

  @Test func `leaves a queue alone that has no driver and that nobody wants for a guest`() throws {
    var machine = Machine(mechanism: .bind)
    try machine.set("01.0002", driver: nil)
    for rules in [#"APQN=="*", RESERVE="host""#, #"APQN=="01.0003", RESERVE="unmanaged""#] {
      let plan = try machine.plan(.bind, rules)
      #expect(plan.isEmpty)
      // Nor is it one that vfio_ap has.
      #expect(plan.adopted == [])
    }
  }

  @Test func `never takes a queue from a mediated device`() throws {
    var machine = Machine(mechanism: .bind)
    try machine.set("01.0002", driver: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 1, domain: 2)]
    machine.inventory.mediatedDevices = [
      MediatedDevice(
        uuid: "11111111-2222-3333-4444-555555555555", adapters: [1], domains: [2])
    ]
    let plan = try machine.plan(.bind, #"APQN=="*", RESERVE="host""#)
    #expect(plan.isEmpty)
    #expect(
      plan.refusals.map(\.description) == [
        "01.0002 is assigned to mediated device 11111111-2222-3333-4444-555555555555; unassign it "
          + "there first, since its guest would lose all queues of the adapter, or use "
          + Guard.assignedQueue.remedy
      ])
  }

  @Test func `does not give a queue to the host below a card without driver`() throws {
    var machine = Machine(mechanism: .bind)
    try machine.set("01.0002", driver: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 1, domain: 2)]
    var card = try #require(machine.inventory.card(1))
    card.driver = nil
    machine.inventory.setCard(card, adapter: 1)
    let plan = try machine.plan(.bind, #"APQN=="*", RESERVE="host""#)
    #expect(plan.isEmpty)
    #expect(plan.refusals.map(\.reason) == [.cardUnbound])
  }

  @Test func `keeps a queue whose decision hangs on what cannot be read`() throws {
    var machine = Machine(mechanism: .bind)
    try machine.set("01.0002", driver: DriverName.vfioAP)
    machine.ownership.queues = [APQN(adapter: 1, domain: 2)]
    let plan = try machine.plan(.bind, #"CARD{serialnr}=="93AA*", RESERVE="vfio_ap""#)
    #expect(plan.isEmpty)
    #expect(plan.undecidable.count == 16)
  }

  @Test func `is empty once done`() throws {
    var machine = Machine(mechanism: .bind)
    try machine.set("01.0002", driver: DriverName.vfioAP)
    #expect(try machine.plan(.bind, #"APQN=="01.0002", RESERVE="vfio_ap""#).isEmpty)
  }
}
