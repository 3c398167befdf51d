import APBus
import Glibc
import HostSystem
import Reservation
import TestSupport
import Testing

@Suite struct `The configuration` {
  private func configuration(_ texts: String...) -> Configuration {
    Configuration(sources(texts))
  }

  private func sources(_ texts: [String]) -> [ConfigurationSource] {
    texts.enumerated().map {
      .text(ConfigurationText(path: "\($0).conf", bytes: Array($1.utf8)))
    }
  }

  @Test func `has a default for everything`() {
    let configuration = configuration("")
    #expect(configuration == Configuration())
    #expect(configuration.applied.map(\.name) == Setting.allCases.map(\.rawValue))
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
      GuestStart=warn
      GuestStartTimeoutSec=5

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
    #expect(configuration.guestStart == .warn)
    #expect(configuration.guestStartTimeout == .seconds(5))
    #expect(configuration.rescanInterval == .seconds(120))
    #expect(configuration.busSettle == .zero)
    #expect(configuration.startTimeout == .seconds(90))
    #expect(configuration.lockTimeout == .seconds(3600))
    let applied = configuration.applied
    #expect(applied.first { $0.name == "Force" }?.value == "ap-check fighting")
    #expect(applied.first { $0.name == "FightIntervalSec" }?.value == "500ms")
    #expect(applied.map(\.origin).prefix(2) == ["0.conf:3", "0.conf:4"])
  }

