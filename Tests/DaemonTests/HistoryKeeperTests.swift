import APBus
import Glibc
import HostSystem
import Reports
import ReservationRules
import TestSupport
import Testing

@testable import Daemon

@Suite struct `The history that is kept` {
  private let tree: TemporaryTree
  private let messages = Messages()

  init() throws {
    tree = try TemporaryTree()
    try tree.directory("kept")
    try tree.directory("run")
  }

  private func keeper(
    _ program: HistoryEntry.Program = .daemon, boot: String = "b", in names: String...
  ) -> HistoryKeeper {
    HistoryKeeper(
      program, boot: boot,
      directories: (names.isEmpty ? ["kept", "run"] : names).map { "\(tree.path)/\($0)" },
      log: messages)
  }

  private func fact(_ number: UInt8) -> HistoryEntry.Fact {
    .refusalEnded(APQN(adapter: 0, domain: number))
  }

  /// The entries without their times.
  private func facts(_ keeper: HistoryKeeper, since: HistoryStart? = nil) -> [HistoryEntry.Fact] {
    keeper.entries(since: since).map(\.fact)
  }

  private func started(_ program: HistoryEntry.Program, _ boot: String) -> HistoryEntry.Fact {
    .started(program, version: ProgramVersion.text, boot: boot)
  }

  private func size(_ name: String) -> Int? {
    var status = stat()
    return lstat("\(tree.path)/\(name)", &status) == 0 ? status.st_size : nil
  }

  @Test func `outlives programs and boots`() {
    let first = keeper(boot: "a")
    first.note(fact(1))
    first.end()
    let second = keeper(boot: "b")
    second.note(fact(2))
    // This one is killed.
    let third = keeper(boot: "b")
    #expect(
      facts(third) == [
        started(.daemon, "a"), fact(1), .ended(.daemon), started(.daemon, "b"), fact(2),
        started(.daemon, "b"),
      ])
    #expect(facts(third, since: .boot).count == 3)
    #expect(messages.texts(of: .history) == [])
  }

  @Test func `has no entry for a program that has done nothing, unless that is the daemon`() {
    keeper(.apply).end()
    #expect(size("kept/history") == 0)
    let other = keeper(.apply)
    other.note(fact(1))
    other.note(fact(2))
    other.end()
    #expect(
      facts(keeper(.prepare)) == [started(.apply, "b"), fact(1), fact(2), .ended(.apply)])
  }

  @Test func `is bounded, on the disk and in memory, and ends with the last entry`() throws {
    let keeper = keeper()
    let rule = RuleReference(file: "/r", line: 1)
    let text = String(repeating: "x", count: 1000)
    for number in 0..<60 {
      keeper.note(
        (0..<100).map { _ in
          HistoryEntry(
            .ruleChanged(.added, rule, text: text), at: WallTime(sinceEpoch: .seconds(number)))
        })
    }
    keeper.note(fact(9))
    #expect(keeper.history.entries.count == History.capacity)
    for name in ["kept/history", "kept/history.1"] {
      #expect((1...HistoryRotation.fileLimit).contains(try #require(size(name))), "\(name)")
    }
    let again = self.keeper(.apply)
    let lines = again.history.entries.map(\.line)
    let isTheEnd = keeper.history.entries.suffix(lines.count).map(\.line) == lines
    #expect(isTheEnd && lines.count > 1000)
    #expect(facts(again).last == fact(9))
  }

  @Test func `of a machine with every queue there can be is cut before it is written`() {
    let keeper = keeper()
    keeper.note(
      (0..<65_536).map { number in
        HistoryEntry(
          .refusalEnded(APQN(adapter: UInt8(number >> 8), domain: UInt8(number & 255))),
          at: WallTime(sinceEpoch: .zero))
      })
    #expect(facts(keeper).count == History.capacity)
    let isTheSame = facts(self.keeper(.apply)) == facts(keeper)
    #expect(isTheSame)
  }

  @Test func `is read without lines that make no sense, which is reported`() throws {
    try tree.file("kept/history.1", "nonsense\n")
    let line = String(
      decoding: HistoryText.line(HistoryEntry(fact(1), at: WallTime(sinceEpoch: .zero))),
      as: UTF8.self)
    try tree.file("kept/history", line + "{}\n" + line + "{\"time\":")
    let keeper = keeper()
    #expect(facts(keeper) == [fact(1), fact(1), started(.daemon, "b")])
    #expect(
      messages.texts(of: .history) == [
        "\(tree.path)/kept/history.1: line 1 is invalid, and the history is shown without that",
        "\(tree.path)/kept/history: line 2 is invalid, and the history is shown without that",
      ])
    // The line that was cut is not there for the next one.
    keeper.end()
    #expect(facts(self.keeper(.apply)).count == 4)
    #expect(messages.texts(of: .history).count == 4)
  }

  @Test func `is handed over by a program that cannot write where it outlives the boot`() throws {
    let early = keeper(.prepare, in: "missing", "run")
    early.note(fact(1))
    early.end()
    #expect(messages.texts(of: .history) == [])
    let daemon = keeper()
    #expect(
      facts(daemon) == [started(.prepare, "b"), fact(1), .ended(.prepare), started(.daemon, "b")])
    #expect(size("run/history") == nil)
    daemon.end()
    #expect(facts(keeper(.apply, in: "kept")).count == 5)
    #expect(
      try StoredHistory.read([tree.path + "/kept", tree.path + "/missing"]).entries.count == 5)
  }

  @Test func `is kept until the next boot, or in memory, where nothing better can be had`() {
    let first = keeper(in: "missing", "run")
    first.note(fact(1))
    #expect(
      messages.texts(of: .history) == [
        "the history is lost at the next boot: opening \(tree.path)/missing/history: ENOENT (no such file or directory)"
      ])
    #expect(facts(keeper(.apply, in: "run")).count == 2)
    let second = keeper(in: "missing", "missing-too")
    second.note(fact(1))
    second.end()
    #expect(facts(second) == [started(.daemon, "b"), fact(1), .ended(.daemon)])
    #expect(
      messages.texts(of: .history).last?.hasPrefix("the history is kept in memory only: ") == true)
    let third = keeper(in: "kept")
    #expect(facts(third).count == 1)
  }

  @Test func `that cannot be written is reported once, and written later`() throws {
    let keeper = keeper()
    try tree.directory("kept/history.1/in-the-way")
    let long = HistoryEntry.Fact.rulesRead(String(repeating: "x", count: 1000))
    for _ in 0..<1200 { keeper.note(long) }
    #expect(messages.texts(of: .history).count == 1)
    #expect(
      messages.texts(of: .history).first?.hasPrefix(
        "entries of the history are missing in its file: renaming \(tree.path)/kept/history")
        == true)
    #expect(facts(keeper).count == 1201)
    tree.remove("kept/history.1")
    keeper.note(fact(1))
    #expect(facts(self.keeper(.apply)).count == 1202)
  }
}
