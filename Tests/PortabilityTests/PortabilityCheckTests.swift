import Glibc
import TestSupport
import Testing

/// The program that holds one architecture against another, on this one: what it says elsewhere is worth
/// as much as it says here.
@Suite struct `The check of an architecture` {
  private struct NotStarted: Error {}

  /// Runs the program, and gives what it prints and how it ends.
  private func run(_ words: String...) throws -> (text: String, status: Int32) {
    let program = try BuiltProgram.path("portability-check")
    var command = ([program] + words).map { "'\($0)'" }.joined(separator: " ")
    command += " 2>&1"
    guard let pipe = popen(command, "r") else { throw NotStarted() }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 {
      text += buffer[..<count]
    }
    let status = pclose(pipe)
    return (String(decoding: text, as: UTF8.self), status >> 8 & 0xff)
  }

  @Test func `passes on this one`() throws {
    let (text, status) = try run("check")
    #expect(status == 0, "\(text)")
    #expect(!text.contains("FAIL"))
    #expect(text.split(separator: "\n").count > 100)
  }

  @Test func `finds its own documents the same, and a changed one not`() throws {
    let tree = try TemporaryTree()
    #expect(try run("write", tree.path).status == 0)
    #expect(try run("compare", tree.path).status == 0)
    let file = try #require(fopen(tree.path + "/plans", "r+"))
    fputc(0x7c, file)
    fclose(file)
    let (text, status) = try run("compare", tree.path)
    #expect(status == 1)
    #expect(text.split(separator: "\n").count { $0.hasPrefix("FAIL") } == 1, "\(text)")
    #expect(text.contains("FAIL  plans"))
  }

  @Test func `says how it is called`() throws {
    #expect(try run("nonsense").status == 64)
  }
}
