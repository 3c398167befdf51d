import APBus
import Glibc
import SimulatedBus
import TestSupport
import Testing

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

  /// Adapters 0...2 and domains 4 and ff; adapter 2 was reserved by another program.
  private func bus(_ mechanism: Mechanism) throws -> SimulatedBus {
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
}
