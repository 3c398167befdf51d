import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing

private let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#
private let apqn = APQN(adapter: 1, domain: 2)

extension Agent.Event {
  /// The name of its case.
  fileprivate var kind: String { String("\(self)".prefix { $0 != "(" }) }
}

extension Stage {
  /// The events of the last step of some kind.
  fileprivate func events(_ kind: String) -> [Agent.Event] { events.filter { $0.kind == kind } }
}

@Suite struct `What stays as it is` {
  /// Something that is reported, and a change after which it is another fact, or the same one again.
  struct Fact: CustomTestStringConvertible, Sendable {
    var kind: String
    var mechanism: Mechanism
    var rules: String
    var modules: [SimulatedBus.Module] = [.zcryptCex4, .vfioAP]
    var ends: @Sendable (Stage) throws -> Void
    var returns: @Sendable (Stage) throws -> Void

    var testDescription: String { kind }
  }

  static let facts = [
    Fact(
      kind: "refused", mechanism: .mask, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#,
      ends: { $0.agent.replaceRules(try Stage.rules(#"ADAPTER=="1", RESERVE="host""#)) },
      returns: {
        $0.agent.replaceRules(try Stage.rules(#"APQN=="01.0002", RESERVE="vfio_ap""#))
      }),
    Fact(
      kind: "waiting", mechanism: .bind, rules: rule, modules: [.zcryptCex4],
      ends: { $0.bus.loadModule(.vfioAP) }, returns: { try $0.bus.unloadModule(.vfioAP) }),
    Fact(
      kind: "warned", mechanism: .bind, rules: #"ADAPTER=="0-2", RESERVE="vfio_ap""#,
      ends: { $0.agent.replaceRules(try Stage.rules(#"ADAPTER=="1", RESERVE="host""#)) },
      returns: { $0.agent.replaceRules(try Stage.rules(#"ADAPTER=="0-2", RESERVE="vfio_ap""#)) }),
  ]

  @Test(arguments: facts)
  func `is reported once, and again when it has ended and returns`(fact: Fact) throws {
    let stage = try Stage(fact.mechanism, rules: "", modules: fact.modules)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(fact.rules)) }
    let first = stage.events(fact.kind)
    #expect(!first.isEmpty)
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.events(fact.kind) == [])
    try stage.happens { _ in try fact.ends(stage) }
    #expect(stage.events(fact.kind) == [])
    try stage.happens { _ in try fact.returns(stage) }
    #expect(stage.events(fact.kind) == first)
  }

  @Test func `is a phase, until another one is entered`() throws {
    let stage = try Stage(.bind)
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.events("entered") == [])
    let faults = try Stage(.bind, rules: "")
    let watched = try Watched(.bind, on: faults)
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    watched.sysfs.fault = { _, _ in nil }
    faults.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(
      faults.events("entered").suffix(2) == [
        .entered(.retrying, from: .starting), .entered(.settled, from: .retrying),
      ])
  }

  @Test func `is a queue that no guest can use, until it works again`() throws {
    let stage = try Stage(.bind)
    let unusable = (UInt8(0)...3).map { APQN(adapter: 1, domain: $0) }
    for _ in 0..<2 {
      try stage.happens {
        $0.setCheckStopped(card: 1, to: true)
        stage.agent.scan(.everything)
      }
      #expect(stage.events("warned") == [.warned(.unusable(unusable))])
      try stage.happens { _ in stage.agent.scan(.everything) }
      #expect(stage.events("warned") == [])
      try stage.happens {
        $0.setCheckStopped(card: 1, to: false)
        stage.agent.scan(.everything)
      }
      #expect(stage.events("warned") == [])
    }
  }

  @Test func `names the rule of each request that is refused or waits`() throws {
    let stage = try Stage(.bind, rules: "", modules: [.zcryptCex4])
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules("\n" + #"APQN=="01.0002", RESERVE="vfio_ap""#))
    }
    guard case .waiting(let requests, let driver) = stage.events("waiting").first else {
      Issue.record("nothing waits")
      return
    }
    #expect(driver == DriverName.vfioAP)
    #expect(requests.map(\.apqn) == [apqn])
    #expect(requests.map { $0.rule?.location.line } == [2])
    let masks = try Stage(.mask, rules: "")
    try masks.happens { _ in
      masks.agent.replaceRules(try Stage.rules("\n" + #"APQN=="01.0002", RESERVE="vfio_ap""#))
    }
    guard case .refused(let refusal, let rule) = masks.events("refused").first else {
      Issue.record("nothing is refused")
      return
    }
    #expect(refusal.apqn == apqn)
    #expect(rule?.location.line == 2)
  }

  @Test func `waits for each driver in the order of their names`() throws {
    let stage = try Stage(.bind, rules: "", modules: [])
    // One queue is to be reserved, and another one to be given back.
    let watched = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, on: stage,
      ownership: Ownership(queues: [APQN(adapter: 2, domain: 2)]))
    try watched.agent.reconcile().get()
    let waiting = stage.events("waiting").compactMap { event -> String? in
      guard case .waiting(let requests, let driver) = event else { return nil }
      return "\(driver): \(requests.map(\.apqn))"
    }
    #expect(waiting == ["cex4queue: [02.0002]", "vfio_ap: [01.0002]"])
  }

  @Test func `is the mechanism, until another one is chosen`() throws {
    let stage = try Stage(.override, rules: "", autoMechanism: true)
    #expect(stage.events("chose").count == 1)
    // From the first write on it is kept.
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    #expect(stage.events("chose") == [])
    #expect(stage.agent.status.mechanism?.mechanism == .mask)
    try stage.happens { _ in
      stage.agent.replaceSettings(.init(mechanism: .override, mechanismOrigin: "a.conf:3"))
    }
    guard case .chose(let choice) = stage.events("chose").first else {
      Issue.record("no mechanism was chosen")
      return
    }
    #expect(choice.mechanism == .override)
    #expect(choice.reason == "set by a.conf:3")
    #expect(stage.agent.status.mechanism == choice)
  }

  @Test func `is a queue that is waited for, until it is waited for anew`() throws {
    let stage = try Stage(.bind, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 3, drainRate: 3), on: apqn)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    #expect(stage.events("draining") == [.draining(apqn, requests: 3)])
    try stage.happens { _ in stage.now = try #require(stage.agent.nextDue) }
    #expect(stage.events("draining") == [])
    try stage.happens {
      $0.passTime()
      stage.now = try #require(stage.agent.nextDue)
    }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    stage.bus.setLoad(QueueLoad(pending: 2, drainRate: 0), on: apqn)
    try stage.happens { _ in try stage.moveByShell("01.0002", to: DriverName.cex4queue) }
    #expect(stage.events("draining") == [.draining(apqn, requests: 2)])
  }

  @Test func `is a plan that is tried again`() throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let stage = watched.stage
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    for _ in 0..<3 {
      stage.now = try #require(watched.agent.nextDue)
      try watched.agent.reconcile().get()
    }
    #expect(stage.events("failed").count == 4)
    let plans = stage.events("planned")
    #expect(plans.count == 1)
    guard case .planned(let plan, let moves) = plans.first else { return }
    #expect(plan.changes.map(\.apqn) == [apqn])
    #expect(moves.map(\.apqn) == [apqn])
    #expect(moves.map { $0.rule?.line } == [1])
    // Another plan is.
    watched.sysfs.fault = { _, _ in nil }
    watched.agent.replaceRules(try Stage.rules(#"APQN=="01.0003", RESERVE="vfio_ap""#))
    try watched.agent.reconcile().get()
    #expect(stage.events("planned").count == 2)
  }
}

@Suite struct `A request that nothing but hardware or a person can fulfil` {
  private func changes(_ stage: Stage) -> [Agent.RequestChange] {
    stage.events.flatMap { event -> [Agent.RequestChange] in
      if case .requestsChanged(let changes) = event { changes } else { [] }
    }
  }

  @Test func `is reported once, and again when it is fulfilled`() throws {
    let stage = try Stage(.bind)
    try stage.happens {
      $0.unplugQueue(APQN(adapter: 1, domain: 3))
      $0.unplugQueue(apqn)
    }
    let missing = changes(stage)
    #expect(missing.map(\.apqn.description) == ["01.0002", "01.0003"])
    #expect(missing.map(\.from) == [nil, nil])
    #expect(missing.map(\.reason) == [.domainAbsent(2), .domainAbsent(3)])
    #expect(missing.map { $0.rule?.location.line } == [1, 1])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(changes(stage) == [])
    try stage.happens { $0.plugQueue(apqn) }
    let fulfilled = changes(stage)
    #expect(fulfilled.map(\.apqn) == [apqn])
    #expect(fulfilled.map(\.from) == [.missing])
    #expect(fulfilled.map(\.to) == [.reserved])
  }

  @Test func `is not reported twice where it is refused`() throws {
    let stage = try Stage(.mask, rules: "")
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"APQN=="01.0002", RESERVE="vfio_ap""#))
    }
    #expect(stage.events("refused").count == 1)
    #expect(changes(stage) == [])
  }

  @Test func `is no longer refused, which its new state says, or else an event of its own`() throws
  {
    let stage = try Stage(.mask, rules: #"APQN=="01.0002|02.0003", RESERVE="vfio_ap""#)
    #expect(stage.events("refused").count == 2)
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rule)) }
    #expect(changes(stage).map(\.apqn) == [apqn])
    #expect(changes(stage).map(\.from) == [.refused])
    #expect(stage.events("refusalsEnded") == [.refusalsEnded([APQN(adapter: 2, domain: 3)])])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.events("refusalsEnded") == [])
  }

  @Test func `is over without a word when nothing requests the queue any more`() throws {
    let stage = try Stage(.bind)
    try stage.happens { $0.unplugQueue(apqn) }
    #expect(changes(stage).map(\.apqn) == [apqn])
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"APQN=="01.0001", RESERVE="vfio_ap""#))
    }
    #expect(changes(stage) == [])
  }
}

@Suite struct `While a plan is being done` {
  private func published(pause: Duration, failing: String? = nil) throws -> [String] {
    let stage = try Stage(.bind, rules: "")
    var published: [String] = []
    let watched = try Watched(
      .bind, on: stage,
      environment: .init(
        takeIn: { _ in stage.now += pause },
        publish: { agent in
          published.append("\(agent.status.phase.word.rawValue) \(agent.status.requests.reserved)")
        }))
    watched.sysfs.fault = { path, text in
      path.name == "bind" && text == failing ? .some(.inputOutput) : nil
    }
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.phase == (failing == nil ? .settled : .retrying))
    return published
  }

  @Test func `what has not come to vfio_ap is not published as reserved`() throws {
    // The second queue is unbound and then not bound.
    #expect(
      try published(pause: .milliseconds(100), failing: "01.0001")
        == [0, 1, 1, 2, 3].map { "applying \($0)" })
  }

  @Test func `its progress is published, but not all the time`() throws {
    #expect(
      try published(pause: .milliseconds(100)) == (0...4).map { "applying \($0)" })
    #expect(try published(pause: .milliseconds(50)) == [0, 2, 4].map { "applying \($0)" })
    #expect(try published(pause: .milliseconds(99)) == [0, 2, 4].map { "applying \($0)" })
    #expect(try published(pause: .zero) == ["applying 0"])
  }
}

@Suite struct `A queue that another process unbinds` {
  @Test func `is noticed beside one that was removed and added again`() throws {
    let stage = try Stage(.bind)
    let other = APQN(adapter: 1, domain: 1)
    try stage.happens {
      $0.unplugQueue(other)
      $0.plugQueue(other)
      try $0.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
      stage.agent.scan(.everything)
    }
    let moves = stage.events.flatMap { event -> [Agent.Move] in
      if case .movedByOthers(let moves) = event { moves } else { [] }
    }
    #expect(moves.map(\.apqn) == [apqn])
  }

  @Test func `is noticed when it was removed and added some time before`() throws {
    let stage = try Stage(.bind)
    try stage.happens {
      $0.unplugQueue(apqn)
      $0.plugQueue(apqn)
    }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    try stage.happens { try $0.write("01.0002", to: .driver(DriverName.vfioAP, "unbind")) }
    let moves = stage.events.flatMap { event -> [Agent.Move] in
      if case .movedByOthers(let moves) = event { moves } else { [] }
    }
    #expect(moves.map(\.apqn) == [apqn])
  }

  @Test func `outside the host's pool has lost no override`() throws {
    let stage = try Stage(.override, autoMechanism: true)
    #expect(stage.agent.status.mechanism?.mechanism == .mask)
    try stage.happens { try $0.write("01.0002", to: .driver(DriverName.vfioAP, "unbind")) }
    let moves = stage.events.flatMap { event -> [Agent.Move] in
      if case .movedByOthers(let moves) = event { moves } else { [] }
    }
    #expect(moves.map(\.apqn) == [apqn])
    #expect(moves.map(\.foreign) == [.binding])
  }
}

@Suite struct `A bus that cannot be read` {
  @Test func `makes all requests unreadable, and nothing else of the status`() throws {
    let watched = try Watched(.bind)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.requests.reserved == 4)
    watched.sysfs.unreadable = { $0 == .bus("drivers") ? .inputOutput : nil }
    watched.agent.scan(.everything)
    let status = watched.agent.reconcile()
    #expect(status.requests.counts == [.unreadable: 4])
    #expect(status.mechanism?.mechanism == .bind)
  }
}

@Suite struct `A failure` {
  @Test func `is a move once for each reason, and again after it worked in between`() throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let stage = watched.stage
    func reasons() -> [String] { stage.history.compactMap(\.failure) }
    func fails(_ errno: Errno?) {
      watched.sysfs.fault = { path, _ in path.name == "unbind" ? errno.map { .some($0) } : nil }
    }
    fails(.inputOutput)
    try watched.agent.reconcile().get()
    stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(reasons().count == 1)
    fails(.busy)
    stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(reasons().count == 2)
    fails(nil)
    stage.now = try #require(watched.agent.nextDue)
    try watched.agent.reconcile().get()
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    try stage.bus.write("01.0002", to: .driver(DriverName.vfioAP, "unbind"))
    try stage.bus.write("01.0002", to: .driver(DriverName.cex4queue, "bind"))
    fails(.busy)
    try watched.agent.reconcile().get()
    #expect(reasons().count == 3)
  }

  @Test func `is tried again without a word about what its plan warned of`() throws {
    let watched = try Watched(.bind, rules: #"ADAPTER=="0-2", RESERVE="vfio_ap""#)
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    let warnings = watched.stage.events("warned")
    try #require(!warnings.isEmpty)
    for _ in 0..<3 {
      // Between the tries there is no plan to warn of.
      watched.agent.scan(.everything)
      try watched.agent.reconcile().get()
      watched.stage.now = try #require(watched.agent.nextDue)
      try watched.agent.reconcile().get()
    }
    #expect(watched.stage.events("warned") == warnings)
  }

  @Test func `that has moved nothing is not reported as a move`() throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    #expect(watched.stage.events("failed").count == 1)
    #expect(watched.stage.events("moved") == [])
  }

  @Test func `of a moment ago is in the status with what is put off by it`() throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    let status = watched.agent.reconcile()
    #expect(status.phase == .retrying)
    #expect(status.failures.map(\.subject) == [.queue(apqn)])
    #expect(status.failures.map(\.missed) == [[apqn]])
    #expect(status.plan?.heldBack == [.queue(apqn)])
    #expect(status.plan?.isEmpty == true)
  }

