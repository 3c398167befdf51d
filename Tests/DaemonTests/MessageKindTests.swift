import APBus
import Glibc
import HostSystem
import HostTestSupport
import JSONText
import Reservation
import SimulatedBus
import Synchronization
import TestSupport
import Testing

@testable import Daemon

/// What makes a daemon write messages, and which ones.
private enum Occasion: String, CaseIterable, Codable {
  case everyday, rulesFail, rulesOnTrial, brokenFiles, stuckKernel, refusingKernel, unreadableBus,
    otherProcess
  case impossibleRequests, arrival, lateStart, heldLock, noBus, unscannedBus, lostEvents, otherLock
  case muteAdapter, changeover, otherKey

  /// The kinds that this is about.
  var kinds: Set<MessageKind> {
    switch self {
    case .everyday:
      [
        .started, .mechanism, .rulesLoaded, .moved, .ready, .reloadRequested, .applyRequested,
        .hostRenamed, .requestStuck, .requestFreed, .waiting, .draining, .warned, .stopping,
      ]
    case .rulesFail: [.rulesRefused, .rulesEmptied]
    case .rulesOnTrial: [.rulesTried, .rulesConfirmed, .rulesTakenBack]
    case .brokenFiles:
      [.configuration, .ruleArchive, .recordDamaged, .keyLedger, .history, .control]
    case .stuckKernel: [.longWrite, .longRead, .left]
    case .refusingKernel: [.writeRefused, .failed]
    case .unreadableBus: [.problem]
    case .otherProcess: [.movedByOthers]
    case .impossibleRequests: [.refused, .suppressed]
    case .arrival: [.takenOnArrival]
    case .lateStart: [.lateStart]
    case .heldLock: [.lockHeld]
    case .noBus: [.withoutBus]
    case .unscannedBus: [.beforeFirstScan]
    case .lostEvents: [.overrun]
    case .otherLock: [.repaired]
    case .muteAdapter: [.cardSilent, .cardAnswers]
    case .changeover: [.changeoverRequested, .changeoverRefused]
    case .otherKey: [.keyChanged, .keyAlarm]
    }
  }

  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
  private static let rules = "rules/50-test.rules"

  /// Lets it happen on a machine.
  func play() throws -> LiveMachine {
    switch self {
    case .everyday: try Self.everyday()
    case .rulesFail: try Self.rulesFail()
    case .rulesOnTrial: try Self.rulesOnTrial()
    case .brokenFiles: try Self.brokenFiles()
    case .stuckKernel: try Self.stuckKernel()
    case .refusingKernel: try Self.machine { $0.refusesWrites.store(true, ordering: .relaxed) }
    case .unreadableBus: try Self.machine { $0.isUnreadable.store(true, ordering: .relaxed) }
    case .otherProcess:
      try Self.machine { bus in
        let apqn = APQN(adapter: 1, domain: 0)
        try bus.write("\n", to: .queue(apqn, "driver_override"))
        try bus.write("01.0000", to: .driver("vfio_ap", "unbind"))
      }
    case .impossibleRequests:
      try LiveMachine(
        .mask, rules: "ADAPTER==\"1\", DOMAIN==\"0-0x27\", RESERVE=\"vfio_ap\"\n", domains: 0...50)
    case .arrival:
      try Self.machine(.mask, rules: "APQN==\"00-02.0003\", RESERVE=\"vfio_ap\"\n") { bus in
        bus.use { $0.plug(card: SimulatedCard(adapter: 7)) }
      }
    case .lateStart:
      try LiveMachine(
        .override, rules: Self.rule,
        host: [
          "etc/mdevctl.d/matrix/11111111-2222-3333-4444-555555555555":
            #"{"mdev_type": "vfio_ap-passthrough", "start": "auto", "attrs": []}"#
        ])
    case .heldLock:
      // The parent of the test process is running.
      try LiveMachine(.mask, rules: Self.rule, host: ["lock": "\(getppid())\n"]) { settings in
        settings.configurationLock = (settings.root ?? "") + "/lock"
      }
    case .noBus: try LiveMachine(.mask, rules: Self.rule, hasBus: false)
    case .unscannedBus: try LiveMachine(.mask, rules: Self.rule, isScanned: false)
    case .lostEvents: try Self.lostEvents()
    case .otherLock: try Self.otherLock()
    case .muteAdapter: try Self.muteAdapter()
    case .changeover: try Self.changeover()
    case .otherKey: try LiveMachine.withChangedKey()
    }
  }

