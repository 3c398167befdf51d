import APBus
import Agent
import Reservation
import SimulatedBus
import Testing

private let bySerial = #"CARD{serialnr}=="93AA0001|93AA0002", RESERVE="vfio_ap""#
private let keys = "AES CUR: valid 0x1111111111111111"
private let serial = UnansweredRead(.card(1, "serialnr"))
private let ownQueues = (UInt8(0)...3).map { APQN(adapter: 1, domain: $0) }

extension Stage {
  /// What was reported of the adapters that do not answer.
  fileprivate var silences: [Agent.Event] {
    events.filter { event in
      switch event {
      case .warned(.unanswered), .answered: true
      default: false
      }
    }
  }

  /// The sentences of open requests, those for the same reason together.
  fileprivate var open: [String] {
    OpenRequest.groups(of: agent.status.requests.open).map(\.sentence)
  }
}

@Suite struct `An adapter that does not answer` {
  @Test(arguments: Mechanism.allCases)
  func `keeps its undecided queues from moving, and no others, until it answers`(
    mechanism: Mechanism
  ) throws {
    let stage = try Stage(mechanism, rules: "")
    try stage.happens {
      $0.setMute(card: 1, to: true)
      stage.agent.replaceRules(try Stage.rules(bySerial))
    }
    #expect(try stage.drivers(ofCard: 2) == [DriverName.vfioAP])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    #expect(stage.agent.status.phase == .settled)
    #expect(stage.agent.status.requests.counts == [.reserved: 4, .unreadable: 4])
    #expect(
      stage.open == [
        "01.0000, 01.0001, 01.0002, 01.0003 are unreadable: card01 does not answer: reading "
          + "/sys/devices/ap/card01/serialnr: no answer within 5 s"
      ])
    #expect(stage.silences == [.warned(.unanswered(1, serial))])
    try stage.happens { _ in stage.agent.scan(.everything) }
    #expect(stage.silences == [])
    try stage.happens {
      $0.setMute(card: 1, to: false)
      stage.agent.scan(.card(1))
    }
    #expect(stage.silences == [.answered([1])])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.agent.status.requests.counts == [.reserved: 8])
  }

  @Test(arguments: Mechanism.allCases)
  func `keeps its reserved queues`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: bySerial)
    try stage.happens {
      $0.setMute(card: 1, to: true)
      stage.agent.scan(.everything)
    }
    #expect(stage.silences == [.warned(.unanswered(1, serial))])
    #expect(stage.writes == [])
    #expect(stage.agent.status.requests.counts == [.reserved: 8])
    // It is not said to answer because it was removed.
    try stage.happens { $0.unplug(card: 1) }
    #expect(stage.silences == [])
  }

  @Test(arguments: Mechanism.allCases)
  func `has its queues moved by rules that need not ask it`(mechanism: Mechanism) throws {
    let stage = try Stage(mechanism, rules: "")
    try stage.happens {
      $0.setMute(card: 1, to: true)
      stage.agent.replaceRules(
        try Stage.rules(#"CARD{max_msg_size}=="12288", ADAPTER=="1", RESERVE="vfio_ap""#))
    }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.silences == [.warned(.unanswered(1, serial))])
  }

  @Test func `is not the reason where it is something else that cannot be read`() throws {
    let stage = try Stage(.bind, rules: "")
    try stage.happens {
      $0.setMute(card: 1, to: true)
      stage.agent.replaceRules(try Stage.rules(#"HOST=="web*", ADAPTER=="1|2", RESERVE="vfio_ap""#))
    }
    #expect(stage.agent.status.requests.counts == [.undecidable: 8])
  }

  /// Adapters 0 to 2 with the same keys in all domains, on a host whose keys are protected.
  private func protected(rules: String) throws -> Watched {
    let stage = try Stage(.bind, rules: "")
    for adapter in UInt8(0)...2 { stage.bus.setMasterKeys(keys, onCard: adapter) }
    return try Watched(
      .bind, rules: rules, on: stage, policy: GuardPolicy(protectHost: .yes))
  }

  @Test func `keeps its queues where its master keys would have to be known, and no others`()
    throws
  {
    let watched = try protected(rules: #"ADAPTER=="1|2", RESERVE="vfio_ap""#)
    let asked = SysfsPath.queue(APQN(adapter: 1, domain: 2), "mkvps")
    watched.sysfs.unanswered = { $0 == asked }
    try watched.agent.reconcile().get()
    let stage = watched.stage
    #expect(try stage.drivers(ofCard: 2) == [DriverName.vfioAP])
    #expect(try stage.drivers(ofCard: 1) == [DriverName.cex4queue])
    #expect(watched.agent.status.requests.counts == [.reserved: 4, .unreadable: 4])
    #expect(watched.agent.status.plan?.refusals.map(\.apqn) == ownQueues)
    #expect(
      watched.agent.status.plan?.refusals.first?.description
        == "01.0000 stays with the host: the host is protected by ProtectHost=yes, and its master keys "
        + "cannot be read (reading \(asked): no answer within 5 s), so it may be the last queue with "
        + "them; make them readable, or use \(Guard.protectHost.remedy)")
    #expect(stage.silences == [.warned(.unanswered(1, UnansweredRead(asked)))])
    watched.sysfs.unanswered = { _ in false }
    watched.agent.scan(.card(1))
    try watched.agent.reconcile().get()
    #expect(stage.silences.last == .answered([1]))
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
  }

  @Test func `keeps a queue that is being drained, although its keys were known before`() throws {
    let watched = try protected(rules: #"APQN=="01.0002", RESERVE="vfio_ap""#)
    let busy = APQN(adapter: 1, domain: 2)
    watched.stage.bus.setLoad(QueueLoad(pending: 1, drainRate: 0), on: busy)
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [busy])
    watched.sysfs.unanswered = { $0.name == "mkvps" && $0.askedAdapter == 1 }
    watched.agent.scan(.card(1))
    try watched.agent.reconcile().get()
    #expect(watched.agent.status.draining == [])
    #expect(watched.agent.status.requests.counts == [.unreadable: 1])
    #expect(try watched.isOnline(busy) == "1\n")
  }

  @Test func `is reported before what is refused, and that before what else there is to warn of`()
    throws
  {
    let stage = try Stage(.mask, rules: "")
    try stage.happens {
      $0.setMute(card: 0, to: true)
      $0.setCheckStopped(card: 1, to: true)
      stage.agent.replaceRules(
        try Stage.rules(
          #"ADAPTER=="1", RESERVE="vfio_ap""# + "\n" + #"APQN=="02.0002", RESERVE="vfio_ap""#))
    }
    let kinds = stage.events.compactMap { event -> String? in
      switch event {
      case .warned(.unanswered): "silence"
      case .refused: "refusal"
      case .warned: "warning"
      default: nil
      }
    }
    #expect(kinds == ["silence", "refusal", "warning"])
  }

  @Test
  func `is no substitute for the host's keys, even if it falls silent in the middle of a plan`()
    throws
  {
    let watched = try protected(rules: #"ADAPTER=="1|2", RESERVE="vfio_ap""#)
    watched.sysfs.fault = { [bus = watched.stage.bus] path, _ in
      bus.setMute(card: 0, to: true)
      return nil
    }
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("02.0002") == DriverName.vfioAP)
    #expect(watched.stage.driver("02.0003") == DriverName.cex4queue)
    #expect(watched.agent.status.requests.counts == [.reserved: 7, .refused: 1])
  }
}

@Suite struct `A read that is given up because the agent is to stop` {
  private final class Switch {
    var isOn = false
  }

  private func watched(_ stop: Switch) throws -> Watched {
    let watched = try Watched(
      .bind, environment: Agent.Environment(isInterrupted: { stop.isOn }))
    watched.sysfs.unreadable = { path in
      stop.isOn && path.askedAdapter != nil ? .interrupted : nil
    }
    return watched
  }

  @Test func `is not an obstacle`() throws {
    let stop = Switch()
    let watched = try watched(stop)
    stop.isOn = true
    #expect(watched.agent.reconcile().phase == .starting)
    #expect(
      !watched.stage.events.contains { if case .entered(.blocked, _) = $0 { true } else { false } })
    #expect(watched.stage.writes == [])
  }

  @Test func `leaves the operations that are to be done`() throws {
    let stop = Switch()
    let watched = try watched(stop)
    // Before the second operation, after the agent has asked whether it is to stop.
    var scans = 0
    watched.sysfs.text = { path in
      if path == .card(1, "hwtype") { scans += 1 }
      if !watched.sysfs.writes.isEmpty { stop.isOn = true }
      return nil
    }
    watched.agent.reconcile()
    #expect(watched.agent.undone.flatMap(\.changes).map(\.apqn) == Array(ownQueues.dropFirst()))
    #expect(watched.stage.failures == [])
    #expect(watched.stage.driver("01.0000") == DriverName.vfioAP)
  }

  @Test func `is an obstacle if the agent is not to stop`() throws {
    let watched = try Watched(.bind)
    watched.sysfs.unreadable = { $0.askedAdapter != nil ? .interrupted : nil }
    #expect(watched.agent.reconcile().obstacle != nil)
  }
}
