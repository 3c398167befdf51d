import APBus
import Glibc
import HostSystem
import HostTestSupport
import JSONText
import Reports
import Reservation
import SimulatedBus
import Snapshots
import Synchronization
import TestSupport
import Testing

@testable import Daemon

/// What can keep a guest from its queues.
private enum Situation: String, CaseIterable, Codable {
  case allReserved, adapterGone, domainGone, deconfigured, checkStopped, contended, refused
  case oldHardware, noDriver, undecidable, guestMissesAdapter, guestHasNoRule, rulesWithErrors
  case unreadableBus, noRulesLeft, badConfiguration, draining, lockHeld
  case slowWrite, masksAtNextBoot, muteCard

  /// What each place says of it.
  struct Picture {
    /// The status in one line.
    var summary: String
    /// The exit status of `apreserve status`.
    var outcome = StatusView.Outcome.refused
    /// What `apreserve settle --require '01.*|09.*'` prints; it fails unless that is nothing.
    var open: [String] = []
    /// The metric of requested queues, where it is not 0.
    var counts: [Requests.State: Int]
    /// What `apreserve explain` says of the request for 01.0000.
    var request: String?
    /// The kind of message that the journal has of it, and a part of its text.
    var message: (kind: MessageKind, text: String)
  }

  var picture: Picture {
    let both = "01.0000, 01.0001"
    return switch self {
    case .allReserved:
      Picture(
        summary: "2 of 2 queues reserved", outcome: .fine, counts: [.reserved: 2],
        request: "reserved", message: (.moved, "moved from host to vfio_ap"))
    case .adapterGone:
      Picture(
        summary: "0 of 2 queues reserved, 2 missing",
        open: ["\(both) are missing: this system is not configured for adapter 0x01"],
        counts: [.missing: 2], request: "missing", message: (.requestStuck, "missing"))
    case .domainGone:
      Picture(
        summary: "1 of 2 queues reserved, 1 missing",
        open: ["01.0001 is missing: this system is not configured for domain 0x0001"],
        counts: [.reserved: 1, .missing: 1], request: "reserved",
        message: (.requestStuck, "01.0001 is missing"))
    case .deconfigured:
      Picture(
        summary: "0 of 2 queues reserved, 2 unusable",
        open: ["\(both) are unusable: deconfigured"], counts: [.unusable: 2], request: "unusable",
        message: (.requestStuck, "unusable: deconfigured"))
    case .checkStopped:
      Picture(
        summary: "0 of 2 queues reserved, 2 unusable",
        open: ["\(both) are unusable: check-stopped"], counts: [.unusable: 2], request: "unusable",
        message: (.requestStuck, "unusable: check-stopped"))
    case .contended:
      Picture(
        summary: "1 of 2 queues reserved, 1 contended",
        open: [
          "01.0000 is left alone: another process has moved it back 3 times; find that process, then "
            + "run \"apreserve reload\", or use \(Guard.fighting.remedy)"
        ], counts: [.reserved: 1, .contended: 1], request: "contended",
        message: (.refused, "01.0000 is left alone"))
    case .refused:
      Picture(
        summary: "0 of 1 queues reserved, 1 refused",
        open: [
          "01.0000 cannot be reserved alone by masks: apmask without adapter 0x01 would also take 01.0001, "
        ], counts: [.refused: 1], request: "refused", message: (.refused, "01.0000 cannot"))
    case .oldHardware:
      Picture(
        summary: "2 of 3 queues reserved, 1 refused", open: ["09.0000 is hardware type 9"],
        counts: [.reserved: 2, .refused: 1], request: "reserved",
        message: (.refused, "09.0000 is hardware type 9"))
    case .noDriver:
      Picture(
        summary: "0 of 2 queues reserved, 2 waiting", outcome: .fine,
        open: ["\(both) are waiting: vfio_ap is not loaded"], counts: [.waiting: 2],
        request: "waiting", message: (.waiting, "until vfio_ap is loaded"))
    case .undecidable:
      Picture(
        summary: "0 of 2 queues reserved, 2 undecidable",
        open: ["\(both) are undecidable: a rule compares something that cannot be read now"],
        counts: [.undecidable: 2], request: "undecidable",
        message: (.requestStuck, "are undecidable"))
    case .guestMissesAdapter:
      Picture(
        summary: "2 of 3 queues reserved, 1 missing",
        open: ["09.0000 is missing: this system is not configured for adapter 0x09"],
        counts: [.reserved: 2, .missing: 1], request: "reserved",
        message: (.requestStuck, "09.0000 is missing"))
    case .guestHasNoRule:
      Picture(
        summary: "0 of 1 queues reserved, 1 refused",
        open: [
          "01.0000 is refused: mediated device \(Self.uuid) includes it, and no rule reserves it"
        ], counts: [.refused: 1], request: "refused",
        message: (.requestStuck, "no rule reserves it"))
    case .rulesWithErrors:
      Picture(
        summary: "DEGRADED, rules have errors: 2 of 2 queues reserved", outcome: .error,
        counts: [.reserved: 2], request: "reserved", message: (.rulesRefused, "the rules have"))
    case .unreadableBus:
      Picture(
        summary: "listing /sys/bus/ap/devices: EIO", outcome: .error,
        open: ["\(both) are unreadable: listing /sys/bus/ap/devices: EIO"],
        counts: [.unreadable: 2], request: "unreadable", message: (.problem, "EIO"))
    case .noRulesLeft:
      Picture(
        summary: "0 of 0 queues reserved, 2 not given back", counts: [:], request: nil,
        message: (.rulesEmptied, "there are no rules any more"))
    case .badConfiguration:
      Picture(
        summary: "DEGRADED, settings have errors: 2 of 2 queues reserved", outcome: .error,
        counts: [.reserved: 2], request: "reserved",
        message: (.configuration, "FightLimit"))
    case .draining:
      Picture(
        summary: "1 of 2 queues reserved, 1 waiting", outcome: .fine,
        open: ["01.0000 is waiting: the queue has pending requests to finish"],
        counts: [.reserved: 1, .waiting: 1], request: "waiting",
        message: (.draining, "01.0000 has 3 requests to finish"))
    case .lockHeld:
      Picture(
        summary: "0 of 2 queues reserved, 2 waiting", outcome: .fine,
        open: ["\(both) are waiting: another process holds the lock"], counts: [.waiting: 2],
        request: "waiting", message: (.lockHeld, "which holds"))
    case .slowWrite:
      Picture(
        summary: "0 of 2 queues reserved, 2 pending; writing", outcome: .fine,
        open: ["\(both) are pending: about to be moved to vfio_ap"], counts: [.pending: 2],
        request: "pending", message: (.longWrite, "has taken"))
    case .masksAtNextBoot:
      Picture(
        summary: "2 of 2 queues reserved", outcome: .fine, counts: [.reserved: 2],
        request: "reserved", message: (.warned, "41-ap.rules"))
    case .muteCard:
      Picture(
        summary: "0 of 2 queues reserved, 2 unreadable",
        open: ["\(both) are unreadable: \(Self.silence)"], counts: [.unreadable: 2],
        request: "unreadable", message: (.cardSilent, Self.silence))
    }
  }

