import APBus
import Agent
import Daemon
import HostSystem
import HostTestSupport
import JSONText
import ReservationRules
import TestSupport
import Testing

/// A clock that stands still between two changes of it.
private final class StoppedTime: TimeSource {
  var now = Instant(sinceBoot: .seconds(1000))
  var wallTime: WallTime { WallTime(sinceEpoch: .seconds(1_800_000_000) + now.sinceBoot) }
}

@Suite struct `A change of the rules on trial` {
  private let tree: TemporaryTree
  private let time = StoppedTime()

  private static let old = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
  private static let new = "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
  private static let newest = "ADAPTER==\"3\", RESERVE=\"vfio_ap\"\n"
  private static let bad = "ADAPTER==\"10\", RESERVE=\"vfio_ap\"\n"

  init() throws {
    tree = try TemporaryTree()
    try tree.file("rules/50.rules", Self.old)
  }

  private func keeper(boot: String = "one", keeps: Bool = true) -> RuleKeeper {
    RuleKeeper(
      directories: [tree.path + "/rules"], owner: nil,
      archive: keeps ? tree.path + "/last-good.rules" : nil,
      trial: keeps ? tree.path + "/unconfirmed.rules" : nil, boot: boot, time: time)
  }

  /// A keeper that has the new rules on trial for a minute.
  private func trying() throws -> RuleKeeper {
    let keeper = keeper()
    keeper.load()
    try tree.file("rules/50.rules", Self.new)
    #expect(keeper.load())
    let changes = try keeper.beginTrial(of: .last, for: .seconds(60))
    #expect(changes.changed.map(\.to.text) == [String(Self.new.dropLast())])
    return keeper
  }

  private func rules(_ keeper: RuleKeeper) -> String {
    keeper.condition.rules.rules.map { $0.text + "\n" }.joined()
  }

  @Test func `is in force, and says until when it can be confirmed`() throws {
    let keeper = try trying()
    #expect(rules(keeper) == Self.new)
    #expect(keeper.condition.origin == .files)
    #expect(!keeper.condition.isDegraded)
    #expect(keeper.condition.trial?.deadline == time.now + .seconds(60))
    #expect(keeper.condition.reasons == [])
  }

  @Test func `stays once it is confirmed, also for the next run`() throws {
    let keeper = try trying()
    try keeper.confirmTrial()
    #expect(keeper.condition.trial == nil)
    #expect(throws: RuleTrialError.self) { try keeper.takeBackTrial(because: .requested) }
    let next = self.keeper(boot: "two")
    next.load()
    #expect(rules(next) == Self.new)
    #expect(!next.condition.isDegraded)
  }

  @Test func `is taken back, and stays so until the files change or a person insists`() throws {
    let keeper = try trying()
    _ = try keeper.takeBackTrial(because: .requested)
    #expect(rules(keeper) == Self.old)
    #expect(keeper.condition.origin == .unconfirmed)
    #expect(keeper.condition.isDegraded)
    #expect(keeper.condition.reasons.count == 1)
    #expect(!keeper.load())
    #expect(throws: RuleTrialError.self) { try keeper.confirmTrial() }
    #expect(throws: RuleTrialError.self) { try keeper.beginTrial(of: .last, for: .seconds(60)) }
    #expect(keeper.load(isExplicit: true))
    #expect(rules(keeper) == Self.new)
    #expect(keeper.condition.trial == nil)
    #expect(!keeper.condition.isDegraded)
  }

  @Test func `gives way to other files after it was taken back`() throws {
    let keeper = try trying()
    _ = try keeper.takeBackTrial(because: .requested)
    try tree.file("rules/50.rules", Self.newest)
    #expect(keeper.load())
    #expect(rules(keeper) == Self.newest)
    #expect(keeper.condition.trial == nil)
    let next = self.keeper()
    next.load()
    #expect(rules(next) == Self.newest)
  }

  private static let restarts: [(boot: String, after: Int, isTakenBack: Bool)] = [
    ("one", 59, false), ("one", 60, true), ("one", 1_000_000, true), ("two", 0, true),
  ]