  /// A machine that has settled, and to which something happens then.
  private static func machine(
    _ mechanism: Mechanism = .override, rules: String = rule, _ happens: (SharedBus) throws -> Void
  ) throws -> LiveMachine {
    let machine = try LiveMachine(mechanism, rules: rules)
    try machine.settle()
    try happens(machine.bus)
    try machine.tree.file("rules/60.rules", "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n")
    return machine
  }

  private static func everyday() throws -> LiveMachine {
    let queue = APQN(adapter: 1, domain: 2)
    let machine = try LiveMachine(
      .override, rules: "# none\n", host: ["etc/hostname": "test1\n"]
    ) { settings in
      let facts = HostFacts(root: settings.root ?? "")
      settings.host = { facts.identity() }
    }
    try machine.settle()
    machine.bus.use { $0.setLoad(QueueLoad(pending: 3, drainRate: 3), on: queue) }
    try machine.tree.file(Self.rules, "ADAPTER==\"0-2\", RESERVE=\"vfio_ap\"\n")
    try machine.wait { machine.messages.kinds.contains(.draining) }
    machine.bus.use { $0.passTime() }
    try machine.settle()
    machine.bus.use { $0.unplug(card: 1) }
    try machine.settle()
    machine.bus.use { $0.plug(card: SimulatedCard(adapter: 1)) }
    try machine.settle()
    try machine.bus.use { bus in Result { try bus.unloadModule(.vfioAP) } }.get()
    try machine.wait { machine.messages.kinds.contains(.waiting) }
    machine.bus.use { $0.loadModule(.vfioAP) }
    try machine.tree.file("host/etc/hostname", "prod1\n")
    try machine.reload()
    _ = try machine.reply("Apply")
    try machine.stop()
    return machine
  }