  private static let silence =
    "card01 does not answer: reading /sys/devices/ap/card01/serialnr: no answer within 1 s"
  private static let uuid = "11111111-2222-3333-4444-555555555555"
  private static let definition = "etc/mdevctl.d/matrix/\(uuid)"

  private static func device(adapters: [Int]) -> String {
    let attributes =
      adapters.map { "{\"assign_adapter\": \"\($0)\"}" } + ["{\"assign_domain\": \"0\"}"]
    return """
      {"mdev_type": "vfio_ap-passthrough", "start": "auto", "attrs": [\(attributes.joined(separator: ", "))]}
      """
  }

  /// A machine of adapters 0 to 2 and domains 0 and 1 in this situation.
  func machine() throws -> LiveMachine {
    let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
    switch self {
    case .refused:
      return try LiveMachine(
        .mask, rules: "APQN==\"01.0000\", RESERVE=\"vfio_ap\"\n", domains: 0...1)
    case .undecidable:
      return try LiveMachine(
        .override, rules: "HOST!=\"prod*\", " + rule, domains: 0...1,
        host: ["etc/hostname": "localhost\n"]
      ) { settings in
        let facts = HostFacts(root: settings.root ?? "")
        settings.host = { facts.identity() }
      }
    case .guestMissesAdapter:
      return try LiveMachine(
        .override, rules: rule, domains: 0...1,
        host: [Self.definition: Self.device(adapters: [1, 9])])
    case .guestHasNoRule:
      return try LiveMachine(
        .override, rules: "# none\n", domains: 0...1,
        host: [Self.definition: Self.device(adapters: [1])])
    case .oldHardware:
      return try LiveMachine(
        .bind, rules: "ADAPTER==\"1|9\", RESERVE=\"vfio_ap\"\n", domains: 0...1)
    case .badConfiguration:
      return try LiveMachine(
        .override, rules: rule, domains: 0...1, configuration: [.fightLimit: "many"])
    case .draining, .slowWrite: return try LiveMachine(.override, rules: "", domains: 0...1)
    case .lockHeld:
      return try LiveMachine(
        .mask, rules: "", domains: 0...1, configuration: [.lockTimeout: "1h"],
        host: ["lock": "\(getppid())\n"]
      ) { settings in settings.configurationLock = settings.root.map { $0 + "/lock" } }
    case .masksAtNextBoot:
      return try LiveMachine(
        .override, rules: rule, domains: 0...1,
        host: ["etc/udev/rules.d/41-ap.rules": "ATTR{[ap]apmask}=\"-1\"\n"])
    case .muteCard:
      return try LiveMachine(.override, rules: "# none\n", domains: 0...1) {
        $0.answerLimit = .seconds(1)
      }
    default: return try LiveMachine(.override, rules: rule, domains: 0...1)
    }
  }

