import APBus
import Agent
import Reservation
import Testing

@Suite struct `An agent that is interrupted` {
  /// What a signal handler and the agent both know of.
  private final class Switch {
    var isOn = false
  }

  private func stage(_ interruption: Switch, lock: (any ConfigurationLock)? = nil) throws -> Stage {
    try Stage(
      .override, rules: "",
      environment: Agent.Environment(lock: lock, isInterrupted: { interruption.isOn }),
      seenThrough: { Interrupter($0, interruption) })
  }

  /// A bus at whose first override the signal comes.
  private final class Interrupter: Sysfs {
    private let sysfs: any Sysfs
    private let interruption: Switch

    init(_ sysfs: any Sysfs, _ interruption: Switch) {
      self.sysfs = sysfs
      self.interruption = interruption
    }

    func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
      if path.name == "driver_override" { interruption.isOn = true }
      try sysfs.write(text, to: path)
    }

    func read(_ path: SysfsPath) throws(SysfsError) -> String { try sysfs.read(path) }
    func readLink(_ path: SysfsPath) throws(SysfsError) -> String { try sysfs.readLink(path) }
    func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try sysfs.list(path) }
  }

  private final class ForeignLock: ConfigurationLock {
    let interruption: Switch

    init(_ interruption: Switch) {
      self.interruption = interruption
    }

    func acquire() throws(ConfigurationLockError) {
      interruption.isOn = true
      throw ConfigurationLockError("another process has it")
    }

    func release() {}
  }

  private static let rule = #"ADAPTER=="1", RESERVE="vfio_ap""#

  @Test func `finishes its operation, begins no other, and knows what is left`()
    throws
  {
    let interruption = Switch()
    let stage = try stage(interruption)
    let rules = try Stage.rules(Self.rule)
    try stage.happens { _ in stage.agent.replaceRules(rules) }
    #expect(stage.driver("01.0000") == DriverName.vfioAP)
    for name in ["01.0001", "01.0002", "01.0003"] {
      #expect(stage.driver(name) == DriverName.cex4queue)
    }
    #expect(stage.failures.isEmpty)
    #expect(
      stage.agent.undone.flatMap(\.changes).map(\.apqn.description) == [
        "01.0001", "01.0002", "01.0003",
      ])
    // Whoever goes on all the same finds the rest.
    interruption.isOn = false
    for _ in 0..<10 {
      stage.now += .seconds(1)
      try stage.settle()
      interruption.isOn = false
    }
    #expect(try stage.drivers(ofCard: 1) == [DriverName.vfioAP])
    #expect(stage.agent.undone.isEmpty)
  }

  @Test func `during its last operation does not read the machine again`() throws {
    let interruption = Switch()
    let watched = try Watched(
      .bind, rules: #"APQN=="01.0002", RESERVE="vfio_ap""#,
      environment: Agent.Environment(isInterrupted: { interruption.isOn }))
    var scans = 0
    watched.sysfs.fault = { path, _ in
      if path.name == "bind" {
        interruption.isOn = true
        scans = watched.sysfs.scans
      }
      return nil
    }
    try watched.agent.reconcile().get()
    #expect(watched.stage.driver("01.0002") == DriverName.vfioAP)
    #expect(watched.sysfs.scans == scans)
    // Whoever goes on all the same has that to do.
    #expect(watched.agent.nextDue != nil)
  }

  @Test func `does not wait for the lock, and that is not a failure`() throws {
    let interruption = Switch()
    let lock = ForeignLock(interruption)
    let stage = try Stage(
      .mask, rules: "",
      environment: Agent.Environment(lock: lock, isInterrupted: { interruption.isOn }))
    let rules = try Stage.rules(Self.rule)
    try stage.happens { _ in stage.agent.replaceRules(rules) }
    #expect(stage.writes.isEmpty)
    #expect(stage.failures.isEmpty)
    #expect(stage.agent.undone.count == 1)
  }
}
