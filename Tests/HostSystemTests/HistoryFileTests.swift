import APBus
import Glibc
@testable import HostSystem
import TestSupport
import Testing

@Suite struct `The files of the history` {
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
  }

  private func text(_ name: String) -> String? {
    (try? HostFile.read("\(tree.path)/\(name)", sizeLimit: 1 << 24)).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  private func append(_ lines: String..., to file: HistoryFile) throws {
    var rest = lines.map { Array(($0 + "\n").utf8) }[...]
    try file.append(&rest)
    #expect(rest.isEmpty)
  }

  @Test func `are created for their owner alone, and continued`() throws {
    let old = umask(0)
    let (file, parts, damage) = try HistoryFile.open(in: tree.path)
    umask(old)
    #expect(parts.map(\.bytes) == [[]] && damage == nil)
    try append("a", "b", to: file)
    try append("c", to: try HistoryFile.open(in: tree.path).file)
    #expect(text("history") == "a\nb\nc\n")
    var status = stat()
    #expect(stat(file.path, &status) == 0 && status.st_mode & 0o7777 == 0o600)
    try file.flush()
  }

  @Test func `lose a line that was not written to its end`() throws {
    try tree.file("history.1", "a\n")
    try tree.file("history", "b\nc")
    let (file, parts, _) = try HistoryFile.open(in: tree.path)
    #expect(parts.map { String(decoding: $0.bytes, as: UTF8.self) } == ["a\n", "b\nc"])
    try append("d", to: file)
    #expect(text("history") == "b\nd\n")
    try tree.file("history", "c")
    try append("d", to: try HistoryFile.open(in: tree.path).file)
    #expect(text("history") == "d\n")
  }

  @Test func `are two, and the older one has what the newer one had before`() throws {
    let (file, _, _) = try HistoryFile.open(in: tree.path)
    let line = String(repeating: "x", count: HistoryRotation.fileLimit / 2)
    try append("1" + line, to: file)
    #expect(text("history.1") == nil)
    try append("2" + line, to: file)
    #expect(text("history.1")?.first == "1")
    #expect(text("history")?.first == "2")
    try append("3" + line, "4", to: file)
    #expect(text("history.1")?.first == "2")
    #expect(text("history") == "3\(line)\n4\n")
    #expect(try HistoryFile.open(in: tree.path).parts.map { $0.bytes.first } == [50, 51])
  }

  @Test func `keep what cannot be written for the next attempt`() throws {
    let (file, _, _) = try HistoryFile.open(in: tree.path)
    try tree.directory("history.1/in-the-way")
    let line = Array((String(repeating: "x", count: HistoryRotation.fileLimit / 2) + "\n").utf8)
    var lines = [line, line, [49, 10]][...]
    #expect(throws: FileError.self) { try file.append(&lines) }
    #expect(lines == [line, [49, 10]])
    tree.remove("history.1")
    try file.append(&lines)
    #expect(text("history")?.hasSuffix("x\n1\n") == true)
  }

  @Test func `are none where the directory does not exist`() throws {
    let missing = tree.path + "/missing"
    #expect(throws: FileError(missing + "/history", .failed("opening", .noSuchFile))) {
      try HistoryFile.open(in: missing)
    }
    #expect(try HistoryFile.read(in: missing) == [])
    try HistoryFile.remove(in: missing)
  }

  @Test func `replace what cannot be one of them`() throws {
    try tree.directory("history")
    let (file, _, damage) = try HistoryFile.open(in: tree.path)
    #expect(
      damage?.hasSuffix("it is kept as \(tree.path)/history.damaged") == true, "\(damage ?? "")")
    try append("a", to: file)
    #expect(text("history") == "a\n")
    try HistoryFile.remove(in: tree.path)
    #expect(text("history") == nil)
  }
}

@Suite struct `A line of the history` {
  @Test(arguments: [
    (0, [1], 1), (0, [5, 5], 2), (0, [5, 6], 1), (9, [1], 1), (9, [2], 0), (10, [1], 0),
    (10, [], 0), (0, [11], 1), (0, [11, 1], 1), (1, [11], 0), (4, [3, 3, 3], 2), (20, [1], 0),
  ])
  func `goes into the next file where it does not fit`(size: Int, lengths: [Int], room: Int) {
    let rotation = HistoryRotation(size: size, limit: 10)
    #expect(rotation.room(for: lengths.map { [UInt8](repeating: 0, count: $0) }) == room)
  }
}