  /// Brings it about on a machine where all that can be is reserved.
  func begin(on machine: LiveMachine) throws {
    switch self {
    case .adapterGone: machine.bus.use { $0.unplug(card: 1) }
    case .domainGone: machine.bus.use { $0.removeDomain(1) }
    case .deconfigured: machine.bus.use { $0.setConfigured(card: 1, to: false) }
    case .checkStopped:
      machine.bus.use {
        $0.setCheckStopped(card: 1, to: true)
        $0.scan()
      }
    case .contended:
      for _ in 0..<3 {
        try machine.bus.write("\n", to: .queue(APQN(adapter: 1, domain: 0), "driver_override"))
        try machine.bus.write("01.0000", to: .driver("vfio_ap", "unbind"))
        // The daemon may have been faster.
        try? machine.bus.write("01.0000", to: .driver("cex4queue", "bind"))
        try machine.settle()
      }
    case .oldHardware:
      machine.bus.use {
        $0.plug(
          card: SimulatedCard(adapter: 9, hardwareType: HardwareType(rawValue: 9)), domains: [0])
      }
    case .noDriver: try machine.bus.use { bus in Result { try bus.unloadModule(.vfioAP) } }.get()
    case .rulesWithErrors: try machine.tree.file("rules/60.rules", "ADAPTER==\"99\"\n")
    case .unreadableBus:
      machine.bus.isUnreadable.store(true, ordering: .relaxed)
    case .noRulesLeft: machine.tree.remove("rules/50-test.rules")
    case .draining:
      machine.bus.use {
        $0.setLoad(QueueLoad(pending: 3, drainRate: 0), on: APQN(adapter: 1, domain: 0))
      }
      try reserve(on: machine)
    case .slowWrite:
      machine.bus.isStuck.store(true, ordering: .relaxed)
      try reserve(on: machine)
    case .lockHeld: try reserve(on: machine)
    case .muteCard:
      machine.bus.use { $0.setMute(card: 1, to: true) }
      try machine.tree.file(
        "rules/60.rules", "CARD{serialnr}==\"93AA0001\", RESERVE=\"vfio_ap\"\n")
    case .allReserved, .refused, .undecidable, .guestMissesAdapter, .guestHasNoRule,
      .badConfiguration, .masksAtNextBoot:
      break
    }
  }

  private func reserve(on machine: LiveMachine) throws {
    try machine.tree.file("rules/60.rules", "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n")
  }

  /// Whether the daemon comes to the end of its work, without an event where there is none.
  var endsByItself: Bool {
    switch self {
    // Root's settle scans what sends no event, which would mend a missing driver.
    case .noDriver, .draining, .slowWrite, .lockHeld: false
    default: true
    }
  }
}