  @Test(arguments: restarts)
  func `goes on after a restart as long as its time and its boot last`(
    boot: String, after: Int, isTakenBack: Bool
  ) throws {
    _ = try trying()
    time.now += .seconds(after)
    let next = keeper(boot: boot)
    next.load()
    #expect(rules(next) == (isTakenBack ? Self.old : Self.new))
    #expect(next.condition.origin == (isTakenBack ? .unconfirmed : .files))
    if !isTakenBack { try next.confirmTrial() }
    // Once more, which must not change the outcome.
    let last = keeper(boot: "three")
    last.load()
    #expect(rules(last) == (isTakenBack ? Self.old : Self.new))
    #expect(last.condition.origin == next.condition.origin)
  }

  @Test func `is taken back to the rules from before it, whatever came to it meanwhile`() throws {
    let keeper = try trying()
    try tree.file("rules/50.rules", Self.newest)
    #expect(keeper.load())
    time.now += .seconds(30)
    // The trial gets more time.
    _ = try keeper.beginTrial(of: .last, for: .seconds(60))
    #expect(keeper.condition.trial?.deadline == time.now + .seconds(60))
    _ = try keeper.takeBackTrial(because: .requested)
    #expect(rules(keeper) == Self.old)
  }

  @Test func `whose files have got errors is taken back to the rules from before it`() throws {
    let keeper = try trying()
    try tree.file("rules/50.rules", Self.bad)
    keeper.load()
    #expect(rules(keeper) == Self.new)
    _ = try keeper.takeBackTrial(because: .requested)
    #expect(rules(keeper) == Self.old)
    #expect(keeper.condition.reasons.count == 2)
    let next = self.keeper(boot: "two")
    next.load()
    #expect(rules(next) == Self.old)
  }

  @Test func `to the first rules of all is taken back to none`() throws {
    tree.remove("rules/50.rules")
    let keeper = keeper()
    keeper.load()
    try tree.file("rules/50.rules", Self.new)
    keeper.load()
    _ = try keeper.beginTrial(of: .last, for: .seconds(60))
    _ = try keeper.takeBackTrial(because: .requested)
    #expect(keeper.condition.rules.rules.isEmpty)
    let next = self.keeper(boot: "two")
    next.load()
    #expect(next.condition.rules.rules.isEmpty)
    #expect(next.condition.origin == .unconfirmed)
  }

