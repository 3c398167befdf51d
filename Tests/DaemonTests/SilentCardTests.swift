import APBus
import HostSystem
import HostTestSupport
import JSONText
import SimulatedBus
import Synchronization
import TestSupport
import Testing

@testable import Daemon

@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `A mute adapter` {
  private static let serial = "/sys/devices/ap/card01/serialnr"
  private static let silence = "card01 does not answer: reading \(serial): no answer within "
  private static let rules = [
    "ADAPTER==\"1|2\", RESERVE=\"vfio_ap\"\n",
    "CARD{serialnr}==\"93AA0001|93AA0002\", RESERVE=\"vfio_ap\"\n",
  ]

  /// Adapters 0 to 2 in domains 0 and 1 with the same master keys, of which adapter 1 is mute, on a host whose
  /// keys are protected.
  private static func machine(waiting limit: Duration) throws -> LiveMachine {
    let machine = try LiveMachine(
      .override, rules: "# none\n", domains: 0...1, configuration: [.protectHost: "yes"]
    ) {
      $0.answerLimit = limit
      $0.stopLimit = .seconds(3600)
    }
    try machine.settle()
    machine.bus.use { bus in
      for adapter in UInt8(0)...2 {
        bus.setMasterKeys("AES CUR: valid 0x1111111111111111", onCard: adapter)
      }
      bus.setMute(card: 1, to: true)
    }
    return machine
  }

  /// A daemon that starts while one `mkvps` is never answered, and that would wait for it for hours.
  @Test(arguments: [false, true])
  func `holds up no other queue when the daemon starts`(protectsHost: Bool) async {
    await #expect(processExitsWith: .success) { [protectsHost] in
      let mute = SysfsPath.queue(APQN(adapter: 1, domain: 1), "mkvps")
      let machine = try LiveMachine(
        .override, rules: "ADAPTER==\"0-1\", RESERVE=\"vfio_ap\"\n", domains: 0...1,
        configuration: [.protectHost: protectsHost ? "yes" : "no"],
        settings: {
          $0.answerLimit = .seconds(4 * 3600)
          $0.stopLimit = .seconds(3600)
        },
        onBus: { bus in
          bus.use { bus in
            for adapter in UInt8(0)...2 {
              bus.setMasterKeys("AES CUR: valid 0x1111111111111111", onCard: adapter)
            }
          }
          bus.setMute(mute, to: true)
        })
      // What would have to be known before is not taken; nothing else waits for it.
      try machine.wait {
        Set(machine.reserved).isSuperset(
          of: protectsHost ? ["00.0000", "00.0001"] : ["00.0000", "00.0001", "01.0000", "01.0001"])
      }
      if protectsHost {
        #expect(machine.reserved == ["00.0000", "00.0001"])
        try machine.wait {
          (try machine.status()["openRequests"]?.elements ?? []).contains {
            $0["message"]?.text?.contains("(reading \(mute): no answer yet)") == true
          }
        }
        let status = try machine.status()
        #expect(status["unansweredCards"]?.elements.count == 0, "its time is not over")
      }
      machine.bus.setMute(mute, to: false)
      try machine.wait { machine.reserved.count == 4 }
      #expect(machine.messages.texts(of: .cardSilent) == [])
    }
  }

  /// By number, or by what only it knows: then its master keys, or its serial number, would have to be known.
  @Test(arguments: [0, 1])
  func `stops nothing but its own queues, is named everywhere, and they are moved once it answers`(
    rule: Int
  ) async {
    await #expect(processExitsWith: .success) { [rule] in
      let machine = try Self.machine(waiting: .seconds(1))
      try machine.tree.file("rules/60.rules", Self.rules[rule])
      try machine.wait {
        try machine.settle()["summary"]?.text == "2 of 4 queues reserved, 2 unreadable"
      }
      #expect(machine.reserved == ["02.0000", "02.0001"])
      let status = try machine.status()
      let card = try #require(status["unansweredCards"]?.elements.first)
      #expect(card["card"]?.text == "card01")
      #expect(card["path"]?.text == Self.serial)
      #expect(card["seconds"] == .number("1.000"))
      let view = StatusView(status)
      #expect(view.outcome == .refused)
      #expect(try machine.metrics().contains("\napreserve_unanswered_cards 1\n"))
      let text = view.text(now: HostTime().wallTime)
      #expect(text.contains("\nwarnings\n  \(Self.silence)1 s; "), "\(text)")
      #expect(text.contains("\nunreadable\n"), "\(text)")
      #expect(!text.contains("\nrefused\n"), "\(text)")
      let explanation = try machine.reply("Explain", [.init("queue", "01.0001")])["explanation"]
      #expect(explanation?["request"]?.text == "unreadable")
      #expect(explanation?["unanswered"]?.text == "reading \(Self.serial): no answer within 1 s")
      let obstacles = (explanation?["blockedBy"]?.elements ?? []).compactMap(\.text)
      #expect(obstacles.count == 1 && obstacles[0].contains(Self.serial), "\(obstacles)")
      let queues = try machine.reply("ListQueues", [.init("adapter", .integer(1))])["queues"]
      #expect(
        (queues?.elements ?? []).map { $0["unanswered"]?.text?.contains(Self.serial) } == [
          true, true,
        ])
      try machine.wait { machine.messages.texts(of: .cardSilent).count == 1 }

      machine.bus.use { $0.setMute(card: 1, to: false) }
      // Nobody asks the daemon for it, and no event tells of it.
      try machine.wait { machine.reserved.count == 4 }
      try machine.wait { machine.messages.texts(of: .cardAnswers) == ["card01 answers again"] }
      try machine.wait {
        try machine.status()["summary"]?.text == "4 of 4 queues reserved"
      }
      #expect(try machine.status()["unansweredCards"]?.elements.count == 0)
      #expect(machine.messages.texts(of: .cardSilent).count == 1)
      #expect(machine.messages.texts(of: .problem).isEmpty)
    }
  }

  @Test func `has a message of its own, not one of a wait that lasts`() {
    for (path, isLimited) in [(SysfsPath.card(1, "serialnr"), true), (.card(1, "hwtype"), false)] {
      #expect(Wait(subject: .read(path), since: .boot).isLimited == isLimited)
      #expect(!Wait(subject: .write(path, text: "1"), since: .boot).isLimited)
    }
  }

  @Test func `is not waited for by a daemon that is to stop, and shows while it is waited for`()
    async
  {
    await #expect(processExitsWith: .success) {
      let machine = try Self.machine(waiting: .seconds(3600))
      try machine.tree.file("rules/60.rules", Self.rules[1])
      try machine.wait { try machine.status()["wait"]?["path"]?.text == Self.serial }
      #expect(try machine.status()["wait"]?["kind"]?.text == "read")
      try machine.stop()
      #expect(machine.messages.texts(of: .problem).isEmpty)
      #expect(machine.messages.texts(of: .failed).isEmpty)
    }
  }
}
