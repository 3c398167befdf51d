import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import TestSupport
import Testing

/// Any rules on any machine, many times over, from a seed.
@Suite struct `A plan that is done` {
  @Test(arguments: Mechanism.allCases)
  func `moves exactly the queues that it shows, and none the second time`(mechanism: Mechanism)
    throws
  {
    var moves = 0
    for seed in Effort.seeds(40, for: .property, of: mechanism.rawValue) {
      ProofReport.count("machines", mechanism.rawValue, in: .property)
      var scene = Scene(generator: SeededGenerator(seed: seed), mechanism: mechanism)
      let bus = scene.bus()
      let log = WriteLog()
      let agent = Agent(
        sysfs: bus, rules: RuleSet(), settings: Agent.Settings(mechanism: mechanism),
        time: TestTime(),
        report: log.note)
      bus.onUevent = { agent.handle($0) }
      let reader = InventoryReader(sysfs: bus)
      for round in 1...3 {
        let text = scene.rules()
        scene.disturb(on: bus)
        agent.scan(.everything)
        let rules = try Stage.rules(text)
        let before = try reader.read()
        // As `apreserve plan` shows it. That even no rules are intended is explicit here.
        let assessment = try Assessment(
          inventory: before, rules: rules, mechanism: mechanism, ownership: agent.ownership,
          context: PlanningContext(policy: GuardPolicy(forced: [.emptyRules])))
        let (decisions, plan) = (assessment.decisions, assessment.plan)
        log.writes = []
        agent.replaceRules(rules, isExplicit: true)
        try agent.reconcile().get()
        let after = try reader.read()
        // What the agent composes step by step is what an assessment composes at once.
        #expect(agent.status.mechanism == assessment.choice)
        let place: Comment = "seed \(seed), round \(round), rules:\n\(text)"

        #expect(log.failures == [], place)
        #expect(log.writes == plan.steps.filter { $0.path != nil }, place)
        let targets = Dictionary(uniqueKeysWithValues: plan.changes.map { ($0.apqn, $0.to) })
        for queue in before.queues {
          let expected = targets[queue.apqn] ?? queue.owner
          #expect(after.queue(queue.apqn)?.owner == expected, "\(queue.apqn), \(place)")
        }
        moves += targets.count
        ProofReport.count("plans executed", in: .property)
        ProofReport.count("writes", adding: log.writes.count, in: .property)
        ProofReport.count("queues moved as promised", adding: targets.count, in: .property)
        ProofReport.count("queues refused", adding: plan.refusals.count, in: .property)
        let refused = Set(plan.refusals.map(\.apqn))
        for queue in after.queues {
          let decision = decisions.decision(for: queue.apqn)
          let type = try #require(after.card(queue.apqn.adapter)).hardwareType
          // What is wanted is there or refused; what is requested for the host is never taken.
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
        try agent.reconcile().get()
        #expect(log.writes == [], place)
        if !log.failures.isEmpty { return }
      }
    }
    // Most rules want something.
    #expect(moves > 0)
  }
}