  @Test func `must be there, and not be long ago`() throws {
    let first = keeper()
    first.load()
    #expect(throws: RuleTrialError.self) { try first.beginTrial(of: .last, for: .seconds(60)) }
    #expect(throws: RuleTrialError.self) { try first.confirmTrial() }
    try tree.file("rules/50.rules", Self.new)
    first.load()
    time.now += RuleTrial.patience + .seconds(1)
    let error = #expect(throws: RuleTrialError.self) {
      try first.beginTrial(of: .last, for: .seconds(60))
    }
    #expect(
      error?.description.hasPrefix("the last change of the rules was 10 min ago") == true,
      "\(error as Any)")
    let other = keeper(keeps: false)
    other.load()
    #expect(throws: RuleTrialError.self) { try other.beginTrial(of: .last, for: .seconds(60)) }
  }

  @Test func `that was made while no daemon was running can be put on trial`() throws {
    keeper().load()
    try tree.file("rules/50.rules", Self.new)
    let next = keeper(boot: "two")
    next.load()
    _ = try next.beginTrial(of: .last, for: .seconds(60))
    _ = try next.takeBackTrial(because: .requested)
    #expect(rules(next) == Self.old)
  }

  @Test(arguments: ["", "{}\n", "{\"apreserve\":\"rule-trial\"}\nfile", "\u{0}"])
  func `whose file is damaged is none`(text: String) throws {
    _ = try trying()
    try tree.file("unconfirmed.rules", text)
    let next = keeper(boot: "two")
    next.load()
    #expect(rules(next) == Self.new)
    #expect(next.condition.trial == nil)
    #expect(next.condition.trialProblem?.contains("unconfirmed.rules.damaged") == true)
  }

  @Test func `is known from a file that is whole, and from no other`() throws {
    let keeper = try trying()
    _ = try keeper.takeBackTrial(because: .requested)
    let text = try tree.text("unconfirmed.rules")
    let path = tree.path + "/unconfirmed.rules"
    #expect(try RuleTrial.read(path, owner: nil) == keeper.condition.trial)
    for count in 0..<text.utf8.count {
      try tree.file("unconfirmed.rules", String(decoding: text.utf8.prefix(count), as: UTF8.self))
      #expect(throws: RuleTrialError.self) { try RuleTrial.read(path, owner: nil) }
    }
    for (old, new) in [("requested", "expired00"), ("\"boot\":\"one\"", "\"boot\":\"two\"")] {
      try tree.file("unconfirmed.rules", text.replacing(old, with: new))
      if text.contains(old) {
        #expect(throws: RuleTrialError.self) { try RuleTrial.read(path, owner: nil) }
      }
    }
  }

  @Test func `stays refused however the files have got errors in between`() throws {
    let keeper = try trying()
    // As in the middle of a save.
    try tree.file("rules/50.rules", Self.bad)
    keeper.load()
    _ = try keeper.takeBackTrial(because: .expired)
    try tree.file("rules/50.rules", Self.new)
    keeper.load()
    #expect(rules(keeper) == Self.old)
    try tree.file("rules/50.rules", Self.bad)
    #expect(!keeper.load(isExplicit: true))
    try tree.file("rules/50.rules", Self.new)
    keeper.load()
    #expect(rules(keeper) == Self.old)
    #expect(keeper.condition.origin == .unconfirmed)
  }

  /// As of rules in /run that a boot removes, or of an undo.
  @Test func `stays refused whatever comes and goes in other files`() throws {
    try tree.file("rules/00-first.rules", "ADAPTER==\"4\", RESERVE:=\"host\"\n")
    let keeper = try trying()
    _ = try keeper.takeBackTrial(because: .expired)
    tree.remove("rules/00-first.rules")
    let next = self.keeper(boot: "two")
    next.load()
    #expect(rules(next) == Self.old)
    try tree.file("rules/70.rules", Self.newest)
    next.load()
    #expect(rules(next) == Self.old + Self.newest)
    #expect(next.condition.origin == .unconfirmed)
    try tree.file("rules/50.rules", Self.new + Self.newest)
    next.load()
    #expect(next.condition.origin == .files)
  }

  @Test func `begins before it where what comes next is on trial`() throws {
    let keeper = keeper()
    keeper.load()
    #expect(try keeper.beginTrial(of: .next, for: .seconds(60)).isEmpty)
    // Nothing was changed, so nothing is taken back.
    #expect(try !keeper.takeBackTrial(because: .expired))
    #expect(keeper.condition.trial == nil && !keeper.condition.isDegraded)
    _ = try keeper.beginTrial(of: .next, for: .seconds(60))
    try tree.file("rules/50.rules", Self.new)
    keeper.load()
    #expect(try keeper.takeBackTrial(because: .expired))
    #expect(rules(keeper) == Self.old)
  }

  /// A comment changes no rule, so what is taken back is the change before it.
  @Test func `is the last one that changed a rule, also where no file can be kept`() throws {
    let keeper = keeper()
    keeper.load()
    try tree.file("rules/50.rules", Self.new)
    keeper.load()
    try tree.file("rules/50.rules", Self.new + "# why\n")
    keeper.load()
    let changes = try keeper.beginTrial(of: .last, for: .seconds(60))
    #expect(changes.changed.count == 1)
    _ = try keeper.takeBackTrial(because: .expired)
    #expect(rules(keeper) == Self.old)
  }

  @Test func `is not confirmed where that cannot be kept for a restart`() throws {
    let keeper = try trying()
    tree.remove("unconfirmed.rules")
    try tree.directory("unconfirmed.rules")
    #expect(throws: RuleTrialError.self) { try keeper.confirmTrial() }
    #expect(keeper.condition.trial != nil)
  }

  @Test func `is not begun where it cannot be kept for a restart`() throws {
    let keeper = keeper()
    keeper.load()
    try tree.file("rules/50.rules", Self.new)
    keeper.load()
    try tree.directory("unconfirmed.rules")
    try tree.file("unconfirmed.rules/file", "")
    #expect(throws: RuleTrialError.self) { try keeper.beginTrial(of: .last, for: .seconds(60)) }
    #expect(keeper.condition.trial == nil)
  }
}