  @Test func `reads back the values that it shows`() {
    let written = zip(Setting.allCases, Configuration().applied).map {
      "[\($0.section.rawValue)]\n\($1.text)\n"
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
    #expect(configuration.applied.first { $0.name == "FightLimit" }?.origin == "1.conf:2")
  }

  @Test(arguments: [
    ("[Daemon]\n=x", "0.conf:2: \"=x\" has no name before ="),
    ("x", "0.conf:1: \"x\" is neither a section nor Key=value"),
    (
      "[Reservations]",
      "0.conf:1: unknown section [Reservations]; the sections are [Reservation] and [Daemon]"
    ),
    ("[Daemon", "0.conf:1: unknown section [Daemon; the sections are [Reservation] and [Daemon]"),
    (
      "FightLimit=3",
      "0.conf:1: FightLimit belongs in the section [Reservation]; in force: FightLimit=3"
    ),
    (
      "[Daemon]\nFightLimit=3",
      "0.conf:2: FightLimit belongs in the section [Reservation]; in force: FightLimit=3"
    ),
    (
      "[Daemon]\nRescan=3",
      "0.conf:2: unknown setting Rescan; the settings are RescanIntervalSec, BusSettleSec, "
        + "StartTimeoutSec, LockTimeoutSec"
    ),
    (
      "[Reservation]\nFihgtLimit=5",
      "0.conf:2: unknown setting FihgtLimit (did you mean FightLimit?); in force: FightLimit=3"
    ),
    (
      "[Reservation]\nfightlimit=3",
      "0.conf:2: unknown setting fightlimit (did you mean FightLimit?); in force: FightLimit=3"
    ),
    (
      "[Reservation]\nMechanism=magic",
      "0.conf:2: Mechanism=magic is invalid: write one of auto, bind, mask, override; in force: "
        + "Mechanism=auto"
    ),
    (
      "[Reservation]\nFightLimit=0",
      "0.conf:2: FightLimit=0 is invalid: write a number from 1 to 1000; in force: FightLimit=3"
    ),
    (
      "[Daemon]\nRescanIntervalSec=0",
      "0.conf:2: RescanIntervalSec=0 is invalid: write a time such as 30, 500ms or 2min, from "
        + "1s to 24 h; in force: RescanIntervalSec=60s"
    ),
    (
      "[Reservation]\nReannounceMatrix=maybe",
      "0.conf:2: ReannounceMatrix=maybe is invalid: write yes or no; in force: "
        + "ReannounceMatrix=no"
    ),
  ])
  func `says what is wrong, where, and what to write`(text: String, problem: String) {
    let configuration = configuration(text)
    #expect(configuration.problems.map(\.description) == [problem])
    #expect(configuration.applied.map(\.value) == Configuration().applied.map(\.value))
  }

  /// A value of each setting that protects less than its default does, and one that protects more where
  /// there is one; and what is in force where neither can be understood.
  private struct Strictness {
    var loose: String
    var strict: String?
    var protective: String
  }

  private func strictness(_ key: Setting) -> Strictness {
    switch key {
    case .mechanism: Strictness(loose: "override", protective: "override")
    case .protectHost: Strictness(loose: "no", strict: "yes", protective: "yes")
    case .force: Strictness(loose: "protect-host fighting", protective: "")
    case .drainTimeout: Strictness(loose: "60", strict: "5s", protective: "10s")
    case .fightLimit: Strictness(loose: "9", strict: "1", protective: "3")
    case .fightInterval: Strictness(loose: "1", strict: "600s", protective: "60s")
    case .reannounceMatrix: Strictness(loose: "yes", protective: "no")
    case .guestStart: Strictness(loose: "ignore", protective: "refuse")
    case .guestStartTimeout: Strictness(loose: "0", strict: "90s", protective: "30s")
    case .rescanInterval: Strictness(loose: "1h", strict: "5s", protective: "60s")
    case .busSettle: Strictness(loose: "0", strict: "9s", protective: "3s")
    case .startTimeout: Strictness(loose: "1h", strict: "5s", protective: "60s")
    case .lockTimeout: Strictness(loose: "0", strict: "90s", protective: "30s")
    }
  }

  private func value(_ key: Setting, _ configuration: Configuration) -> String? {
    configuration.applied.first { $0.name == key.rawValue }?.value
  }

  @Test(arguments: Setting.allCases)
  func `protects as far as it can where a line cannot be understood`(key: Setting) {
    let row = strictness(key)
    let header = "[\(key.section.rawValue)]\n"
    let loose = header + "\(key.rawValue)=\(row.loose)\n"
    let wrong = [
      header + "\(key.rawValue)=\(row.loose) # a remark", header + "\(key.rawValue)=",
      "[Reservatoin]\n\(key.rawValue)=\(row.loose)", header + "\(key.rawValue) \(row.loose)",
      header + "x\(key.rawValue)=\(row.loose)",
      header + "\(key.rawValue.lowercased())=\(row.loose)",
    ].filter { key != .force || !$0.hasSuffix("=") }
    for line in wrong {
      #expect(value(key, configuration(line)) == value(key, configuration(line, line)))
      #expect(value(key, configuration(loose, line)) == row.protective, "\(line)")
      // What is stricter than the default stays, also where only the settings in force have it.
      guard let strict = row.strict else { continue }
      let protecting = header + "\(key.rawValue)=\(strict)\n"
      #expect(value(key, configuration(protecting, line)) == strict, "\(line)")
      let reloaded = Configuration(sources([line]), previous: configuration(protecting))
      #expect(value(key, reloaded) == strict, "\(line)")
      // A later line that can be understood counts as it is.
      #expect(
        configuration(line, loose).applied.first { $0.name == key.rawValue }?.origin == "1.conf:2")
    }
  }

  @Test func `keeps the mechanism in use where the line that asks for one cannot be understood`() {
    let running = configuration("[Reservation]\nMechanism=mask\n")
    let wrong = sources(["[Reservation]\nMechanism=ovverride\n"])
    #expect(Configuration(wrong, previous: running).mechanism == .mask)
    #expect(Configuration(wrong).mechanism == nil)
  }

