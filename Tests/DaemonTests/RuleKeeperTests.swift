import APBus
import Daemon
import Glibc
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

  /// A rule that was removed does not come back when a file has an error years later.
  @Test func `that were none stay none when it starts with errors`() throws {
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    tree.remove("rules/50.rules")
    #expect(keeper.load())
    #expect(keeper.condition.rules.rules.isEmpty)
    #expect(!keeper.condition.isDegraded)
    try tree.file("rules/60.rules", Self.bad)
    let later = Self.keeper(tree)
    later.load()
    #expect(later.condition.origin == .lastGood)
    #expect(later.condition.rules.rules.isEmpty)
  }

  @Test(arguments: [
    ("", "it is damaged"), ("# The last rules\n", "it is damaged"),
    // One letter of a text that was whole.
    ("changed", "it is damaged"),
    // Kept by a version that took such rules.
    (
      "# The last rules without errors, kept by apreserve for a start with broken rule files.\n"
        + "file 16 /r/50.rules\nRESERVE=\"host\"\n\n\n", "its rules have errors: /r/50.rules:1:1: "
    ),
  ])
  func `that make no sense where they are kept are put aside, and reported`(
    text: String, reason: String
  ) throws {
    let name = "last-good.rules"
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    let whole = try tree.text(name)
    try tree.file("rules/50.rules", Self.bad)
    for place in ["damaged", "damaged-2", "damaged-3"] {
      let written = text == "changed" ? whole.replacing("ADAPTER", with: "ADOPTER") : text
      try tree.file(name, written)
      let later = Self.keeper(tree)
      #expect(!later.load())
      #expect(later.condition.origin == .nowhere)
      let problem = try #require(later.condition.archiveProblem)
      #expect(
        problem.hasPrefix("the last rules in force, \(tree.path)/\(name), are not used: \(reason)"))
      #expect(problem.hasSuffix("; they are now in \(tree.path)/\(name).\(place)"))
      #expect(try tree.text("\(name).\(place)") == written)
    }
  }

  @Test func `are in force though they cannot be kept, and that is reported until they can`() throws
  {
    try tree.file("rules/50.rules", Self.good)
    try tree.directory("last-good.rules/in the way")
    #expect(keeper.load())
    #expect(keeper.condition.origin == .files)
    let problem = try #require(keeper.condition.archiveProblem)
    #expect(
      problem.hasPrefix("the rules in force are not kept for a start with broken rule files: "))
    tree.remove("last-good.rules")
    #expect(!keeper.load())
    #expect(keeper.condition.archiveProblem == nil)
    #expect(RuleArchive.decode(Array(try tree.text("last-good.rules").utf8))?.count == 1)
  }

  /// Else a rule that was removed would be in force again after a start with broken files.
  @Test func `that can no longer be kept are not replaced by older ones at a later start`() throws {
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    // As on a full file system: no draft can be written, and a file can be removed.
    try tree.directory("last-good.rules.new")
    tree.remove("rules/50.rules")
    #expect(keeper.load())
    let problem = try #require(keeper.condition.archiveProblem)
    #expect(
      problem.hasPrefix("the rules in force are not kept for a start with broken rule files: "))
    #expect(!problem.contains("cannot be removed"), "\(problem)")
    try tree.file("rules/60.rules", Self.bad)
    let later = Self.keeper(tree)
    later.load()
    #expect(later.condition.origin == .nowhere)
    #expect(later.condition.rules.rules.isEmpty)
  }

  @Test(.enabled(if: Mount.isPossible, "no mount here"), arguments: [true, false])
  func `that the file system does not take are reported, and older ones do not stay without a word`(
    isFull: Bool
  ) throws {
    try tree.directory("var")
    let mount = try Mount("tmpfs", at: tree.path + "/var", options: "size=64k")
    func keeper() -> RuleKeeper {
      RuleKeeper(
        directories: [tree.path + "/rules"], owner: nil, archive: tree.path + "/var/rules")
    }
    let first = keeper()
    try tree.file("rules/50.rules", Self.good)
    first.load()
    #expect(tree.has("var/rules"))
    if isFull {
      let filler = try tree.writer("var/filler")
      while (try? filler.write(String(repeating: "x", count: 4096))) != nil {}
    } else {
      try mount.makeReadOnly()
    }
    try tree.file("rules/50.rules", Self.other)
    #expect(first.load())
    let problem = try #require(first.condition.archiveProblem)
    #expect(problem.contains(isFull ? "ENOSPC" : "EROFS"), "\(problem)")
    #expect(first.condition.fullDirectory == (isFull ? "\(tree.path)/var" : nil))
    #expect(tree.has("var/rules") != isFull)
    #expect(tree.has("var/rules.new") == false)
    #expect(
      problem.contains(
        "; what is in \(tree.path)/var/rules stays there and would be used then, since it cannot be "
          + "removed: ") != isFull, "\(problem)")
  }

  /// Each what a file without errors says now, and whether it is adapter 1 that stays with the host.
  @Test(arguments: [
    ("ADAPTER==\"1\", RESERVE:=\"host\"\n", true), ("ADAPTER==\"1\", RESERVE=\"host\"\n", true),
    ("ADAPTER==\"2\", RESERVE:=\"host\"\n", false),
    ("ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n", false),
    // As before: what is reserved was an exception from it then, and is now.
    ("APQN==\"*\", RESERVE=\"host\"\n", false),
  ])
  func `of an earlier run take nothing that a file without errors keeps with the host`(
    now: String, isHost: Bool
  ) throws {
    try tree.file("rules/10.rules", "APQN==\"*\", RESERVE=\"host\"\n")
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    try tree.file("rules/10.rules", now)
    try tree.file("rules/50.rules", Self.bad)
    let later = Self.keeper(tree)
    later.load()
    #expect(later.condition.origin == .lastGood)
    let table = DecisionTable(
      rules: later.condition.rules, inventory: .empty, host: HostIdentity())
    let decision = table.decision(for: APQN(adapter: 1, domain: 4))
    #expect(decision.reserve == (isHost ? .host : .vfioAP))
    // What such a file says no more is no longer kept.
    tree.remove("rules/10.rules")
    later.load()
    let last = DecisionTable(
      rules: later.condition.rules, inventory: .empty, host: HostIdentity())
    #expect(last.decision(for: APQN(adapter: 1, domain: 4)).reserve == .vfioAP)
  }

  @Test func `stay as they were while another process is writing a file`() throws {
    try tree.file("rules/50.rules", Self.good)
    keeper.load()
    let file = try tree.writer("rules/60.rules")
    try file.write(Self.other)
    #expect(!keeper.load())
    #expect(keeper.condition.origin == .earlierFiles)
    #expect(keeper.condition.errors.first?.contains("60.rules is being written by") == true)
    file.close()
    #expect(keeper.load())
    #expect(keeper.condition.rules.rules.count == 2)
  }

  /// More files than descriptors: the directory cannot be opened.
  @Test func `stay as they were when the process has no descriptor left`() async {
    await #expect(processExitsWith: .success) {
      let tree = try TemporaryTree()
      try tree.file("rules/50.rules", Self.good)
      let keeper = Self.keeper(tree)
      keeper.load()
      try tree.file("rules/50.rules", Self.other)
      var limit = rlimit()
      try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
      let usual = limit
      limit.rlim_cur = 0
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
      let hasChanged = keeper.load()
      var back = usual
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &back) == 0)
      #expect(!hasChanged)
      #expect(keeper.condition.origin == .earlierFiles)
      #expect(keeper.condition.errors.first?.contains("EMFILE") == true)
      #expect(keeper.load())
    }
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
      #expect(part == nil, "\(count) bytes")
    }
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= 1 << (index % 8)
      #expect(RuleArchive.decode(bytes) == nil, "byte \(index)")
    }
  }

  @Test func `is read without a checksum too, as earlier versions wrote it`() {
    let text =
      "# The last rules without errors, kept by apreserve for a start with broken rule files.\n"
      + "file 3 /b\nx\ny\n"
    #expect(
      RuleArchive.decode(Array(text.utf8)) == [RuleFile(path: "/b", bytes: Array("x\ny".utf8))])
  }
}
