import Glibc
import HostSystem
import HostTestSupport
import APBus
import TestSupport
import Testing

@Suite struct `A directory of configuration files` {
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
  }

  @Test func `is listed with the kind of each name`() throws {
    try tree.file("d/10-a.rules", "x")
    try tree.file("d/.hidden", "x")
    try tree.file("d/20-empty.rules")
    try tree.link("d/30-null.rules", to: "/dev/null")
    try tree.link("d/40-dangling.rules", to: "nowhere")
    try tree.link("d/41-self.rules", to: "41-self.rules")
    try tree.link("d/42-through.rules", to: "10-a.rules/x")
    try tree.directory("d/50-directory.rules")
    try tree.pipe("d/60-pipe.rules")
    try tree.link("d/70-link.rules", to: "10-a.rules")
    try tree.link("d/71-link.rules", to: "20-empty.rules")
    try tree.file("d/9-a.rules", "x", mode: 0)
    let directory = try #require(try ConfigurationDirectory.read(tree.path + "/d", owner: nil))
    #expect(directory.path == tree.path + "/d")
    #expect(
      directory.entries.map { "\($0.name) \($0.kind)" } == [
        ".hidden file", "10-a.rules file", "20-empty.rules emptyFile",
        "30-null.rules linkToNull", "40-dangling.rules danglingLink",
        "41-self.rules danglingLink", "42-through.rules danglingLink",
        "50-directory.rules directory", "60-pipe.rules other", "70-link.rules file",
        "71-link.rules emptyFile", "9-a.rules file",
      ])
  }

  @Test func `may be missing, but must not be a file`() throws {
    #expect(try ConfigurationDirectory.read(tree.path + "/none") == nil)
    try tree.file("file")
    let error = try #require(throws: FileError.self) {
      try ConfigurationDirectory.read(tree.path + "/file")
    }
    #expect(error.description == "opening \(tree.path)/file: ENOTDIR (not a directory)")
  }

  @Test func `is trusted only if no other user can write to it`() throws {
    try tree.directory("d")
    let path = tree.path + "/d"
    #expect(try ConfigurationDirectory.read(path, owner: geteuid())?.entries == [])
    try tree.mode("d", 0o775)
    #expect(throws: FileError(path, .writable(mode: 0o775))) {
      try ConfigurationDirectory.read(path, owner: geteuid())
    }
    #expect(throws: FileError(path, .foreignOwner(geteuid()))) {
      try ConfigurationDirectory.read(path, owner: geteuid() + 1)
    }
    #expect(try ConfigurationDirectory.read(path, owner: nil)?.entries == [])
  }

  @Test func `must belong to root when root reads it`() {
    #expect(HostFile.trustedOwner == (geteuid() == 0 ? 0 : nil))
  }
}

@Suite struct `A file of the host` {
  private let tree: TemporaryTree
  private var path: String { tree.path + "/f" }

  init() throws {
    tree = try TemporaryTree()
  }

  private func read(limit: Int = 10, streams: Bool = false, owner: UInt32? = nil) throws -> [UInt8]
  {
    try HostFile.read(
      path, sizeLimit: limit, owner: owner, allowsStreams: streams)
  }

  @Test func `is read whole, byte for byte`() throws {
    let text = String(repeating: "äx\0\r\n", count: 50_000)
    try tree.file("f", text)
    #expect(try read(limit: text.utf8.count) == Array(text.utf8))
    let error = try #require(throws: FileError.self) { try read(limit: text.utf8.count - 1) }
    #expect(error.description == "\(path) has more than 299999 bytes and is not read")
  }

  @Test func `is an error if it is missing`() throws {
    let error = try #require(throws: FileError.self) { try read() }
    #expect(error.description == "opening \(path): ENOENT (no such file or directory)")
  }

  @Test func `is refused when it is a directory or a pipe`() throws {
    try tree.directory("f")
    let error = try #require(throws: FileError.self) { try read() }
    #expect(error.description == "\(path) is not a regular file")
    #expect(throws: FileError(path, .failed("reading", .isDirectory))) { try read(streams: true) }
    tree.remove("f")
    try tree.pipe("f")
    #expect(throws: FileError(path, .notRegular)) { try read() }
  }

  @Test(arguments: [(0o664, "664"), (0o602, "602"), (0o4646, "4646")] as [(mode_t, String)])
  func `is not trusted if other users may write to it`(mode: mode_t, shown: String) throws {
    try tree.file("f", "x", mode: mode)
    let error = try #require(throws: FileError.self) { try read(owner: geteuid()) }
    #expect(
      error.description
        == "\(path) is not trusted: other users may write to it (mode \(shown)); run \"chmod go-w "
        + "\(path)\"")
    #expect(try read() == [0x78])
  }

  @Test func `is not trusted if it belongs to another user`() throws {
    try tree.file("f", "x")
    #expect(try read(owner: geteuid()) == [0x78])
    let error = try #require(throws: FileError.self) { try read(owner: geteuid() + 1) }
    #expect(
      error.description
        == "\(path) is not trusted: it belongs to user \(geteuid()); it must belong to root: run \"chown "
        + "root \(path)\"")
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func `is an error if it is not readable`() throws {
    try tree.file("f", "x", mode: 0)
    #expect(throws: FileError(path, .failed("opening", .permissionDenied))) { try read() }
  }
}
