import APBus
import Agent
import Reservation
import SimulatedBus
import Testing

private let firstKeys = "AES CUR: valid 0x1111111111111111"
private let secondKeys = "AES CUR: valid 0x2222222222222222"

@Suite struct `On a host with secure keys` {
  /// Cards 0...3 with these master keys in all domains; an accelerator where there are none.
  private func stage(
    _ mechanism: Mechanism, keys: [String?], rules: String, policy: GuardPolicy = GuardPolicy(),
    user: SecureKeyUser = .encryptedVolume("root")
  ) throws -> Stage {
    let stage = try Stage(
      mechanism, rules: "", adapters: [], policy: policy,
      environment: .init(configuration: {
        HostConfiguration(secureKeyUsers: [user])
      }))
    for (adapter, keys) in keys.enumerated() {
      var card = Stage.card(UInt8(adapter))
      card.functions = (keys == nil ? QueueMode.accelerator : .cca).functions
      card.masterKeys = keys
      stage.bus.plug(card: card, quietly: true)
    }
    stage.bus.scan()
    try stage.happens { _ in stage.agent.replaceRules(try Stage.rules(rules)) }
    return stage
  }

  @Test(arguments: Mechanism.allCases)
  func `queues are taken as long as others with their keys stay`(mechanism: Mechanism) throws {
    let stage = try stage(
      mechanism, keys: [firstKeys, firstKeys], rules: #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.agent.status.plan?.refusals == [])
  }

  @Test(arguments: Mechanism.allCases)
  func `the last one with its keys stays`(mechanism: Mechanism) throws {
    let stage = try stage(
      mechanism, keys: [firstKeys, secondKeys], rules: #"ADAPTER=="1", RESERVE="vfio_ap""#)
    #expect(stage.agent.status.plan?.refusals.map(\.apqn.description).last == "01.0003")
    #expect(stage.driver("01.0003") == DriverName.cex4queue)
    if mechanism != .mask { #expect(stage.driver("01.0002") == DriverName.vfioAP) }
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `those are all taken with whose keys no secure key is wrapped`(mechanism: Mechanism) throws {
    let key = SecureKey(kind: .ccaData, masterKeys: ["AES 0x1111111111111111"])
    let stage = try stage(
      mechanism, keys: [firstKeys, secondKeys], rules: #"KERNEL=="*", RESERVE="vfio_ap""#,
      user: .repositoryKey("k", key: key))
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.agent.status.plan?.refusals.map(\.apqn.description) == ["00.0003"])
    #expect(stage.driver("00.0003") == DriverName.cex4queue)
    #expect(stage.driver("00.0002") == DriverName.vfioAP)
  }

  @Test func `accelerators are not asked for keys that they cannot have`() throws {
    let stage = try stage(.bind, keys: [firstKeys, nil, firstKeys], rules: "")
    let configuration = HostConfiguration(secureKeyUsers: [.cipherInUse])
    let watched = try Watched(
      .bind, rules: #"ADAPTER=="0", RESERVE="vfio_ap""#, on: stage,
      environment: .init(configuration: { configuration }))
    var asked: Set<SysfsPath> = []
    watched.sysfs.text = { path in
      if path.name == "mkvps" { asked.insert(path) }
      return nil
    }
    try watched.agent.reconcile().get()
    #expect(
      asked
        == Set(
          [0, 2].flatMap { adapter in
            (UInt8(0)...3).map { .queue(APQN(adapter: adapter, domain: $0), "mkvps") }
          }))
  }

  @Test(arguments: [true, false])
  func `and only there, queues are asked for their keys`(hasSecureKeys: Bool) throws {
    let configuration = HostConfiguration(secureKeyUsers: hasSecureKeys ? [.cipherInUse] : [])
    let watched = try Watched(.bind, environment: .init(configuration: { configuration }))
    var asked = 0
    watched.sysfs.text = { path in
      if path.name == "mkvps" { asked += 1 }
      return nil
    }
    try watched.agent.reconcile().get()
    #expect((asked > 0) == hasSecureKeys)
  }

  @Test func `a queue can be taken although one of those with its keys is lost meanwhile`() throws {
    let stage = try stage(.bind, keys: [firstKeys, firstKeys], rules: "")
    var plans = 0
    let watched = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#, on: stage,
      environment: .init(
        configuration: { HostConfiguration(secureKeyUsers: [.cipherInUse]) },
        publish: { [bus = stage.bus] _ in
          plans += 1
          try? bus.write("00.0000", to: .driver(DriverName.cex4queue, "unbind"))
        }))
    stage.bus.onUevent = nil
    try watched.agent.reconcile().get()
    #expect(stage.driver("00.0000") == nil)
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
    // The others that stay are enough, so that no other plan was due.
    #expect(plans == 1)
  }

  @Test func `its keys are the present ones, not those of the last scan`() throws {
    let stage = try stage(
      .bind, keys: [firstKeys, firstKeys], rules: #"ADAPTER=="9", RESERVE="host""#)
    // A key ceremony: there is no event for it.
    stage.bus.setMasterKeys(secondKeys, onCard: 1)
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#))
    }
    #expect(stage.driver("01.0003") == DriverName.cex4queue)
    #expect(stage.agent.status.plan?.refusals.count == 1)
  }

  @Test(arguments: Mechanism.allCases)
  func `a busy queue is drained once, although it does not show its keys while it is off`(
    mechanism: Mechanism
  ) throws {
    let stage = try stage(mechanism, keys: [firstKeys, firstKeys], rules: "")
    stage.bus.setLoad(
      QueueLoad(pending: 2, drainRate: 1), on: APQN(adapter: 1, domain: 2))
    var writes: [String] = []
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="1", RESERVE="vfio_ap""#))
    }
    writes += stage.writes
    for _ in 0..<3 {
      stage.bus.passTime()
      guard let due = stage.agent.nextDue else { break }
      stage.now = due
      try stage.happens { _ in }
      writes += stage.writes
    }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(writes.filter { $0.hasSuffix("/online") }.count == 1)
  }

  @Test func `a busy queue is drained too when keys are what the plan was waiting for`() throws {
    let stage = try stage(.bind, keys: [nil, firstKeys, firstKeys], rules: "")
    let busy = APQN(adapter: 1, domain: 2)
    stage.bus.setLoad(QueueLoad(pending: 3, drainRate: 0), on: busy)
    try stage.happens { _ in
      stage.agent.replaceRules(try Stage.rules(#"ADAPTER=="0|1", RESERVE="vfio_ap""#))
    }
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(stage.agent.status.draining == [busy])
  }
}
