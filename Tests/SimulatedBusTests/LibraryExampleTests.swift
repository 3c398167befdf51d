import APBus
import SimulatedBus
import Testing

/// What the library's documentation shows.
@Suite struct `The example of the documentation` {
  @Test func `holds: a queue outside the host's pool is refused by its driver`() throws {
    let bus = SimulatedBus(behavior: .mask61)
    bus.addDomain(4, quietly: true)
    bus.plug(card: SimulatedCard(adapter: 5))
    bus.loadModule(.zcryptCex4)
    bus.loadModule(.vfioAP)
    try bus.write("-5", to: .bus("apmask"))
    let queue = APQN(adapter: 5, domain: 4)
    #expect(bus.driver(of: queue) == "vfio_ap")
    #expect(throws: SysfsError(.write, .driver("cex4queue", "bind"), text: "05.0004", errno: .busy))
    {
      try bus.write("05.0004", to: .driver("cex4queue", "bind"))
    }
  }
}

/// What the documentation shows of scenarios and faults.
@Suite struct `The example of scenarios and faults` {
  @Test func `holds: a queue of a cleared row is bound to vfio_ap`() throws {
    let bus = SimulatedBus(behavior: .mask61)
    #expect(
      try Scenario(
        text: """
          domain add 4
          card add 5
          load zcrypt_cex4
          load vfio_ap
          write -5 > /sys/bus/ap/apmask
            05.0004 driver: vfio_ap
          """
      ).run(on: bus) == [])
    let injector = FaultInjector(bus, plan: FaultPlan([.call(3, fails: .busy)]))
    _ = try injector.read(.bus("apmask"))
    _ = try injector.read(.bus("aqmask"))
    #expect(throws: SysfsError.self) { try injector.read(.bus("bindings")) }
  }
}
