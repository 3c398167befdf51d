import AdjunctProcessor
import SimulatedBus
import Sysfs
import Testing
import Uevents

@Suite struct `A simulated bus` {
  @Test func `has every queue of a plugged card, bound to the host's driver`() throws {
    let bus = SimulatedBus(behavior: .mask61)
    bus.loadModule(.zcryptCex4)
    bus.addDomain(4, quietly: true)
    bus.plug(card: SimulatedCard(adapter: 5))
    let names = try bus.list(SysfsPath(.bus, "devices"))
    #expect(names == ["card05", "05.0004"])
    #expect(bus.driver(of: APQN(adapter: 5, domain: 4)) == "cex4queue")
  }
}
