import APBus
import SimulatedBus
import Testing
import Uevents

/// Two queues on one adapter of Linux 7.2, seen through an injector of faults.
private final class FaultyMachine {
  private let machine: Machine
  let injector: FaultInjector
  private(set) var headers: [String] = []
  private(set) var overruns = 0

  init(_ faults: InjectedFault..., seed: UInt64 = 0, domains: [UInt8] = [4, 0x47]) {
    machine = Machine(.override72, adapters: [5], domains: domains)
    injector = FaultInjector(machine.bus, plan: FaultPlan(faults, seed: seed))
    injector.onUevent = { [unowned self] in
      headers.append("\($0.action.rawValue) \($0.devicePath.split(separator: "/").last ?? "")")
    }
    injector.onOverrun = { [unowned self] in overruns += 1 }
  }

  /// `ok`, or the call that failed and its error.
  func write(_ text: String, _ path: String) throws -> String {
    let place = try #require(SysfsPath(text: path))
    do throws(SysfsError) {
      try injector.write(text, to: place)
    } catch {
      return "\(error.operation.rawValue) \(error.errno.name)"
    }
    return "ok"
  }

  /// The text, or the call that failed and its error.
  func read(_ path: String) throws -> String {
    let place = try #require(SysfsPath(text: path))
    do throws(SysfsError) {
      return try injector.read(place)
    } catch {
      return "\(error.operation.rawValue) \(error.errno.name)"
    }
  }

  func driver(_ name: String) -> String? {
    APQN(name).flatMap { injector.bus.driver(of: $0) }
  }
}

private let unbind = "bus/ap/drivers/cex4queue/unbind"
private let first = "05.0004\n"
private let second = "05.0047\n"

@Suite struct `A fault of a call` {
  @Test func `strikes the calls of its numbers among those that fit, and no others`() throws {
    let machine = FaultyMachine(
      .call(.write(to: "/sys/bus/ap/drivers/*/unbind"), .number(2), .fail(.busy)))
    #expect(try machine.write(first, unbind) == "ok")
    #expect(try machine.write("+0\n", "bus/ap/apmask") == "ok")
    #expect(try machine.write(second, unbind) == "write EBUSY")
    #expect(machine.driver("05.0047") == DriverName.cex4queue)
    #expect(try machine.write(second, unbind) == "ok")
  }

  @Test func `can be about the text that is written`() throws {
    let machine = FaultyMachine(
      .call(.write("05.0047", to: "*/unbind"), .every, .fail(.inputOutput)))
    #expect(try machine.write(first, unbind) == "ok")
    #expect(try machine.write(second, unbind) == "write EIO")
    #expect(try machine.write(second, unbind) == "write EIO")
  }

  @Test(arguments: [
    (Errno.noSuchFile, "open ENOENT"), (.permissionDenied, "open EACCES"),
    (.invalidArgument, "write EINVAL"), (.interrupted, "write EINTR"),
  ])
  func `has the error that opening or writing has in the kernel`(errno: Errno, answer: String)
    throws
  {
    let machine = FaultyMachine(.call(.any, .every, .fail(errno)))
    #expect(try machine.write(first, unbind) == answer)
  }

  @Test func `of a write can be a success without effect`() throws {
    let machine = FaultyMachine(.call(.write(to: "*"), .number(1), .ignore))
    #expect(try machine.write(first, unbind) == "ok")
    #expect(machine.driver("05.0004") == DriverName.cex4queue)
  }

