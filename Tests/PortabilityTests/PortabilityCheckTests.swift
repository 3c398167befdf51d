import Glibc
import TestSupport
import Testing

/// The program that holds one architecture against another, on this one: what it says elsewhere is worth
/// as much as it says here.
@Suite struct `The check of an architecture` {
  /// Runs the program, and gives what it prints and how it ends.
  private func run(_ words: String...) throws -> (text: String, status: Int32) {
    let program = try Self.directory() + "/portability-check"
    var command = ([program] + words).map { "'\($0)'" }.joined(separator: " ")
    command += " 2>&1"
    let pipe = try #require(popen(command, "r"))
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 {
      text += buffer[..<count]
    }
    let status = pclose(pipe)
    return (String(decoding: text, as: UTF8.self), status >> 8 & 0xff)
  }

  /// Where the tests' own program lies; those built with it lie beside.
  private static func directory() throws -> String {
    var path = [UInt8](repeating: 0, count: 4096)
    let count = path.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
    }
    try #require(count > 0)
    let name = String(decoding: path[..<count], as: UTF8.self)
    // Swift Testing's tests are run from the bundle, whose path is among the words, or as the program.
    let words = [name] + CommandLine.arguments
    for word in words {
      let directory = word.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        .joined(separator: "/")
      if access(directory + "/portability-check", X_OK) == 0 { return directory }
    }
    return try #require(nil, "portability-check is not beside \(words)")
  }

  private func temporaryDirectory() throws -> String {
    var template = Array("/tmp/apreserve-portability.XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test func `passes on this one`() throws {
    let (text, status) = try run("check")
    #expect(status == 0, "\(text)")
    #expect(!text.contains("FAIL"))
    #expect(text.split(separator: "\n").count > 100)
  }

  @Test func `finds its own documents the same, and a changed one not`() throws {
    let directory = try temporaryDirectory()
    #expect(try run("write", directory).status == 0)
    #expect(try run("compare", directory).status == 0)
    let file = try #require(fopen(directory + "/plans", "r+"))
    fputc(0x7c, file)
    fclose(file)
    let (text, status) = try run("compare", directory)
    #expect(status == 1)
    #expect(text.split(separator: "\n").count { $0.hasPrefix("FAIL") } == 1, "\(text)")
    #expect(text.contains("FAIL  plans"))
    system("rm -r '\(directory)'")
  }

  @Test func `says how it is called`() throws {
    #expect(try run("nonsense").status == 64)
  }
}
