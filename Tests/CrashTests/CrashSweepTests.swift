import APBus
import Glibc
import SimulatedBus
import TestSupport
import Testing
import Uevents

/// The agent is killed before and after each write and each record; the bus and the record outlive it.
@Suite(.serialized) struct `An agent that is killed` {
  /// What is held when the process is killed, and what was held before.
  struct Crash: Sendable, CustomTestStringConvertible {
    var mechanism: Mechanism
    var before: String
    var rules: String

    var testDescription: String { "\(mechanism.rawValue): \(before) -> \(rules)" }

    static let all: [Crash] = Mechanism.allCases.flatMap { mechanism in
      [
        Crash(mechanism: mechanism, before: "", rules: #"ADAPTER=="1", RESERVE="vfio_ap""#),
        Crash(
          mechanism: mechanism, before: #"ADAPTER=="1", RESERVE="vfio_ap""#,
          rules: #"DOMAIN=="4", RESERVE="vfio_ap""#),
        Crash(
          mechanism: mechanism, before: #"ADAPTER=="1", RESERVE="vfio_ap""#,
          rules: #"ADAPTER=="9", RESERVE="host""#),
      ]
    }
  }

  /// Adapters 0...2 and domains 4 and ff; adapter 2 was reserved by another program, unless nothing is.
  private func bus(
    _ mechanism: Mechanism, reservingByOthers: Bool = true
  ) throws -> SimulatedBus {
    let bus = SimulatedBus(behavior: .kernel(for: mechanism))
    for domain in [4, 0xff] as [UInt8] { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8(0)...2 {
      bus.plug(
        card: SimulatedCard(adapter: adapter, hardwareType: HardwareType(rawValue: 13)),
        quietly: true)
    }
    bus.scan()
    bus.loadModule(.zcryptCex4)
    bus.loadModule(.vfioAP)
    guard reservingByOthers else { return bus }
    if mechanism == .mask { try bus.write("-2", to: .bus("apmask")) }
    for name in ["02.0004", "02.00ff"] where mechanism != .mask {
      if mechanism == .override, let apqn = APQN(name) {
        try bus.write("vfio_ap", to: .queue(apqn, "driver_override"))
      }
      try bus.write(name, to: .driver(DriverName.cex4queue, "unbind"))
      try bus.write(name, to: .driver(DriverName.vfioAP, "bind"))
    }
    return bus
  }

  /// Everything but what the kernel counts.
  private func state(_ bus: SimulatedBus) throws -> Inventory {
    var inventory = try InventoryReader(sysfs: bus).read()
    inventory.bus.bindingsCompleteCount = nil
    return inventory
  }

  @Test(arguments: Crash.all)
  func `is followed by one that ends its work and gives back nothing that is not its own`(
    _ crash: Crash
  ) throws {
    // Undisturbed first: how it should end, and how many moments there are.
    let directory = try TemporaryTree()
    let untouched = try state(try bus(crash.mechanism))
    let model = AgentProcess(
      bus: try bus(crash.mechanism), state: try directory.directory("model"),
      mechanism: crash.mechanism)
    try #require(try model.run(rules: crash.before).status == 0)
    let undisturbed = try model.run(rules: crash.rules)
    try #require(undisturbed.status == 0 && undisturbed.moments > 0)
    let goal = try state(model.bus)
    let stride = Effort.isDeep ? 1 : 3
    ProofReport.count("scenarios", in: .crashSweep)
    ProofReport.count("moments in them", adding: undisturbed.moments, in: .crashSweep)
    for moment in 1...undisturbed.moments where moment % stride == 0 || moment <= 2 {
      let process = AgentProcess(
        bus: try bus(crash.mechanism), state: try directory.directory("\(moment)"),
        mechanism: crash.mechanism)
      try #require(try process.run(rules: crash.before).status == 0)
      let end = try process.run(rules: crash.rules, killedAt: moment)
      #expect(end.status == 128 + Int(SIGKILL), "moment \(moment)")
      let killedAt = try #require(end.killedAt, "moment \(moment)")
      // A new one ends the work.
      let next = try process.run(rules: crash.rules)
      #expect(next.status == 0, "moment \(moment)")
      #expect(try state(process.bus) == goal, "moment \(moment) of \(undisturbed.moments)")
      // Another one has nothing to do; and without rules everything owned is given back, and nothing else.
      #expect(try process.run(rules: crash.rules).writes == 0, "moment \(moment)")
      #expect(try process.run(rules: "").status == 0)
      #expect(try state(process.bus) == untouched, "moment \(moment), given back")
      ProofReport.count("crashes survived", killedAt.rawValue, in: .crashSweep)
    }
  }

  /// A changeover that is killed, on a machine with adapters 0...2 and domains 4 and ff. Domain ff of adapter 2 is
  /// locked to the host.
  struct Changeover: Sendable, CustomTestStringConvertible {
    var target: Mechanism
    var rules: String
    /// The queues that a mediated device with a guest has.
    var guest: [String] = []
    /// Whether a guest is started with `guest` only after the process was killed.
    var isLate = false

    var testDescription: String {
      "to \(target.rawValue): \(rules)"
        + (guest.isEmpty ? "" : ", \(isLate ? "then a" : "with a") guest that has \(guest)")
    }

    private static let lock = "\n" + #"APQN=="00.*|02.00ff", RESERVE:="host""#
    private static let row = #"ADAPTER=="1", RESERVE="vfio_ap""# + lock
    private static let lShape =
      #"ADAPTER=="1", RESERVE="vfio_ap""# + "\n" + #"DOMAIN=="4", RESERVE="vfio_ap""#

    static let all = [
      Changeover(target: .override, rules: row),
      Changeover(target: .override, rules: lShape),
      Changeover(target: .override, rules: row, guest: ["01.0004"], isLate: true),
      Changeover(target: .override, rules: lShape, guest: ["02.0004"], isLate: true),
      Changeover(target: .mask, rules: row),
      Changeover(target: .mask, rules: lShape),
      Changeover(target: .mask, rules: row, guest: ["01.0004", "01.00ff"]),
      Changeover(target: .mask, rules: lShape, guest: ["00.0004"]),
      Changeover(target: .mask, rules: lShape, guest: ["01.00ff"], isLate: true),
    ]
  }

  /// Counts what must never happen, whatever is killed when.
  private final class Watch {
    /// Queues of guests that were taken from them.
    var lost: [String] = []
    /// Queues on `vfio_ap` that are locked to the host.
    var taken: [String] = []
    var guest: Set<String> = []

    init(_ bus: SimulatedBus, rules: String) {
      let locked = rules.contains(":=") ? ["00.0004", "00.00ff", "02.00ff"] : []
      bus.onUevent = { [unowned self] event in
        let name = event.devicePath.split(separator: "/").last.map(String.init) ?? ""
        switch event.action {
        case .unbind where guest.contains(name): lost.append(name)
        case .bind
        where locked.contains(name)
          && event.properties.contains(.init("DRIVER", DriverName.vfioAP)):
          taken.append(name)
        default: break
        }
      }
    }
  }

  /// Starts a guest with these queues of one adapter, if the kernel lets a device have them. True if it does.
  private func startGuest(_ names: [String], on bus: SimulatedBus) throws -> Bool {
    let uuid = "11111111-2222-3333-4444-555555555555"
    try bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
    let apqns = names.compactMap { APQN($0) }
    do throws(SysfsError) {
      for apqn in apqns {
        try bus.write(
          "\(apqn.adapter)", to: SysfsPath(.mediatedDevice(uuid), "assign_adapter"))
        try bus.write("\(apqn.domain)", to: SysfsPath(.mediatedDevice(uuid), "assign_domain"))
      }
    } catch {
      try bus.write("1", to: SysfsPath(.mediatedDevice(uuid), "remove"))
      return false
    }
    try bus.startGuest(uuid)
    return true
  }

  @Test(arguments: Changeover.all)
  func `in a changeover is followed by one that ends it or takes it back`(_ change: Changeover)
    throws
  {
    let directory = try TemporaryTree()
    let wanted = Set(
      change.rules.contains("DOMAIN")
        ? ["00.0004", "01.0004", "01.00ff", "02.0004"] : ["01.0004", "01.00ff"])
    func start(_ name: String) throws -> (AgentProcess, Watch) {
      let bus = try self.bus(.override, reservingByOthers: false)
      let watch = Watch(bus, rules: change.rules)
      let state = try directory.directory(name)
      let before = AgentProcess(
        bus: bus, state: state, mechanism: change.target == .mask ? .override : .mask)
      try #require(try before.run(rules: change.rules).status == 0)
      let process = AgentProcess(bus: bus, state: state, mechanism: nil)
      try #require(try process.run(rules: change.rules).writes == 0)
      if !change.isLate, !change.guest.isEmpty {
        try #require(try startGuest(change.guest, on: bus))
        watch.guest = Set(change.guest)
      }
      return (process, watch)
    }
    let (model, watch) = try start("model")
    let before = try state(model.bus)
    let undisturbed = try model.run(rules: change.rules, changingOverTo: change.target)
    try #require(undisturbed.status == 0 && undisturbed.moments > 0)
    let goal = try state(model.bus)
    #expect(goal != before && watch.lost == [] && watch.taken == [])
    let stride = Effort.isDeep ? 1 : 3
    ProofReport.count("changeovers", in: .crashSweep)
    ProofReport.count("moments in them", adding: undisturbed.moments, in: .crashSweep)
    for moment in 1...undisturbed.moments where moment % stride == 0 || moment <= 4 {
      let place: Comment = "moment \(moment) of \(undisturbed.moments)"
      let (process, watch) = try start("\(moment)")
      let end = try process.run(
        rules: change.rules, changingOverTo: change.target, killedAt: moment)
      let killedAt = try #require(end.killedAt, place)
      var hasGuest = false
      if change.isLate, try startGuest(change.guest, on: process.bus) {
        hasGuest = true
        watch.guest = Set(change.guest)
      }
      #expect(try process.run(rules: change.rules).status == 0, place)
      let reached = try state(process.bus)
      if hasGuest {
        // It may be that the rest has to wait for the guest.
        let reserved = Set(
          reached.queues.filter { $0.owner == .vfioAP }.map(\.apqn.description))
        #expect(reserved == wanted, place)
      } else {
        #expect(reached == goal || reached == before, place)
        #expect(reached == goal || end.writes == 0, place)
      }
      #expect(try process.run(rules: change.rules).writes == 0, place)
      #expect(watch.lost == [] && watch.taken == [], place)
      ProofReport.count("crashes survived", killedAt.rawValue, in: .crashSweep)
    }
  }
}