  @Test func `in the middle shows the queue where it is then`() throws {
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    watched.sysfs.fault = { path, _ in path.name == "bind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    #expect(watched.agent.inventory?.queue(apqn)?.owner == Owner.none)
  }

  @Test(arguments: ["the rules are others", "the bus has gone and come"])
  func `is over once everything is begun anew`(reason: String) throws {
    let stage = try Stage(.bind, rules: "")
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, on: stage)
    watched.sysfs.fault = { path, _ in path.name == "unbind" ? .some(.inputOutput) : nil }
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.failures.count == 1)
    if reason == "the rules are others" {
      watched.agent.replaceRules(try Stage.rules(rule))
    } else {
      watched.sysfs.unreadable = { $0.description.hasPrefix("/sys/bus/ap") ? .noSuchFile : nil }
      watched.agent.scan(.everything)
      try watched.agent.reconcile().get()
      #expect(watched.agent.status.phase == .withoutBus)
      watched.sysfs.unreadable = { _ in nil }
      watched.agent.scan(.everything)
    }
    // The next try has to wait for the queue, and has not failed.
    watched.sysfs.fault = { _, _ in nil }
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: apqn)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [apqn])
    #expect(watched.agent.status.failures == [])
    #expect(watched.agent.status.phase == .settled)
  }

  @Test func `because sysfs is read-only is distinguished from any other`() {
    func failure(_ errno: Errno) -> SysfsError {
      SysfsError(.write, .bus("apmask"), errno: errno)
    }
    #expect(Failure(.masks, .refused(failure(.readOnlyFileSystem))).isReadOnly)
    #expect(
      Failure(.masks, .vetoed(failure(.readOnlyFileSystem), mediatedDevices: [])).isReadOnly)
    #expect(!Failure(.masks, .refused(failure(.busy))).isReadOnly)
    #expect(!Failure(.masks, .changedMeanwhile).isReadOnly)
  }
}

