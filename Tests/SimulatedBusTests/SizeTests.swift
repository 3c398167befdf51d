import APBus
import SimulatedBus
import Testing

/// The architecture's whole space, and machines of unequal cards.
@Suite struct `A machine` {
  @Test func `of all 65,536 queues is bound, moved by one mask and moved back`() throws {
    let bus = SimulatedBus(behavior: .mask61)
    for domain in UInt8.min...UInt8.max { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8.min...UInt8.max {
      bus.plug(card: SimulatedCard(adapter: adapter), quietly: true)
    }
    bus.scan()
    SimulatedBus.Module.allCases.forEach(bus.loadModule)
    #expect(try bus.read(.bus("bindings")) == "65536/65536 (complete)\n")
    let before = bus.sequenceNumber
    try bus.write("0x0", to: .bus("apmask"))
    #expect(bus.storedQueues.count == 65_536)
    // For each queue unbind, BINDINGS and bind; for the mask one.
    #expect(bus.sequenceNumber - before == 3 * 65_536 + 1)
    try bus.write(APMask.all.description, to: .bus("apmask"))
    #expect(bus.storedQueues.isEmpty)
  }

  @Test func `of unequal cards has each card's type, mode and gaps`() throws {
    let machine = Machine(.mask61, adapters: [], domains: [])
    let cards: [(adapter: UInt8, type: UInt8, mode: QueueMode, domains: APMask)] = [
      (0x02, 8, .accelerator, [4]), (0x05, 11, .cca, [4, 0x47]), (0x0a, 13, .ep11, [0x47]),
      (0x40, 14, .accelerator, [4, 8, 0xff]),
    ]
    for (adapter, type, mode, domains) in cards.reversed() {
      let card = SimulatedCard(
        adapter: adapter, hardwareType: HardwareType(rawValue: type), mode: mode)
      machine.bus.plug(card: card, domains: domains, quietly: true)
    }
    machine.bus.scan()
    #expect(
      try machine.bus.list(SysfsPath(.bus, "devices")) == [
        "card02", "02.0004", "card05", "05.0004", "05.0047", "card0a", "0a.0047", "card40",
        "40.0004", "40.0008", "40.00ff",
      ])
    #expect(machine.driver("02.0004") == "-")
    #expect(machine.driver("card02") == "-")
    #expect(machine.read("bus/ap/bindings") == "6/7")
    #expect(machine.read("bus/ap/devices/card0a/type") == "CEX7P")
    #expect(machine.read("bus/ap/devices/card40/type") == "CEX8A")
    #expect(machine.read("bus/ap/devices/card40/serialnr") == nil)
    #expect(machine.read("bus/ap/devices/0a.0047/op_modes") == "")
    machine.bus.plugQueue(APQN(adapter: 0x0a, domain: 4))
    machine.bus.unplugQueue(APQN(adapter: 0x40, domain: 8))
    #expect(machine.driver("0a.0004") == "cex4queue")
    #expect(machine.driver("40.0008") == "-")
    #expect(machine.read("bus/ap/bindings") == "6/7")
  }

  @Test func `of Linux 7.2 has no devices below type 10`() {
    let machine = Machine(.override72)
    machine.bus.plug(card: SimulatedCard(adapter: 2, hardwareType: HardwareType(rawValue: 8)))
    // The new adapter alone makes completion worth telling again (3.5).
    #expect(machine.events == ["change ap BINDINGS=complete"])
    #expect(machine.write("02.0004", "bus/ap/drivers/vfio_ap/bind") == "ENODEV")
  }

  @Test func `forgets an adapter whose last queue falls silent, and a queue without an adapter`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    machine.bus.unplugQueue(APQN(adapter: 5, domain: 4))
    #expect(machine.events.last == "remove card05")
    machine.forget()
    machine.bus.plugQueue(APQN(adapter: 9, domain: 4))
    #expect(machine.events.isEmpty)
    machine.bus.plugQueue(APQN(adapter: 5, domain: 4))
    #expect(machine.driver("05.0004") == "cex4queue")
  }
}
