import Daemon
import Glibc
import HostSystem
import HostTestSupport
import TestSupport
import Testing

/// Real inotify: each step is done when the watch has reported the one before.
@Suite struct `Rule directories that are watched` {
  private let tree: TemporaryTree
  private var rules: String { tree.path + "/rules" }

  init() throws {
    tree = try TemporaryTree()
  }

  /// Whether every step is reported, the next one being done then. Nothing is asserted of how long it takes.
  private func areTold(
    files: [String] = [], writerLimit: Duration = .seconds(60), _ steps: [() throws -> Void]
  ) throws -> Bool {
    let loop = try EventLoop()
    var rest = steps[...]
    var error: (any Error)?
    func next() {
      guard let step = rest.popFirst() else { return loop.stop() }
      do { try step() } catch let failure {
        error = failure
        loop.stop()
      }
    }
    var hasEnded = false
    let watch = try FileWatch(
      loop, directories: [rules], files: files, writerLimit: writerLimit, onChange: next)
    let end = try EventTimer(loop) {
      hasEnded = true
      loop.stop()
    }
    end.set(after: .seconds(30))
    let start = try EventTimer(loop) { next() }
    start.set(after: .zero)
    try loop.run()
    withExtendedLifetime((watch, end, start)) {}
    if let error { throw error }
    return !hasEnded
  }

  private func swap(_ link: String, to target: String) throws {
    try tree.link(link + ".new", to: target)
    try #require(rename("\(tree.path)/\(link).new", "\(tree.path)/\(link)") == 0)
  }

