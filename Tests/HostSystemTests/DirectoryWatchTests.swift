import Glibc
import HostSystem
import HostTestSupport
import TestSupport
import Testing

@Suite struct `A directory that is watched` {
  /// The names in the changes that `change` causes.
  private func names(_ change: (TemporaryTree) throws -> Void) throws -> [String?] {
    let tree = try TemporaryTree()
    try tree.file("old", "1")
    let loop = try EventLoop()
    var names: [String?] = []
    let watch = try loop.watchDirectory(tree.path) { names.append($0.name) }
    try #require(watch != nil)
    try change(tree)
    let end = try EventTimer(loop) { loop.stop() }
    end.set(after: .milliseconds(20))
    try loop.run()
    withExtendedLifetime(watch) {}
    return names
  }

  @Test func `reports the names of files that are created, written, renamed and removed`() throws {
    #expect(Set(try names { try $0.file("new", "2") }) == ["new"])
    #expect(Set(try names { try $0.file("old", "2") }) == ["old"])
    #expect(Set(try names { rename($0.path + "/old", $0.path + "/other") }) == ["old", "other"])
    #expect(Set(try names { unlink($0.path + "/old") }) == ["old"])
    #expect(Set(try names { chmod($0.path + "/old", 0o600) }) == ["old"])
  }

  @Test func `reports that the directory itself was moved`() throws {
    #expect(
      try names {
        rename($0.path, $0.path + ".away")
        rename($0.path + ".away", $0.path)
      }.contains(nil))
  }

  @Test func `is nil if there is no directory`() throws {
    let tree = try TemporaryTree()
    try tree.file("file", "1")
    let loop = try EventLoop()
    #expect(try loop.watchDirectory(tree.path + "/absent") { _ in } == nil)
    #expect(try loop.watchDirectory(tree.path + "/file") { _ in } == nil)
  }
}