/// The same with a daemon and its clients.
@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `A daemon with a change of the rules on trial` {
  private static let old = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
  private static let both = "ADAPTER==\"1|2\", RESERVE=\"vfio_ap\"\n"

  private static func machine() throws -> LiveMachine {
    let machine = try LiveMachine(.override, rules: old) { settings in
      settings.ruleTrial = (settings.record?.directory ?? "") + "/unconfirmed.rules"
    }
    try machine.settle()
    try machine.tree.file("rules/50-test.rules", both)
    return machine
  }

  private static func begin(_ machine: LiveMachine, seconds: Int) throws -> Reply {
    try machine.reply("TryRules", [.init("seconds", .integer(seconds))])
  }

  @Test func `moves the queues back when the time is over`() async {
    await #expect(processExitsWith: .success) {
      let machine = try Self.machine()
      let reply = try Self.begin(machine, seconds: 1)
      #expect(
        reply["changes"]?.elements.map { $0.text?.hasPrefix("changed ") } == [true])
      try machine.wait { machine.messages.kinds.contains(.rulesTakenBack) }
      let status = try machine.settle()
      #expect(machine.reserved.count == 4)
      #expect(status["degraded"] == .bool(true))
      #expect(status["rules"]?["origin"] == "unconfirmed")
      #expect(
        status["summary"]?.text?.hasPrefix("DEGRADED, a change of rules was taken back: ") == true)
      try machine.reload()
      try machine.settle()
      #expect(machine.reserved.count == 8)
    }
  }

  @Test func `keeps them when it is confirmed`() async {
    await #expect(processExitsWith: .success) {
      let machine = try Self.machine()
      _ = try Self.begin(machine, seconds: 3600)
      #expect(try machine.settle()["rules"]?["confirmUntil"]?.text != nil)
      #expect(machine.reserved.count == 8)
      _ = try machine.reply("ConfirmRules")
      #expect(try machine.settle()["rules"]?["confirmUntil"]?.text == nil)
      #expect(machine.messages.kinds.isSuperset(of: [.rulesTried, .rulesConfirmed]))
      let error = #expect(throws: ControlError.self) { try machine.reply("TakeBackRules") }
      #expect(error?.description == "no change of the rules is on trial")
      #expect(machine.reserved.count == 8)
    }
  }

  @Test func `takes it back on request, and leaves what a guest has`() async {
    await #expect(processExitsWith: .success) {
      let machine = try Self.machine()
      _ = try Self.begin(machine, seconds: 3600)
      try machine.settle()
      let apqn = APQN(adapter: 2, domain: 1)
      let uuid = "11111111-2222-3333-4444-555555555555"
      try machine.bus.write(uuid + "\n", to: SysfsPath(BusObject.mediatedDeviceType, "create"))
      for (name, number) in [("assign_adapter", "2"), ("assign_domain", "1")] {
        try machine.bus.write(
          number + "\n", to: SysfsPath(BusObject.mediatedDevice(uuid), name))
      }
      _ = try machine.reply("TakeBackRules")
      let status = try machine.settle()
      #expect(machine.reserved.count == 5)
      #expect(machine.reserved.contains(apqn.description))
      #expect(status["notGivenBack"]?.elements.count == 1)
    }
  }

  @Test(arguments: [-1, 0, 86_401]) func `takes no other time`(seconds: Int) async {
    await #expect(processExitsWith: .success) { [seconds] in
      let machine = try Self.machine()
      #expect(throws: ControlError.self) { try Self.begin(machine, seconds: seconds) }
    }
  }
}