  @Test func `takes a file that cannot be read for one that protects`() {
    let loose = sources(["[Reservation]\nProtectHost=no\nForce=fighting\n"])
    let problem = ConfigurationProblem(
      "opening x.conf: EACCES (permission denied)", path: "x.conf")
    let configuration = Configuration(loose + [.unreadable(problem)])
    #expect(configuration.policy.protectHost == .yes)
    #expect(configuration.policy.forced.isEmpty)
    #expect(
      configuration.problems.map(\.description) == [
        "x.conf: opening x.conf: EACCES (permission denied); in force: ProtectHost=yes, Force="
      ])
    // What is read after it counts as it is.
    #expect(Configuration([.unreadable(problem)] + loose).policy.protectHost == .no)
  }

  @Test func `reports that a comment must be on a separate line, and what is in force`() {
    let configuration = configuration("[Reservation]\nProtectHost=yes # the last queue stays\n")
    #expect(
      configuration.problems.map(\.description) == [
        "0.conf:2: ProtectHost=yes # the last queue stays is invalid: write one of auto, yes, "
          + "no; a comment must be on a separate line; in force: ProtectHost=yes"
      ])
    #expect(
      configuration.applied.first { $0.name == "ProtectHost" }?.origin == "0.conf:2, invalid"
    )
  }

  @Test(arguments: ["-1", "1.5", "9223372036854775807", "25h", "", "s", "1 day", "٣"])
  func `refuses an invalid time`(text: String) {
    #expect(configuration("[Daemon]\nLockTimeoutSec=\(text)").problems.count == 1)
  }

  @Test func `survives any bytes`() {
    var bytes: [UInt8] = []
    for byte in UInt8.min...UInt8.max { bytes += [byte, 0x3d, byte, 0x0a, 0x5b, byte] }
    let configuration = Configuration([.text(ConfigurationText(path: "x", bytes: bytes))])
    #expect(configuration.problems.allSatisfy { $0.description.allSatisfy { $0 != "\n" } })
    #expect(configuration.applied.map(\.value) == Configuration().applied.map(\.value))
  }
}

@Suite struct `The manual of the configuration` {
  @Test func `has every setting with its default`() throws {
    let text = String(
      decoding: try SourceFile.bytes("packaging/man/apreserve.conf.5"), as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    for setting in Configuration().applied {
      #expect(lines.contains(".B \(setting.text)"), "\(setting.text)")
    }
    let settings = lines.filter { $0.hasPrefix(".B ") && $0.contains("=") && $0.last != "=" }
    #expect(settings.count == Setting.allCases.count - 1)
  }
}

@Suite struct `The files of the configuration` {
  private let tree: TemporaryTree
  private let text = "[Reservation]\nProtectHost=yes\n"

  init() throws {
    tree = try TemporaryTree()
  }

  private func read() -> ConfigurationFiles {
    ConfigurationFiles(root: tree.path, owner: geteuid())
  }

  /// Whoever has set the host's protection must not lose it by a file that is only missing for now, or by one that
  /// another user can empty.
  @Test(arguments: ["main file", "drop-in", "directory of drop-ins", "empty drop-in of others"])
  func `are unreadable, and no absence, where they may have said something`(form: String) throws {
    let etc = "etc/apreserve/apreserve.conf"
    try tree.file("run/apreserve/apreserve.conf.d/5.conf", text)
    try tree.directory("etc/apreserve")
    switch form {
    case "main file": try tree.link(etc, to: "away.conf")
    case "drop-in":
      try tree.directory("\(etc).d")
      try tree.link("\(etc).d/5.conf", to: "away.conf")
    case "directory of drop-ins": try tree.link("\(etc).d", to: "away")
    default: try tree.file("\(etc).d/5.conf", "", mode: 0o666)
    }
    let files = read()
    #expect(files.unreadable.count == 1, "\(files.sources)")
    #expect(files.configuration().policy.protectHost == .yes)
  }

  @Test func `may be missing, and an empty one masks another`() throws {
    #expect(read().sources == [])
    try tree.file("run/apreserve/apreserve.conf.d/5.conf", text)
    #expect(read().configuration().policy.protectHost == .yes)
    try tree.file("etc/apreserve/apreserve.conf.d/5.conf", "")
    #expect(read().sources == [])
  }
}