@Suite struct `An arrival` {
  @Test func `of what rules reserve is not reported as taken unasked`() throws {
    let stage = try Stage(.mask, adapters: [0])
    try stage.happens {
      $0.plug(card: Stage.card(1))
      $0.plug(card: Stage.card(2))
      $0.scan()
    }
    #expect(stage.events("takenOnArrival") == [])
  }

  @Test func `on vfio_ap is no report where an override means it`() throws {
    let stage = try Stage(.override, rules: #"ADAPTER=="9", RESERVE="vfio_ap""#)
    let other = APQN(adapter: 7, domain: 2)
    try stage.happens {
      $0.plug(card: Stage.card(7))
      try stage.takeByOverride(other)
    }
    #expect(stage.driver("07.0002") == DriverName.vfioAP)
    #expect(stage.events("takenOnArrival") == [])
  }

  /// What the agent has warned of.
  private func warnings(_ stage: Stage) -> [PlanWarning] {
    stage.events.compactMap { if case .warned(let warning) = $0 { warning } else { nil } }
  }

  @Test func `of the host's on vfio_ap is reported, also where an override means it`() throws {
    let stage = try Stage(.override, rules: #"ADAPTER=="7", RESERVE:="host""#)
    let other = APQN(adapter: 7, domain: 2)
    try stage.happens {
      $0.plug(card: Stage.card(7))
      try stage.takeByOverride(other)
    }
    #expect(warnings(stage) == [.adopted([other], rule: "test.rules:1")])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(warnings(stage) == [])
  }

  @Test func `of vfio_ap with the host's queues is reported, whichever driver was loaded last`()
    throws
  {
    let stage = try Stage(
      .override, rules: #"ADAPTER=="1", RESERVE:="host""#, modules: [.zcryptCex4])
    let other = APQN(adapter: 1, domain: 2)
    try stage.happens {
      try $0.write("vfio_ap", to: .queue(other, "driver_override"))
      try $0.unloadModule(.zcryptCex4)
    }
    try stage.happens { $0.loadModule(.vfioAP) }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(warnings(stage) == [.adopted([other], rule: "test.rules:1")])
  }

  @Test func `of the host's on vfio_ap is reported when the agent starts`() throws {
    let stage = try Stage(.override, rules: "")
    let other = APQN(adapter: 1, domain: 2)
    try stage.takeByOverride(other)
    var reported: [Agent.Event] = []
    let agent = Agent(
      sysfs: stage.bus, rules: try Stage.rules(#"ADAPTER=="1", RESERVE:="host""#),
      ownership: stage.agent.ownership, time: stage.time, report: { reported.append($0) })
    try agent.reconcile().get()
    let warnings = reported.compactMap { event -> PlanWarning? in
      if case .warned(let warning) = event { warning } else { nil }
    }
    #expect(warnings == [.adopted([other], rule: "test.rules:1")])
  }

  @Test func `of what rules cannot decide yet is reported when they can`() throws {
    // The masks of another process take the new card, which shows its serial number only later.
    let stage = try Stage(.mask, rules: #"CARD{serialnr}=="none", RESERVE="vfio_ap""#)
    try stage.bus.write("-7", to: .bus("apmask"))
    var card = Stage.card(7)
    card.attributes = [:]
    try stage.happens {
      $0.plug(card: card)
      $0.scan()
    }
    #expect(stage.driver("07.0003") == DriverName.vfioAP)
    #expect(stage.events("takenOnArrival") == [])
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules("")) }
    #expect(stage.driver("07.0003") == DriverName.vfioAP)
    #expect(stage.events("takenOnArrival").count == 1)
  }

  @Test func `of vfio_ap is no report for what masks of another process kept`() throws {
    let stage = try Stage(.mask, rules: "", modules: [.zcryptCex4])
    try stage.happens { try $0.write("-1", to: .bus("apmask")) }
    #expect(stage.driver("01.0002") == nil)
    try stage.happens { $0.loadModule(.vfioAP) }
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    #expect(stage.events("takenOnArrival") == [])
  }

  @Test func `of vfio_ap is reported when it takes what masks kept unasked, and not before`() throws
  {
    let stage = try Stage(
      .mask, rules: #"APQN=="01.0003", RESERVE="vfio_ap", COLLATERAL="accept""#,
      modules: [.zcryptCex4])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.events("takenOnArrival") == [])
    try stage.happens { $0.loadModule(.vfioAP) }
    #expect(stage.events("takenOnArrival").count == 1)
  }

  @Test func `is reported once, however often the machine is read then`() throws {
    let stage = try Stage(.mask, rules: #"APQN=="00-02.0003", RESERVE="vfio_ap""#)
    try stage.happens {
      $0.plug(card: Stage.card(7))
      $0.scan()
    }
    #expect(stage.events("takenOnArrival").count == 1)
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.events("takenOnArrival") == [])
  }
}

@Suite struct `What is due first` {
  @Test func `is when the agent works again: a drain before a retry`() throws {
    let stage = try Stage(.bind, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: apqn)
    let watched = try Watched(.bind, on: stage)
    watched.sysfs.fault = { path, text in
      path.name == "unbind" && text == "01.0001" ? .some(.inputOutput) : nil
    }
    stage.now = .boot + .seconds(100)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [apqn])
    #expect(watched.agent.status.failures.count == 1)
    #expect(watched.agent.nextDue == .boot + .milliseconds(100_100))
  }

  @Test func `is a queue that is being drained, before one that is left alone for a minute`() throws
  {
    let stage = try Stage(.bind, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: apqn)
    let watched = try Watched(
      .bind, rules: #"ADAPTER=="1|2", RESERVE="vfio_ap""#, on: stage,
      policy: GuardPolicy(drainLimit: .seconds(5)))
    try watched.agent.reconcile().get()
    stage.now = .boot + .seconds(5)
    try watched.agent.reconcile().get()
    #expect(watched.agent.nextDue == .boot + .seconds(65))
    // Another process gives this one back to the host, which uses it.
    let other = APQN(adapter: 2, domain: 2)
    try stage.bus.write("02.0002", to: .driver(DriverName.vfioAP, "unbind"))
    try stage.bus.write("02.0002", to: .driver(DriverName.cex4queue, "bind"))
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: other)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [other])
    #expect(watched.agent.nextDue == .boot + .milliseconds(5100))
    // Neither is read before its time.
    let reads = watched.sysfs.reads
    stage.now = .boot + .milliseconds(5050)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.reads == reads)
    stage.now = .boot + .milliseconds(5100)
    try watched.agent.reconcile().get()
    #expect(watched.sysfs.reads > reads)
    #expect(watched.agent.status.draining == [other])
    #expect(try watched.isOnline(apqn) == "1\n")
  }

  @Test func `is nothing where the queue that was being drained has gone`() throws {
    let stage = try Stage(.bind, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: apqn)
    let watched = try Watched(.bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, on: stage)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [apqn])
    stage.bus.unplugQueue(apqn)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [])
    #expect(watched.agent.nextDue == nil)
  }
}