@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `What keeps a guest from its queues` {
  @Test(arguments: Situation.allCases.map(\.rawValue))
  func `is the same in status, metrics, explanation, requirements and journal`(
    name: String
  ) async {
    await #expect(processExitsWith: .success) { [name] in
      let situation = try #require(Situation(rawValue: name))
      let picture = situation.picture
      let machine = try situation.machine()
      try machine.settle()
      try situation.begin(on: machine)
      try machine.wait {
        if situation.endsByItself { try machine.settle() }
        return try machine.status()["summary"]?.text?.hasPrefix(picture.summary) == true
      }
      let status = try machine.status()
      let summary = status["summary"]?.text ?? ""
      #expect(summary.hasPrefix(picture.summary), "\(name): \(summary)")
      let view = StatusView(status)
      #expect(view.outcome == picture.outcome, "\(name)")
      let series = try machine.metrics().split(separator: "\n").filter {
        $0.hasPrefix("apreserve_requested_queues{") && !$0.hasSuffix(" 0")
      }
      let expected = Requests.State.allCases.compactMap { state in
        picture.counts[state].map {
          "apreserve_requested_queues{state=\"\(state.rawValue)\"} \($0)"
        }
      }
      #expect(series.map(String.init) == expected, "\(name)")
      let requests = try machine.reply("GetRequests", [.init("queues", "01.*|09.*")])
      let messages = (requests["openRequests"]?.elements ?? []).compactMap { $0["message"]?.text }
      #expect(messages.count == picture.open.count, "\(name): \(messages)")
      for (message, start) in zip(messages, picture.open) {
        #expect(message.hasPrefix(start), "\(name): \(message)")
      }
      let text = view.text(now: HostTime().wallTime)
      for request in status["openRequests"]?.elements ?? [] {
        let message = try #require(StatusView.message(ofRequests: request))
        #expect(text.contains("  \(message)\n"), "\(name): \(text)")
      }
      let explanation = try machine.reply("Explain", [.init("queue", "01.0000")])["explanation"]
      #expect(explanation?["request"]?.text == picture.request, "\(name)")
      try machine.requirePlanElsewhere(name)
      try machine.wait {
        machine.messages.texts(of: picture.message.kind).contains {
          $0.contains(picture.message.text)
        }
      }
      machine.bus.isStuck.store(false, ordering: .relaxed)
    }
  }
}

extension LiveMachine {
  /// Another program comes to the plan, the list and the explanation of the daemon, with what that gives it.
  fileprivate func requirePlanElsewhere(_ name: String) throws {
    var pairs: [(daemon: JSONValue, other: JSONValue)] = []
    // The daemon may have changed its mind between two questions.
    try wait {
      guard let reply = try? reply("GetPlanningState") else {
        // There is no machine, or not yet.
        return (try? self.reply("Plan")) == nil
      }
      let state = try PlanningState(reply["state"] ?? .null)
      guard let assessment = try? state.assessment() else { return true }
      let apqn = APQN(adapter: 1, domain: 0)
      pairs = [
        (try self.reply("Plan")["plan"] ?? .null, PlanReport(assessment).json),
        (
          .array(try self.reply("ListQueues")["queues"]?.elements ?? []),
          .array(QueueList(assessment).adapters.flatMap(QueueList(assessment).json(ofCard:)))
        ),
        (
          try self.reply("Explain", [.init("queue", "01.0000")])["explanation"] ?? .null,
          Explanation(apqn, in: assessment).json
        ),
      ].map { ($0.0.withoutNull, $0.1.withoutNull) }
      return pairs.allSatisfy { $0.daemon == $0.other }
    }
    for pair in pairs { #expect(pair.daemon == pair.other, "\(name)") }
  }
}

extension JSONValue {
  /// The value without members that are null, which is the same as leaving them out.
  fileprivate var withoutNull: JSONValue {
    switch self {
    case .object(let members):
      .object(
        members.filter { $0.value != .null }.map { Member($0.key, $0.value.withoutNull) })
    case .array(let elements): .array(elements.map(\.withoutNull))
    default: self
    }
  }
}