  @Test func `can show a driver link that exists for an instant`() throws {
    let machine = FaultyMachine(
      .call(
        CallPattern([.readLink], path: "/sys/bus/ap/devices/05.0004/driver"), .number(1),
        .answer("vfio_ap")))
    let link = SysfsPath.queue(try #require(APQN("05.0004")), "driver")
    #expect(try machine.injector.readLink(link) == "vfio_ap")
    #expect(try machine.injector.readLink(link) == "cex4queue")
  }

  @Test func `can be a pause in which the machine changes`() throws {
    let machine = FaultyMachine(.call(.write(to: "*"), .number(1), .delay(.seconds(20))))
    var pauses: [Duration] = []
    machine.injector.onDelay = { call, pause in
      pauses.append(pause)
      #expect(call.description == "write 05.0004 > /sys/bus/ap/drivers/cex4queue/unbind")
      machine.injector.bus.unplug(card: 5)
    }
    #expect(try machine.write(first, unbind) == "write ENODEV")
    #expect(pauses == [.seconds(20)])
  }

  @Test(arguments: [
    (CallEffect.Moment.before, "open ENOENT"), (.during, "read ENODEV"), (.after, "1\n"),
  ])
  func `can take the device away before, during and after a read`(
    moment: CallEffect.Moment, answer: String
  ) throws {
    let machine = FaultyMachine(
      .call(.read("*/05.0004/config"), .number(1), .vanish(moment)))
    #expect(try machine.read("devices/ap/card05/05.0004/config") == answer)
    #expect(machine.driver("05.0004") == nil)
    #expect(machine.driver("05.0047") == DriverName.cex4queue)
    #expect(machine.headers == ["unbind 05.0004", "remove 05.0004"])
  }

  @Test(arguments: [
    (CallEffect.Moment.before, "write ENODEV"), (.during, "write ENODEV"), (.after, "ok"),
  ])
  func `can take away the device that is named to a driver`(
    moment: CallEffect.Moment, answer: String
  ) throws {
    let machine = FaultyMachine(.call(.write(to: "*/unbind"), .number(1), .vanish(moment)))
    #expect(try machine.write(first, unbind) == answer)
    #expect(try machine.read("devices/ap/card05/05.0004/config") == "open ENOENT")
  }

  @Test func `can exchange the device for another of its name`() throws {
    let machine = FaultyMachine(
      .call(.write(to: "*/drivers_probe"), .number(1), .replace(.before)))
    let override = "devices/ap/card05/05.0004/driver_override"
    #expect(try machine.write("vfio_ap\n", override) == "ok")
    #expect(try machine.write(first, unbind) == "ok")
    #expect(try machine.write(first, "bus/ap/drivers_probe") == "ok")
    #expect(machine.driver("05.0004") == DriverName.cex4queue)
    #expect(try machine.read(override) == "\n")
    // The first device took its override along: the count stays too high (SimulatedBus documentation,
    // "Overrides").
    #expect(try machine.write("-1\n", "bus/ap/apmask") == "write EINVAL")
  }

  @Test func `strikes alone where several fit, the first of the plan`() throws {
    let machine = FaultyMachine(
      .call(.write(to: "*"), .number(2), .fail(.busy)),
      .call(.write(to: "*"), .every, .fail(.inputOutput)))
    #expect(try machine.write(first, unbind) == "write EIO")
    #expect(try machine.write(first, unbind) == "write EBUSY")
    #expect(machine.injector.pendingFaults.isEmpty)
  }

  @Test func `that has not occurred yet is reported`() throws {
    let machine = FaultyMachine(.call(.write(to: "*"), .number(2), .fail(.busy)))
    #expect(try machine.write(first, unbind) == "ok")
    #expect(machine.injector.pendingFaults == [0])
  }
}

@Suite struct `A sweep` {
  /// The calls of a small scenario, and how it ends when the call of that index fails.
  private func run(failing index: UInt64?) throws -> (calls: [String], answers: [String]) {
    let machine = FaultyMachine()
    if let index { machine.injector.plan = FaultPlan([.call(index, fails: .inputOutput)]) }
    var calls: [String] = []
    machine.injector.onCall = { calls.append($0.description) }
    let answers = [
      try machine.read("bus/ap/apmask").isEmpty ? "" : "read",
      try machine.write(first, unbind),
      try machine.read("devices/ap/card05/05.0004/config"),
    ]
    #expect(machine.injector.callCount == UInt64(calls.count))
    return (calls, answers)
  }

  @Test func `fails each call of a scenario in turn by its index`() throws {
    let clean = try run(failing: nil)
    #expect(
      clean.calls == [
        "read /sys/bus/ap/apmask", "write 05.0004 > /sys/bus/ap/drivers/cex4queue/unbind",
        "read /sys/devices/ap/card05/05.0004/config",
      ])
    for index in clean.calls.indices {
      let answers = try run(failing: UInt64(index + 1)).answers
      for other in answers.indices where other != index {
        #expect(answers[other] == clean.answers[other])
      }
    }
    #expect(try run(failing: 2).answers[1] == "write EIO")
  }
}

@Suite struct `A fault of an event` {
  private let script = ["unbind 05.0004", "bind 05.0004", "unbind 05.0047", "bind 05.0047"]

  private func play(_ fault: InjectedFault) throws -> FaultyMachine {
    let machine = FaultyMachine(fault)
    for name in [first, second] {
      #expect(try machine.write(name, unbind) == "ok")
      #expect(try machine.write(name, "bus/ap/drivers_probe") == "ok")
    }
    return machine
  }

  @Test func `can lose it`() throws {
    let machine = try play(.event(EventPattern("bind@*"), .number(1), .lose))
    #expect(machine.headers == [script[0], script[2], script[3]])
  }

  @Test func `can send it twice`() throws {
    let machine = try play(.event(EventPattern("*/05.0047"), .number(1), .duplicate))
    #expect(machine.headers == [script[0], script[1], script[2], script[2], script[3]])
  }

  @Test func `can change the order`() throws {
    let machine = try play(.event(.any, .number(1), .postpone(2)))
    #expect(machine.headers == [script[1], script[2], script[0], script[3]])
  }

  @Test func `can hold it back until it is released`() throws {
    let machine = try play(.event(.any, .number(4), .postpone(2)))
    #expect(machine.headers == Array(script[..<3]))
    machine.injector.releasePostponedEvents()
    #expect(machine.headers == script)
  }

  @Test func `can overrun the receiver, which is reported once`() throws {
    let machine = try play(.event(.any, .number(2), .overrun(2)))
    #expect(machine.headers == [script[0], script[3]])
    #expect(machine.overruns == 1)
    #expect(machine.injector.eventCount == 4)
  }

  @Test func `by chance occurs at the same places in every run, and elsewhere with another seed`()
    throws
  {
    func played(_ seed: UInt64) throws -> [String] {
      let machine = FaultyMachine(
        .event(.any, .chance(oneIn: 3), .lose), seed: seed, domains: Array(0...63))
      _ = try machine.write("-5\n", "bus/ap/apmask")
      return machine.headers
    }
    let once = try played(1)
    #expect(try played(1) == once)
    #expect(try played(2) != once)
    #expect((60...110).contains(once.count))
  }
}