@Suite struct `The lock of another tool` {
  private final class HeldLock: ConfigurationLock {
    private(set) var attempts = 0

    func acquire() throws(ConfigurationLockError) {
      attempts += 1
      throw ConfigurationLockError("process 4711 (chzdev) has the lock")
    }
    func release() {}
  }

  @Test func `is asked for once, each time that a busy queue is read`() throws {
    final class FreeLock: ConfigurationLock {
      private(set) var count = 0

      func acquire() throws(ConfigurationLockError) { count += 1 }
      func release() {}
    }
    let stage = try Stage(.mask, rules: "")
    stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: apqn)
    let lock = FreeLock()
    let watched = try Watched(.mask, on: stage, environment: .init(lock: lock))
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [apqn])
    for _ in 0..<2 {
      let count = lock.count
      stage.now = try #require(watched.agent.nextDue)
      try watched.agent.reconcile().get()
      #expect(watched.agent.status.draining == [apqn])
      #expect(lock.count == count + 1)
    }
  }

  @Test func `is what requests wait for, and no failure of theirs`() throws {
    let watched = try Watched(.mask, environment: .init(lock: HeldLock()))
    let status = try watched.agent.reconcile().get()
    #expect(status.requests.open.map(\.reason) == Array(repeating: .lock, count: 4))
  }

  @Test func `does not keep a queue of the host switched off`() throws {
    let stage = try Stage(.mask, rules: "")
    try stage.bus.write("0", to: .queue(apqn, "online"))
    let lock = HeldLock()
    let watched = try Watched(
      .mask, rules: #"ADAPTER=="9", RESERVE="host""#, on: stage,
      ownership: Ownership(offline: [apqn]), environment: .init(lock: lock))
    try watched.agent.reconcile().get()
    #expect(try watched.isOnline(apqn) == "1\n")
    #expect(lock.attempts == 0)
  }

  @Test func `is waited for once, however many queues are to be given back`() throws {
    let first = try Watched(.bind)
    try first.agent.reconcile().get()
    let lock = HeldLock()
    let watched = try Watched(
      .bind, rules: #"APQN=="*", RESERVE="host""#, on: first.stage,
      ownership: first.agent.ownership, environment: .init(lock: lock))
    try watched.agent.reconcile().get()
    #expect(lock.attempts == 1)
    #expect(watched.sysfs.writes == [])
    #expect(watched.agent.status.phase == .retrying)
    #expect(watched.agent.nextDue == .boot + .seconds(1))
  }
}