  /// As Kubernetes does it: nothing but the hidden link `..data` changes.
  @Test func `report that the link to all files was replaced`() throws {
    try tree.file("rules/..1/50.rules", "#1\n")
    try tree.link("rules/..data", to: "..1")
    try tree.link("rules/50.rules", to: "..data/50.rules")
    #expect(
      try areTold([
        {
          try tree.file("rules/..2/50.rules", "#2\n")
          try swap("rules/..data", to: "..2")
          tree.remove("rules/..1")
        },
        {
          try tree.file("rules/..3/50.rules", "#3\n")
          try swap("rules/..data", to: "..3")
        },
        { try tree.file("rules/..3/50.rules", "#4\n") },
      ]))
  }

  @Test func `report changes of a file that a link leads to`() throws {
    try tree.directory("rules")
    try tree.file("checkout/r.rules", "#1\n")
    #expect(
      try areTold([
        { try tree.link("rules/50.rules", to: "../checkout/r.rules") },
        {
          try tree.file("checkout/r.new", "#2\n")
          try #require(rename(tree.path + "/checkout/r.new", tree.path + "/checkout/r.rules") == 0)
        },
        { try tree.file("checkout/r.rules", "#3\n") },
        { tree.remove("checkout/r.rules") },
        { try tree.file("checkout/r.rules", "#4\n") },
        { tree.remove("checkout") },
        { try tree.file("checkout/r.rules", "#5\n") },
      ]))
  }

  @Test func `report that a link in the path was changed`() throws {
    try tree.file("release-1/50.rules", "#1\n")
    try tree.file("release-2/50.rules", "#2\n")
    try tree.link("current", to: tree.path + "/release-1")
    try tree.link("rules", to: "current")
    #expect(
      try areTold([
        { try swap("current", to: tree.path + "/release-2") },
        { try tree.file("release-2/60.rules", "#3\n") },
        { try swap("rules", to: "release-1") },
        { try tree.file("release-1/60.rules", "#4\n") },
      ]))
  }

  @Test func `report when they are created, removed and created again`() throws {
    try tree.directory("far")
    try tree.link("rules", to: "far/away/rules.d")
    #expect(
      try areTold([
        { try tree.file("far/away/rules.d/50.rules", "#1\n") },
        { tree.remove("far/away") },
        { try tree.file("far/away/rules.d/50.rules", "#2\n") },
        { try #require(rename(tree.path + "/far", tree.path + "/gone") == 0) },
        { try #require(rename(tree.path + "/gone", tree.path + "/far") == 0) },
        { try tree.file("far/away/rules.d/50.rules", "#3\n") },
      ]))
  }

  /// Whether some inotify instance of this process watches a directory, as the kernel lists it.
  private static func isWatched(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    let entry = " ino:\(String(status.st_ino, radix: 16)) "
    for descriptor in 0..<256 {
      let path = "/proc/self/fdinfo/\(descriptor)"
      guard access(path, F_OK) == 0, let text = try? HostFile.read(path, sizeLimit: 1 << 20)
      else { continue }
      let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
      if lines.contains(where: { $0.hasPrefix("inotify ") && $0.contains(entry) }) { return true }
    }
    return false
  }

  @Test func `no longer watch what only a removed directory led to`() throws {
    try tree.file("checkout/r.rules", "#1\n")
    try tree.link("rules/50.rules", to: "../checkout/r.rules")
    var isWatchedBefore = false
    var isWatchedAfter = true
    #expect(
      try areTold([
        {
          isWatchedBefore = Self.isWatched(tree.path + "/checkout")
          try #require(rename(rules, tree.path + "/away") == 0)
        },
        {
          isWatchedAfter = Self.isWatched(tree.path + "/checkout")
          try tree.directory("rules")
        },
      ]))
    #expect(isWatchedBefore)
    #expect(!isWatchedAfter)
  }

  /// Between finding a directory and watching it, it may be away for a moment.
  @Test func `are watched although they were away for a moment`() throws {
    try tree.file("rules/50.rules", "#1\n")
    let loop = try EventLoop()
    let watch = try FileWatch(loop, directories: [rules]) {}
    let (rules, away) = (rules, tree.path + "/away")
    let isDone = Box(false)
    let isLost = Box(false)
    try WorkerThread.start {
      for round in 0..<2000 {
        for _ in 0..<2 + round % 8 {
          rename(rules, away)
          rename(away, rules)
          for _ in 0..<round % 50 { sched_yield() }
        }
        usleep(1000)
      }
      // Who has lost it once does not notice what happens to it later. It takes the loop some time at most.
      for _ in 0..<100 where !Self.isWatched(rules) { usleep(10_000) }
      isLost.set(!Self.isWatched(rules))
      isDone.set(true)
    }
    var clock: EventTimer?
    clock = try EventTimer(loop) {
      if isDone.get() { loop.stop() } else { clock?.set(after: .milliseconds(10)) }
    }
    clock?.set(after: .milliseconds(10))
    try loop.run()
    withExtendedLifetime((watch, clock)) {}
    #expect(!isLost.get())
  }

  @Test func `report changes of a single file, also one that does not exist yet`() throws {
    try tree.directory("rules")
    try tree.directory("etc")
    #expect(
      try areTold(
        files: [tree.path + "/etc/hostname"],
        [
          { try tree.file("etc/hostname", "a\n") },
          { try tree.file("etc/hostname", "b\n") },
          {
            try tree.file("etc/.hostname", "c\n")
            try #require(rename(tree.path + "/etc/.hostname", tree.path + "/etc/hostname") == 0)
          },
        ]))
  }

  @Test(arguments: [true, false])
  func `wait until a file is closed that is being written`(isNew: Bool) throws {
    try tree.directory("rules")
    if !isNew { try tree.file("rules/50.rules", "#1\n") }
    let loop = try EventLoop()
    var writer: Int32 = -1
    var hasClosed = false
    var tellings: [Bool] = []
    let watch = try FileWatch(loop, directories: [rules]) {
      tellings.append(hasClosed)
      loop.stop()
    }
    let path = rules + "/50.rules"
    writer = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    try #require(writer >= 0)
    try #require(write(writer, "RESERVE", 7) == 7)
    // Others that are done meanwhile wait with it: they may belong together.
    try tree.file("rules/60.rules", "#\n")
    // Far longer than a change that is complete is held back.
    let close = try EventTimer(loop) {
      watch.refresh()
      hasClosed = true
      Glibc.close(writer)
    }
    close.set(after: .milliseconds(2500))
    let end = try EventTimer(loop) { loop.stop() }
    end.set(after: .seconds(30))
    try loop.run()
    withExtendedLifetime((watch, close, end)) {}
    #expect(tellings == [true])
  }

  @Test func `do not wait for ever for a file that is never closed`() throws {
    try tree.directory("rules")
    var writer: Int32 = -1
    #expect(
      try areTold(
        writerLimit: .seconds(1),
        [
          {
            writer = open(rules + "/50.rules", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            try #require(write(writer, "#", 1) == 1)
          }
        ]))
    close(writer)
  }

  /// Where the kernel does not say whether a file is open, the events do.
  @Test func `know which files are being written`() throws {
    try tree.directory("rules")
    try tree.link("other", to: "rules")
    let loop = try EventLoop()
    let writer = try tree.writer("rules/50.rules")
    let path = tree.path + "/other/50.rules"
    var isTold = false
    let watch = try FileWatch(loop, directories: [rules]) {
      isTold = true
      loop.stop()
    }
    #expect(!watch.isUnfinished(path, isOpen: nil))
    try writer.write("RESERVE")
    var answers: [Bool] = []
    let close = try EventTimer(loop) {
      answers = [
        watch.isUnfinished(path, isOpen: nil), watch.isUnfinished(path, isOpen: true),
        watch.isUnfinished(tree.path + "/other/60.rules", isOpen: nil),
      ]
      writer.close()
    }
    close.set(after: .milliseconds(500))
    let end = try EventTimer(loop) { loop.stop() }
    end.set(after: .seconds(30))
    try loop.run()
    withExtendedLifetime((watch, close, end)) {}
    #expect(answers == [true, true, false])
    #expect(isTold)
    #expect(!watch.isUnfinished(path, isOpen: nil))
  }

  /// As at the start: no event tells of a file that was open before.
  @Test(arguments: [true, false])
  func `report that a file may count that its reader has found open`(isClosed: Bool) throws {
    try tree.directory("rules")
    let loop = try EventLoop()
    let writer = try tree.writer("rules/50.rules")
    let path = rules + "/50.rules"
    var isTold = false
    let watch = try FileWatch(
      loop, directories: [rules], writerLimit: isClosed ? .seconds(600) : .seconds(1)
    ) {
      isTold = true
      loop.stop()
    }
    #expect(watch.isUnfinished(path, isOpen: true))
    watch.refresh()
    #expect(!isTold)
    let close = try EventTimer(loop) { if isClosed { writer.close() } }
    close.set(after: .milliseconds(10))
    let end = try EventTimer(loop) { loop.stop() }
    end.set(after: .seconds(30))
    try loop.run()
    withExtendedLifetime((watch, close, end)) {}
    #expect(isTold)
    #expect(!watch.isUnfinished(path, isOpen: !isClosed))
  }

  /// A file that was closed is not waited for, though its directory sends no event.
  @Test func `report on request when the kernel says that a file is closed`() throws {
    try tree.file("elsewhere/50.rules", "#1\n")
    try tree.directory("rules")
    let loop = try EventLoop()
    var count = 0
    let watch = try FileWatch(loop, directories: [rules]) { count += 1 }
    let writer = try tree.writer("elsewhere/50.rules")
    #expect(watch.isUnfinished(tree.path + "/elsewhere/50.rules", isOpen: true))
    watch.refresh()
    #expect(count == 0)
    writer.close()
    watch.refresh()
    #expect(count == 1)
  }

  @Test func `report on request, whether anything was noticed or not`() throws {
    try tree.directory("rules")
    let loop = try EventLoop()
    var count = 0
    let watch = try FileWatch(loop, directories: [rules]) { count += 1 }
    watch.refresh()
    watch.refresh()
    #expect(count == 2)
    #expect(watch.problems == [])
  }
}
