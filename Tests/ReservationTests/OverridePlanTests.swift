import APBus
import Reservation
import Testing

private let rule = #"APQN=="01.0002", RESERVE="vfio_ap""#
private let queue = APQN(adapter: 1, domain: 2)

@Suite struct `A plan by override` {
  @Test func `writes the override before it unbinds, then lets the bus probe`() throws {
    let plan = try Machine(mechanism: .override).plan(.override, rule)
    #expect(
      plan.writes == [
        "vfio_ap > /sys/devices/ap/card01/01.0002/driver_override",
        "01.0002 > /sys/bus/ap/drivers/cex4queue/unbind",
        "01.0002 > /sys/bus/ap/drivers_probe",
      ])
    #expect(plan.moves == ["01.0002 host>vfio_ap wanted"])
  }

  @Test func `stops before the probe while vfio_ap is not loaded`() throws {
    var machine = Machine(mechanism: .override)
    machine.inventory.bus.drivers.removeAll { $0 == DriverName.vfioAP }
    let plan = try machine.plan(.override, rule)
    #expect(plan.writes.count == 2)
    #expect(plan.moves == ["01.0002 host>none wanted"])
    #expect(plan.waiting.map(\.apqn) == [queue])
    try machine.set("01.0002", driver: nil, driverOverride: "vfio_ap")
    #expect(try machine.plan(.override, rule).isEmpty)
  }

  @Test func `is refused while the masks are in use`() throws {
    var machine = Machine(mechanism: .override)
    machine.inventory.bus.masks?.adapters = [0]
    let plan = try machine.plan(.override, rule)
    #expect(plan.isEmpty)
    #expect(plan.refusals.map(\.reason) == [.masksInUse])
  }

  @Test func `gives back where there are no masks`() throws {
    var machine = Machine(mechanism: .override)
    machine.inventory.bus.masks = nil
    try machine.set("01.0002", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    machine.ownership.queues = [queue]
    #expect(
      try machine.plan(.override, #"ADAPTER=="1", RESERVE="host""#).moves == [
        "01.0002 vfio_ap>host givenBack"
      ])
  }

  @Test func `sets the override of a wanted queue that is on vfio_ap without one`() throws {
    var machine = Machine(mechanism: .override)
    try machine.set("01.0002", driver: DriverName.vfioAP)
    let plan = try machine.plan(.override, rule)
    #expect(plan.writes == ["vfio_ap > /sys/devices/ap/card01/01.0002/driver_override"])
    #expect(plan.moves.isEmpty)
  }

  @Test func `finishes what was interrupted after the override`() throws {
    var machine = Machine(mechanism: .override)
    try machine.set("01.0002", driver: nil, driverOverride: "vfio_ap")
    #expect(
      try machine.plan(.override, rule).writes == ["01.0002 > /sys/bus/ap/drivers_probe"])
  }

  @Test func `clears the override, reads it again, and only then unbinds to give back`() throws {
    var machine = Machine(mechanism: .override)
    try machine.set("01.0002", driver: DriverName.vfioAP, driverOverride: "vfio_ap")
    machine.ownership.queues = [queue]
    #expect(
      try machine.plan(.override, "").writes == [
        "(an empty line) > /sys/devices/ap/card01/01.0002/driver_override",
        "check again that no mediated device has 01.0002",
        "01.0002 > /sys/bus/ap/drivers/vfio_ap/unbind",
        "01.0002 > /sys/bus/ap/drivers_probe",
      ])
  }

  @Test func `takes back its mark from a queue that never left the host`() throws {
    var machine = Machine(mechanism: .override)
    try machine.set("01.0002", driver: DriverName.cex4queue, driverOverride: "vfio_ap")
    machine.ownership.queues = [queue]
    #expect(
      try machine.plan(.override, "").writes
        == ["(an empty line) > /sys/devices/ap/card01/01.0002/driver_override"])
  }

  @Test(arguments: [nil, DriverName.cex4queue])
  func `clears the override of a queue without driver although the host cannot take it`(
    driver: String?
  ) throws {
    var machine = Machine(mechanism: .override)
    machine.inventory.bus.drivers = [driver].compactMap { $0 }
    try machine.change(card: 1) { $0.driver = nil }
    try machine.set("01.0002", driver: nil, driverOverride: "vfio_ap")
    machine.ownership.queues = [queue]
    let plan = try machine.plan(.override, "")
    #expect(
      plan.writes == [
        "(an empty line) > /sys/devices/ap/card01/01.0002/driver_override",
        "check again that no mediated device has 01.0002",
      ])
    #expect(plan.moves.isEmpty)
    #expect(plan.waiting.map(\.apqn) == (driver == nil ? [queue] : []))
    #expect(plan.refusals == (driver == nil ? [] : [Refusal(queue, .cardUnbound)]))
    try machine.set("01.0002", driver: nil)
    #expect(try machine.plan(.override, "").isEmpty)
  }

  @Test func `leaves the override of a queue on vfio_ap as long as the host cannot take it`() throws
  {
    var machine = Machine(mechanism: .override)
    machine.inventory.bus.drivers = [DriverName.vfioAP]
    try machine.set("01.0002", driver: DriverName.vfioAP, driverOverride: "vfio_ap")
    machine.ownership.queues = [queue]
    #expect(try machine.plan(.override, "").isEmpty)
  }

  @Test func `takes no queue on which another process has set an override of its own`() throws {
    var machine = Machine(mechanism: .override)
    try machine.set("01.0002", driver: DriverName.cex4queue, driverOverride: "theirs")
    let plan = try machine.plan(.override, rule)
    #expect(plan.isEmpty)
    #expect(plan.refusals == [Refusal(queue, .overriddenByOthers(driver: "theirs"))])
  }

  @Test func `gives back no queue on which another process has set an override`() throws {
    var machine = Machine(mechanism: .override)
    for driver in [DriverName.vfioAP, nil] {
      try machine.set("01.0002", driver: driver, driverOverride: "theirs")
      machine.ownership.queues = [queue]
      let plan = try machine.plan(.override, "")
      #expect(plan.isEmpty)
      #expect(plan.refusals == [Refusal(queue, .overriddenByOthers(driver: "theirs"))])
    }
  }
}
