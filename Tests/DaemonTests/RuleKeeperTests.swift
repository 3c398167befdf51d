import Daemon
import HostSystem
import ReservationRules
import HostTestSupport
import TestSupport
import Testing

@Suite struct `The rules that the daemon holds` {
  private let tree: TemporaryTree
  private let keeper: RuleKeeper

  init() throws {
    tree = try TemporaryTree()
    try tree.directory("rules")
    keeper = Self.keeper(tree)
  }

  private static func keeper(_ tree: TemporaryTree) -> RuleKeeper {
    RuleKeeper(
      directories: [tree.path + "/rules"], owner: nil, archive: tree.path + "/last-good.rules")
  }

  private static let good = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
  private static let other = "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
  private static let bad = "ADAPTER==\"10\", RESERVE=\"vfio_ap\"\n"

  @Test func `are replaced by a set without errors`() throws {
    try tree.file("rules/50.rules", Self.good)
    #expect(keeper.load())
    #expect(!keeper.load())
    try tree.file("rules/60.rules", Self.other)
    #expect(keeper.load())
    #expect(keeper.condition.origin == .files)
    #expect(keeper.condition.rules.rules.count == 2)
    #expect(keeper.condition.errors.isEmpty)
  }

  @Test func `stay as they were when any file has an error`() throws {
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    try tree.file("rules/50.rules", Self.other)
    try tree.file("rules/60.rules", Self.bad)
    #expect(!keeper.load())
    #expect(keeper.condition.origin == .earlierFiles)
    #expect(keeper.condition.isDegraded)
    #expect(keeper.condition.rules.rules.count == 1)
    let error = try #require(keeper.condition.errors.first)
    #expect(error.hasPrefix("\(tree.path)/rules/60.rules:1:11: "))
    tree.remove("rules/60.rules")
    #expect(keeper.load())
    #expect(!keeper.condition.isDegraded)
  }

  @Test func `are those of an earlier run when it starts with errors`() throws {
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    try tree.file("rules/50.rules", Self.bad)
    let later = Self.keeper(tree)
    #expect(later.load())
    #expect(later.condition.origin == .lastGood)
    let rule = try #require(later.condition.rules.rules.first)
    #expect(rule.location.fileAndLine == "\(tree.path)/rules/50.rules:1")
  }

  @Test func `are none when it starts with errors and nothing is known from before`() throws {
    try tree.file("rules/50.rules", Self.bad)
    #expect(!keeper.load())
    #expect(keeper.condition.origin == .nowhere)
    #expect(keeper.condition.rules.rules.isEmpty)
    #expect(keeper.condition.errors.count == 1)
  }

  @Test func `may be none, but the last that were some are kept`() throws {
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    tree.remove("rules/50.rules")
    #expect(keeper.load())
    #expect(keeper.condition.rules.rules.isEmpty)
    #expect(!keeper.condition.isDegraded)
    let kept = try HostFile.read(tree.path + "/last-good.rules", .init(sizeLimit: 1000))
    #expect(RuleArchive.decode(kept)?.count == 1)
  }
}

@Suite struct `The text in which rules are kept` {
  private let files = [
    RuleFile(path: "/etc/a b.rules", text: "x\n\nfile 3 /y\n"), RuleFile(path: "/b", text: ""),
  ]

  @Test func `gives back the files as they were`() {
    #expect(RuleArchive.decode(RuleArchive.encode(files)) == files)
    #expect(RuleArchive.decode(RuleArchive.encode([])) == [])
  }

  @Test func `gives back nothing when it is damaged`() {
    let whole = RuleArchive.encode(files)
    for count in 0..<whole.count {
      let part = RuleArchive.decode(Array(whole[..<count]))
      // At a boundary between files the beginning is a whole text of fewer files.
      #expect(part == nil || files.starts(with: part ?? []))
    }
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<2000 {
      var bytes = whole
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
        in: 0...255, using: &generator)
      _ = RuleArchive.decode(bytes)
    }
  }
}
