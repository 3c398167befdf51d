import APBus
import SimulatedBus
import Testing
import Uevents

/// What holds at the moment of an event, and when completion is reported (SimulatedBus documentation,
/// "Order" and "Completion").
@Suite struct `At the moment of an event` {
  static let kernels = KernelBehavior.kernels.map(\.behavior)

  /// What a look at a queue shows at each of its events: the event, whether it is on the bus, whether it
  /// has a file of every queue, a file of its driver, a directory.
  private func looks(
    _ machine: Machine, at apqn: APQN, during change: (SimulatedBus) -> Void
  ) -> [String] {
    var looks: [String] = []
    machine.bus.onUevent = { [unowned machine] event in
      guard event.devicePath.hasSuffix("/\(apqn)") else { return }
      let bus = machine.bus
      let isOnBus = (try? bus.list(SysfsPath(.bus, "devices")).contains("\(apqn)")) == true
      let hasFiles = (try? bus.read(.queue(apqn, "interrupt"))) != nil
      let hasLink = (try? bus.readLink(.queue(apqn, "subsystem"))) != nil
      let isOfDriver = (try? bus.readLink(.queue(apqn, "driver"))) != nil
      let isThere = (try? bus.list(SysfsPath(.queue(apqn)))) != nil
      let seen = [
        isOnBus ? "bus" : nil, hasFiles ? "files" : nil, hasLink ? "link" : nil,
        isOfDriver ? "driver" : nil, isThere ? "directory" : nil,
      ].compactMap { $0 }
      looks.append("\(event.action.rawValue): \(seen.joined(separator: " "))")
    }
    change(machine.bus)
    machine.bus.onUevent = nil
    return looks
  }

  @Test(arguments: kernels)
  func `add, the device is on the bus with its files; bind, with its driver`(kernel: KernelBehavior)
  {
    let machine = Machine(kernel, adapters: [5], domains: [4])
    let seen = looks(machine, at: APQN(adapter: 7, domain: 4)) {
      $0.plug(card: SimulatedCard(adapter: 7))
    }
    #expect(
      seen == ["add: bus files link directory", "bind: bus files link driver directory"])
  }

  @Test(arguments: kernels)
  func `unbind of a device that is removed, only its directory exists, until remove`(
    kernel: KernelBehavior
  ) {
    let machine = Machine(kernel, adapters: [5], domains: [4])
    let apqn = APQN(adapter: 5, domain: 4)
    let seen = looks(machine, at: apqn) { $0.unplug(card: 5) }
    #expect(seen == ["unbind: directory", "remove: directory"])
    #expect((try? machine.bus.list(SysfsPath(.queue(apqn)))) == nil)
  }

  @Test func `unbind of a device that stays, it is on the bus without its driver`() {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    let seen = looks(machine, at: APQN(adapter: 5, domain: 4)) {
      try? $0.write("05.0004", to: .driver("cex4queue", "unbind"))
    }
    #expect(seen == ["unbind: bus files link directory"])
  }

  @Test func `bind, the files of the driver exist, and a device that is removed cannot be written`()
  {
    let machine = Machine(.mask61, adapters: [5], domains: [4])
    let queue = APQN(adapter: 5, domain: 4)
    var statuses: [String?] = []
    var refusals: [SysfsError.Operation] = []
    machine.bus.onUevent = { [unowned machine] event in
      let bus = machine.bus
      if event.action == .bind { statuses.append(try? bus.read(.queue(queue, "status"))) }
      if event.action == .unbind, event.devicePath.hasSuffix("05.0004") {
        do throws(SysfsError) {
          try bus.write("0", to: .queue(queue, "request_count"))
        } catch {
          refusals.append(error.operation)
        }
      }
    }
    _ = machine.write("-5", "bus/ap/apmask")
    #expect(statuses == ["unassigned\n"])
    #expect(refusals.isEmpty)
    machine.bus.unplug(card: 5)
    #expect(refusals == [.open])
  }

  /// Which kernel sends completion when: SimulatedBus documentation, "Completion".
  @Test(
    arguments: [
      (.everyProbe, ["probe"]), (.everyScan, ["scan", "scan"]), (.endOfScan, ["scan"]),
      (.never, []),
    ] as [(KernelBehavior.CompletionEvents, [String])])
  func `of completion, what made the bus complete is over`(
    events: KernelBehavior.CompletionEvents, expected: [String]
  ) {
    var kernel = KernelBehavior.override72
    kernel.completionEvents = events
    let machine = Machine(kernel, adapters: [5], domains: [4])
    var moment = "probe"
    var found: [String] = []
    machine.bus.onUevent = { if $0["BINDINGS"] != nil { found.append(moment) } }
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    moment = "scan"
    machine.bus.scan()
    machine.bus.scan()
    #expect(found == expected)
  }

  @Test func `of completion, the count is one more, and a queue left unbound suppresses it`() {
    let machine = Machine(.override72, adapters: [5], domains: [4])
    let count = machine.read("bus/ap/bindings_complete_count").flatMap { Int($0) } ?? -1
    var counts: [String?] = []
    machine.bus.onUevent = { if $0["BINDINGS"] != nil { counts.append($0["COMPLETECOUNT"]) } }
    _ = machine.write("05.0004", "bus/ap/drivers/cex4queue/unbind")
    for _ in 0..<3 { machine.bus.scan() }
    // A scan does not try again (4.1), and an unbound queue stays (4.6).
    #expect(machine.driver("05.0004") == "-")
    #expect(counts.isEmpty)
    _ = machine.write("05.0004", "bus/ap/drivers_probe")
    machine.bus.scan()
    #expect(counts == ["\(count + 1)"])
    #expect(machine.read("bus/ap/bindings_complete_count") == "\(count + 1)")
  }
}
