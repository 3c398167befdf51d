import APBus
import SimulatedBus
import Testing

@Suite struct `The host's requests on a queue` {
  private let machine = Machine(.mask61)
  private let queue = "bus/ap/devices/05.0004/"

  /// `requestq_count` and `pendingq_count`.
  private var counts: [String?] {
    ["requestq_count", "pendingq_count"].map { machine.read(queue + $0) }
  }

  private func load(_ load: QueueLoad) throws {
    machine.bus.setLoad(load, on: try #require(APQN("05.0004")))
  }

  @Test func `are counted at the queue and summed up at its card`() throws {
    try load(QueueLoad(waiting: 3, pending: 8))
    machine.bus.setLoad(QueueLoad(pending: 2), on: try #require(APQN("05.0047")))
    #expect(counts == ["3", "8"])
    #expect(machine.read("devices/ap/card05/pendingq_count") == "10")
    #expect(machine.read("devices/ap/card05/requestq_count") == "3")
    #expect(machine.read("devices/ap/card06/pendingq_count") == "0")
  }

  @Test func `continue as long as the queue is online`() throws {
    try load(QueueLoad(pending: 8))
    machine.bus.passTime()
    #expect(counts == ["0", "8"])
    #expect(machine.read(queue + "request_count") == "16")
    #expect(machine.write("0\n", queue + "request_count") == "ok")
    #expect(machine.read(queue + "request_count") == "0")
  }

  @Test func `are flushed when the queue is switched off, and resume when it is switched on`()
    throws
  {
    try load(QueueLoad(waiting: 3, pending: 8))
    #expect(machine.write("0\n", queue + "online") == "ok")
    #expect(counts == ["0", "0"])
    #expect(machine.write("1\n", queue + "online") == "ok")
    #expect(counts == ["3", "8"])
  }

  @Test func `drain step by step where the adapter is slow`() throws {
    try load(QueueLoad(waiting: 1, pending: 3, drainRate: 2))
    #expect(machine.write("0\n", queue + "online") == "ok")
    #expect(counts == ["1", "3"])
    machine.bus.passTime()
    #expect(counts == ["0", "2"])
    machine.bus.passTime()
    #expect(counts == ["0", "0"])
  }

  @Test func `do not drain while the queue is online`() throws {
    try load(QueueLoad(pending: 3, drainRate: 2))
    machine.bus.passTime()
    #expect(counts == ["0", "3"])
  }

  @Test func `drain when the card is switched off`() throws {
    try load(QueueLoad(pending: 3))
    #expect(machine.write("0\n", "devices/ap/card05/online") == "ok")
    #expect(counts == ["0", "0"])
  }

  @Test func `end when the host's driver gives the queue up`() throws {
    try load(QueueLoad(pending: 3, drainRate: 1))
    #expect(machine.write("-5\n", "bus/ap/apmask") == "ok")
    #expect(machine.driver("05.0004") == DriverName.vfioAP)
    #expect(counts == ["0", "0"])
    #expect(machine.write("+5\n", "bus/ap/apmask") == "ok")
    #expect(counts == ["0", "3"])
  }
}
