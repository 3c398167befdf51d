import AdjunctProcessor
import Configuration
import Reservation
import TestSupport
import Testing

@Suite struct `The configuration` {
  private func configuration(_ texts: String...) -> Configuration {
    Configuration(
      texts.enumerated().map { ConfigurationText(path: "\($0).conf", bytes: Array($1.utf8)) })
  }

  @Test func `has a default for everything`() {
    let configuration = configuration("")
    #expect(configuration == Configuration())
    #expect(configuration.applied.map(\.key) == ConfigurationKey.allCases)
    #expect(configuration.applied.allSatisfy { $0.origin == "default" })
  }

  @Test func `sets every setting, and says from where`() {
    let configuration = configuration(
      """
      # a comment
      [Reservation]
      Mechanism = override
      ProtectHost=yes
      Force=fighting  ap-check
      DrainTimeoutSec=1min
      FightLimit=5
      FightIntervalSec=500ms
      ReannounceMatrix=yes

      ; another one
      [Daemon]
      RescanIntervalSec=2 min
      BusSettleSec=0
      StartTimeoutSec=90
      LockTimeoutSec=1h
      """)
    #expect(configuration.problems.isEmpty)
    #expect(configuration.mechanism == .override)
    #expect(configuration.policy.protectHost == .yes)
    #expect(configuration.policy.forced == [.fighting, .callout])
    #expect(configuration.policy.drainLimit == .seconds(60))
    #expect(configuration.policy.fightLimit == 5)
    #expect(configuration.policy.fightInterval == .milliseconds(500))
    #expect(configuration.reannouncesMatrix)
    #expect(configuration.rescanInterval == .seconds(120))
    #expect(configuration.busSettle == .zero)
    #expect(configuration.startTimeout == .seconds(90))
    #expect(configuration.lockTimeout == .seconds(3600))
    let applied = configuration.applied
    #expect(applied.first { $0.key == .force }?.value == "ap-check fighting")
    #expect(applied.first { $0.key == .fightInterval }?.value == "500ms")
    #expect(applied.map(\.origin).prefix(2) == ["0.conf:3", "0.conf:4"])
  }

  @Test func `reads back the values that it shows`() {
    let written = Configuration().applied.map {
      "[\($0.key.section)]\n\($0.key.rawValue)=\($0.value)\n"
    }
    let read = configuration(written.joined())
    #expect(read.problems.isEmpty)
    #expect(read.applied.map(\.value) == Configuration().applied.map(\.value))
  }

  @Test func `is that of the last file that sets something`() {
    let configuration = configuration(
      "[Reservation]\nFightLimit=1\nForce=fighting\n", "[Reservation]\nFightLimit=2\n",
      "[Reservation]\nForce=\nForce=ap-check\n")
    #expect(configuration.policy.fightLimit == 2)
    #expect(configuration.policy.forced == [.callout])
    #expect(configuration.applied.first { $0.key == .fightLimit }?.origin == "1.conf:2")
  }

  @Test(arguments: [
    ("[Daemon]\n=x", "0.conf:2: \"=x\" has no name before ="),
    ("x", "0.conf:1: \"x\" is neither a section nor Key=value"),
    (
      "[Reservations]",
      "0.conf:1: [Reservations] is no section; there are [Reservation] and [Daemon]"
    ),
    ("[Daemon", "0.conf:1: [Daemon is no section; there are [Reservation] and [Daemon]"),
    ("FightLimit=3", "0.conf:1: FightLimit belongs below [Reservation]"),
    ("[Daemon]\nFightLimit=3", "0.conf:2: FightLimit belongs below [Reservation]"),
    (
      "[Daemon]\nRescan=3",
      "0.conf:2: there is no setting Rescan; there are RescanIntervalSec, BusSettleSec, "
        + "StartTimeoutSec, LockTimeoutSec"
    ),
    ("[Reservation]\nfightlimit=3", "0.conf:2: write FightLimit instead of fightlimit"),
    (
      "[Reservation]\nMechanism=magic",
      "0.conf:2: Mechanism=magic is not understood: write one of auto, bind, mask, override"
    ),
    (
      "[Reservation]\nFightLimit=0",
      "0.conf:2: FightLimit=0 is not understood: write a number from 1 to 1000"
    ),
    (
      "[Daemon]\nRescanIntervalSec=0",
      "0.conf:2: RescanIntervalSec=0 is not understood: write a time such as 30, 500ms or 2min, from "
        + "1s to 24 h"
    ),
    (
      "[Reservation]\nReannounceMatrix=maybe",
      "0.conf:2: ReannounceMatrix=maybe is not understood: write yes or no"
    ),
  ])
  func `says what is wrong, where, and what to write`(text: String, problem: String) {
    let configuration = configuration(text)
    #expect(configuration.problems.map(\.description) == [problem])
    #expect(configuration.applied.map(\.value) == Configuration().applied.map(\.value))
  }

  @Test(arguments: ["-1", "1.5", "9223372036854775807", "25h", "", "s", "1 day", "٣"])
  func `takes no time that makes no sense`(text: String) {
    #expect(configuration("[Daemon]\nLockTimeoutSec=\(text)").problems.count == 1)
  }

  @Test func `survives any bytes`() {
    var bytes: [UInt8] = []
    for byte in UInt8.min...UInt8.max { bytes += [byte, 0x3d, byte, 0x0a, 0x5b, byte] }
    let configuration = Configuration([ConfigurationText(path: "x", bytes: bytes)])
    #expect(configuration.problems.allSatisfy { $0.description.allSatisfy { $0 != "\n" } })
    #expect(configuration.applied.map(\.value) == Configuration().applied.map(\.value))
  }
}

@Suite struct `The manual of the configuration` {
  @Test func `has every setting with its default`() throws {
    let text = String(
      decoding: try SourceFile.bytes("packaging/man/apreserve.conf.5"), as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    for (key, value, _) in Configuration().applied {
      #expect(lines.contains(".B \(key.rawValue)=\(value)"), "\(key.rawValue)")
    }
    let settings = lines.filter { $0.hasPrefix(".B ") && $0.contains("=") && $0.last != "=" }
    #expect(settings.count == ConfigurationKey.allCases.count - 1)
  }
}
