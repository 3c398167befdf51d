import AdjunctProcessor
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Sysfs
import TestSupport
import Testing

/// Any rules on any machine, many times over, from a seed.
@Suite struct `A plan that is done` {
  /// A machine of a few unequal cards with gaps, and what happens to it.
  private struct Scene {
    var generator: SeededGenerator
    let mechanism: Mechanism

    mutating func number(_ range: ClosedRange<Int>) -> Int {
      Int.random(in: range, using: &generator)
    }

    mutating func chance(_ percent: Int) -> Bool { number(1...100) <= percent }

    mutating func bus() -> SimulatedBus {
      let bus = SimulatedBus(behavior: .kernel(for: mechanism))
      for domain in UInt8(0)...4 where chance(80) { bus.addDomain(domain, quietly: true) }
      for adapter in UInt8(0)...4 where chance(80) {
        // Hardware below type 10 has no devices on the newest kernels.
        let oldest = mechanism == .override ? 10 : 8
        let type = chance(70) ? 13 : number(oldest...14)
        bus.plug(card: Stage.card(adapter, type: UInt8(type)), quietly: true)
      }
      for _ in 0..<number(0...4) {
        let apqn = APQN(adapter: UInt8(number(0...4)), domain: UInt8(number(0...4)))
        bus.unplugQueue(apqn, quietly: true)
      }
      bus.scan()
      bus.loadModule(.zcryptCex4)
      bus.loadModule(.vfioAP)
      for _ in 0..<number(0...3) {
        let name = "0\(number(0...4)).000\(number(0...4))"
        try? bus.write(name, to: .driver(DriverName.cex4queue, "unbind"))
      }
      return bus
    }

    private mutating func clause() -> String {
      switch number(0...5) {
      case 0: "ADAPTER==\"\(number(0...4))\""
      case 1: "DOMAIN==\"\(number(0...4))\""
      case 2: "APQN==\"0\(number(0...4)).000\(number(0...4))\""
      case 3: "ADAPTER!=\"\(number(0...4))\""
      case 4: "HWTYPE==\"\(number(10...14))-\""
      default: "DOMAIN==\"\(number(0...2))-\(number(2...5))\""
      }
    }

    mutating func rules() -> String {
      (0..<number(0...4)).map { _ in
        var parts = (0..<number(1...2)).map { _ in clause() }
        let reserve = ["vfio_ap", "vfio_ap", "vfio_ap", "host", "unmanaged"][number(0...4)]
        parts.append("RESERVE\(chance(20) ? ":=" : "=")\"\(reserve)\"")
        if reserve == "vfio_ap", chance(30) { parts.append("COLLATERAL=\"accept\"") }
        return parts.joined(separator: ", ") + "\n"
      }.joined()
    }
  }

  private final class Log: ActivityLog, MonotonicTime {
    var writes: [Step] = []
    var failures: [Failure] = []
    var now = Duration.zero
    var sinceEpoch: Duration { now }

    func record(_ activity: Activity) {
      switch activity {
      case .wrote(let step, _): writes.append(step)
      case .failed(let failure, _): failures.append(failure)
      default: break
      }
    }
  }

  @Test(arguments: Mechanism.allCases)
  func `moves exactly the queues that it shows, and none the second time`(mechanism: Mechanism)
    throws
  {
    var moves = 0
    for seed in UInt64(1)...40 {
      var scene = Scene(generator: SeededGenerator(seed: seed), mechanism: mechanism)
      let bus = scene.bus()
      let log = Log()
      let agent = Agent(
        sysfs: bus, rules: RuleSet(), settings: Agent.Settings(mechanism: mechanism), log: log,
        time: log)
      bus.onUevent = { agent.handle($0) }
      let reader = InventoryReader(sysfs: bus)
      for round in 1...3 {
        let text = scene.rules()
        let rules = try Stage.rules(text)
        let before = try reader.read()
        let decisions = DecisionTable(rules: rules, inventory: before, host: HostIdentity())
        let plan = Planner(inventory: before, decisions: decisions, ownership: agent.ownership)
          .plan(by: mechanism)
        log.writes = []
        agent.replaceRules(rules, isExplicit: true)
        try agent.reconcile()
        let after = try reader.read()
        let place: Comment = "seed \(seed), round \(round), rules:\n\(text)"

        #expect(log.failures == [], place)
        #expect(log.writes == plan.steps.filter { $0.path != nil }, place)
        let targets = Dictionary(uniqueKeysWithValues: plan.changes.map { ($0.apqn, $0.to) })
        for queue in before.queues {
          let expected = targets[queue.apqn] ?? queue.owner
          #expect(after.queue(queue.apqn)?.owner == expected, "\(queue.apqn), \(place)")
        }
        moves += targets.count
        let refused = Set(plan.refusals.map(\.apqn))
        for queue in after.queues {
          let decision = decisions.decision(for: queue.apqn)
          let type = try #require(after.card(queue.apqn.adapter)).hardwareType
          // What is wanted is there or refused; what is wished for the host is never taken.
          if decision.reserve == .vfioAP, !refused.contains(queue.apqn) {
            #expect(queue.owner == .vfioAP, "\(queue.apqn), \(place)")
          }
          // With both drivers loaded nothing is left without one.
          if before.queue(queue.apqn)?.owner != Owner.none {
            #expect(queue.owner != Owner.none, "\(queue.apqn), \(place)")
          }
          if queue.owner == .vfioAP, before.queue(queue.apqn)?.owner == .host {
            #expect(decision.reserve != .host && type.isReservable, "\(queue.apqn), \(place)")
          }
        }

        log.writes = []
        agent.replaceRules(rules, isExplicit: true)
        try agent.reconcile()
        #expect(log.writes == [], place)
        if !log.failures.isEmpty { return }
      }
    }
    #expect(moves > 400)
  }
}