  /// Masks cannot reserve a single queue.
  private static func changeover() throws -> LiveMachine {
    let machine = try LiveMachine(
      .override, rules: "APQN==\"01.0001\", RESERVE=\"vfio_ap\"\n",
      configuration: [.mechanism: "auto"])
    try machine.settle()
    #expect(throws: ControlError.self) {
      try machine.reply("ChangeOver", [.init("mechanism", "mask")])
    }
    return machine
  }

  private static func rulesFail() throws -> LiveMachine {
    let machine = try LiveMachine(.override, rules: Self.rule)
    try machine.settle()
    try machine.tree.file("rules/60.rules", "ADAPTER==\"99\"\n")
    try machine.wait { machine.messages.kinds.contains(.rulesRefused) }
    machine.tree.remove("rules/60.rules")
    machine.tree.remove(Self.rules)
    return machine
  }

  private static func rulesOnTrial() throws -> LiveMachine {
    let machine = try LiveMachine(.override, rules: Self.rule) { settings in
      settings.ruleTrial = (settings.record?.directory ?? "") + "/unconfirmed.rules"
    }
    try machine.settle()
    for (domain, method) in [(0, "ConfirmRules"), (1, "TakeBackRules")] {
      try machine.tree.file(
        Self.rules, Self.rule + "APQN==\"02.000\(domain)\", RESERVE=\"vfio_ap\"\n")
      _ = try machine.reply("TryRules", [.init("seconds", .integer(60))])
      _ = try machine.reply(method)
    }
    return machine
  }

  private static func brokenFiles() throws -> LiveMachine {
    try LiveMachine(.override, rules: "ADAPTER==\"99\"\n", configuration: [.fightLimit: "many"]) {
      settings in
      let state = settings.record?.directory ?? ""
      for name in ["ownership", "keys", "history", "last-good.rules"] {
        try? HostFile.write("nonsense\n", to: "\(state)/\(name)")
      }
      try? HostFile.write("no socket\n", to: settings.control)
    }
  }

  private static func stuckKernel() throws -> LiveMachine {
    let machine = try LiveMachine(.override, rules: "# none\n")
    try machine.settle()
    machine.bus.holdsListings.store(true, ordering: .relaxed)
    try machine.tree.file("rules/60.rules", Self.rule)
    try machine.wait { machine.messages.kinds.contains(.longRead) }
    machine.bus.isStuck.store(true, ordering: .relaxed)
    machine.bus.holdsListings.store(false, ordering: .relaxed)
    try machine.wait { machine.messages.kinds.contains(.longWrite) }
    machine.beginToStop()
    try machine.wait { machine.messages.kinds.contains(.stopping) }
    machine.bus.isStuck.store(false, ordering: .relaxed)
    return machine
  }

  /// An adapter that does not answer until that was reported.
  private static func muteAdapter() throws -> LiveMachine {
    let machine = try LiveMachine(.override, rules: "# none\n", domains: 0...1) {
      $0.answerLimit = .seconds(1)
    }
    try machine.settle()
    machine.bus.use { $0.setMute(card: 1, to: true) }
    try machine.tree.file(
      "rules/60.rules", "CARD{serialnr}==\"93AA0001\", RESERVE=\"vfio_ap\"\n")
    try machine.wait { machine.messages.kinds.contains(.cardSilent) }
    machine.bus.use { $0.setMute(card: 1, to: false) }
    return machine
  }

  private static func lostEvents() throws -> LiveMachine {
    let machine = try LiveMachine(.mask, rules: Self.rule)
    try machine.settle()
    try machine.shrinkReceiveBuffer()
    // The loop is busy, so that events are lost for certain.
    machine.messages.holdUp(.rulesLoaded)
    try machine.tree.file("rules/60.rules", "# nothing\n")
    try machine.wait { machine.messages.isHoldingUp }
    for number in 0..<1000 { machine.injection.injectQueue(number) }
    machine.messages.holdUp(nil)
    return machine
  }

  /// Another user's process holds a lock file that is open to it.
  private static func otherLock() throws -> LiveMachine {
    var holder: pid_t?
    defer { if let holder { kill(holder, SIGKILL) } }
    return try LiveMachine(.override, rules: Self.rule) { settings in
      let lock = (settings.record?.directory ?? "") + "/lock"
      let parent = lock.split(separator: "/").dropLast(2).joined(separator: "/")
      chmod("/" + parent, 0o755)
      try? HostFile.write("1\n", to: lock)
      guard
        let pipe = popen(
          "exec setpriv --reuid=65534 --regid=65534 --clear-groups flock --no-fork -s \(lock) "
            + "sh -c 'echo $$; exec sleep 3600'", "r")
      else { return }
      var number: Int32 = 0
      var line = [CChar](repeating: 0, count: 32)
      if fgets(&line, 32, pipe) != nil { number = atoi(line) }
      holder = number > 0 ? number : nil
      settings.repairs = (try? InstanceLock(path: lock, as: .daemon))?.repairs ?? []
    }
  }
}

@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .enabled(if: geteuid() == 0, "only root can start a process of another user"), .serialized)
struct `Each kind of message` {
  @Test(arguments: Occasion.allCases)
  fileprivate func `is written on an occasion`(occasion: Occasion) async {
    await #expect(processExitsWith: .success) { [occasion] in
      let machine = try occasion.play()
      try machine.wait { machine.messages.kinds.isSuperset(of: occasion.kinds) }
      let missing = occasion.kinds.subtracting(machine.messages.kinds)
      #expect(missing.isEmpty, "\(missing)")
    }
  }

  /// The catalogue has exactly the kinds that there are (`The journal's messages`).
  @Test func `has an occasion here`() {
    let shown = Occasion.allCases.reduce(into: Set<MessageKind>()) { $0.formUnion($1.kinds) }
    #expect(Set(MessageKind.allCases).subtracting(shown) == [])
  }
}
