import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing

extension Stage {
  /// The moves of the kernel's own that the last step reported.
  fileprivate var boundAtLoading: [Agent.Move] {
    events.flatMap { event -> [Agent.Move] in
      if case .boundAtLoading(let moves) = event { moves } else { [] }
    }
  }

  fileprivate var unboundAtUnloading: [Agent.Move] {
    events.flatMap { event -> [Agent.Move] in
      if case .unboundAtUnloading(let moves) = event { moves } else { [] }
    }
  }

  fileprivate var othersMoves: [Agent.Move] {
    events.flatMap { event -> [Agent.Move] in
      if case .movedByOthers(let moves) = event { moves } else { [] }
    }
  }
}

@Suite struct `What the kernel binds when vfio_ap is loaded` {
  private static let prepared = [Mechanism.mask, .override]
  private let queues = (UInt8(0)...3).map { APQN(adapter: 1, domain: $0) }

  @Test(arguments: prepared)
  func `is reported with the rule that has prepared it`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, modules: [.zcryptCex4])
    #expect(stage.boundAtLoading == [])
    try stage.happens { $0.loadModule(.vfioAP) }
    #expect(stage.boundAtLoading.map(\.apqn) == queues)
    let move = try #require(stage.boundAtLoading.first)
    #expect((move.from, move.to) == (.none, .vfioAP))
    #expect((move.cause, move.foreign) == (nil, .loading))
    #expect(move.rule?.line == 1)
    #expect(stage.othersMoves == [])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.boundAtLoading == [])
  }

  @Test(arguments: prepared)
  func `is reported by the agent that follows the one that has prepared it`(mechanism: Mechanism)
    throws
  {
    let stage = try Stage(mechanism, modules: [.zcryptCex4])
    stage.bus.onUevent = { _ in }
    stage.bus.loadModule(.vfioAP)
    let next = try Watched(mechanism, on: stage, ownership: stage.agent.ownership)
    try next.agent.reconcile().get()
    #expect(stage.boundAtLoading.map(\.apqn) == queues)
    #expect(stage.othersMoves == [])
    // And by no other one after that.
    let count = stage.boundAtLoading.count
    let third = try Watched(mechanism, on: stage, ownership: next.agent.ownership)
    try third.agent.reconcile().get()
    #expect(stage.boundAtLoading.count == count)
  }

  @Test(arguments: Mechanism.allCases)
  func `is nothing that was bound before`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    for ownership in [stage.agent.ownership, Ownership()] {
      let next = try Watched(mechanism, on: stage, ownership: ownership)
      try next.agent.reconcile().get()
    }
    #expect(stage.boundAtLoading == [])
  }

  @Test func `is nothing that another process has moved from the host`() throws {
    let stage = try Stage(.bind, modules: [.zcryptCex4])
    try stage.happens {
      $0.loadModule(.vfioAP)
      try $0.write("01.0002", to: .driver(DriverName.cex4queue, "unbind"))
      try $0.write("01.0002", to: .driver(DriverName.vfioAP, "bind"))
    }
    #expect(stage.boundAtLoading == [])
    #expect(stage.othersMoves.map(\.apqn) == [APQN(adapter: 1, domain: 2)])
    #expect(stage.othersMoves.map(\.from) == [.host])
  }

  @Test func `is nothing where the agent has to bind it`() throws {
    let stage = try Stage(.bind, modules: [.zcryptCex4])
    try stage.happens { $0.loadModule(.vfioAP) }
    #expect(stage.boundAtLoading == [])
    #expect(stage.history.map(\.cause) == Array(repeating: .wanted, count: 4))
  }

  @Test(arguments: prepared)
  func `is reported each time that the driver is loaded again`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism)
    for _ in 0..<2 {
      try stage.happens { try $0.unloadModule(.vfioAP) }
      #expect(stage.unboundAtUnloading.map(\.apqn) == queues)
      let move = try #require(stage.unboundAtUnloading.first)
      #expect((move.from, move.to) == (.vfioAP, .none))
      #expect(move.rule?.line == 1)
      #expect(stage.othersMoves == [])
      try stage.happens { $0.loadModule(.vfioAP) }
      #expect(stage.boundAtLoading.map(\.apqn) == queues)
      #expect(stage.othersMoves == [])
    }
  }

  @Test func `is an arrival where no rule requests it`() throws {
    let stage = try Stage(
      .mask, rules: #"APQN=="00-02.0003", RESERVE="vfio_ap", COLLATERAL="accept""#,
      modules: [.zcryptCex4])
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"APQN=="01.0003", RESERVE="vfio_ap""#))
    }
    try stage.happens { $0.loadModule(.vfioAP) }
    #expect(Set(stage.boundAtLoading.map(\.apqn)).isSubset(of: [APQN(adapter: 1, domain: 3)]))
  }
}

@Suite struct `What another process does with a queue that no rule names` {
  @Test func `is reported, and what the kernel does with one that is added is not`() throws {
    let stage = try Stage(.bind, rules: "")
    func moves() -> [String] {
      stage.othersMoves.map { "\($0.apqn) \($0.from.rawValue) \($0.to.rawValue)" }
    }
    for (file, driver, expected) in [
      ("unbind", DriverName.cex4queue, "host none"), ("bind", DriverName.vfioAP, "none vfio_ap"),
      ("unbind", DriverName.vfioAP, "vfio_ap none"), ("bind", DriverName.cex4queue, "none host"),
    ] {
      try stage.happens { try $0.write("01.0002", to: .driver(driver, file)) }
      #expect(moves() == ["01.0002 \(expected)"])
    }
    try stage.happens { $0.plug(card: Stage.card(7)) }
    #expect(moves() == [])
    try stage.happens { $0.unplug(card: 7) }
    #expect(moves() == [])
    // A queue of the same name is another one.
    try stage.happens { try $0.write("01.0002", to: .driver(DriverName.cex4queue, "unbind")) }
    try stage.happens { $0.unplug(card: 1) }
    try stage.happens { $0.plug(card: Stage.card(1)) }
    #expect(moves() == [])
  }
}
