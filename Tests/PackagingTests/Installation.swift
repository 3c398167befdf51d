import Glibc
import TestSupport
import Testing

/// The files of `make install`, below a temporary directory.
final class Installation {
  private let tree: TemporaryTree
  /// The directory that represents `/usr/local`, or `/` if `DESTDIR` is used.
  var path: String { tree.path }

  /// Where the programs are that were built with these tests.
  let binaries: String
  private let script: String

  init() throws {
    tree = try TemporaryTree()
    binaries = try Self.programs()
    script = SourceFile.path("packaging/install-files")
  }

  /// Runs `install-files` with that action, for a prefix below the directory; `variables` are set beside
  /// the usual ones, or instead of them.
  @discardableResult func run(
    _ action: String, _ variables: [String: String] = [:], script: String? = nil
  ) throws -> Shell.Result {
    let all = [
      "PREFIX": "\(path)/usr", "SYSCONFDIR": "\(path)/etc", "STRIP": "", "BINARIES": binaries,
    ].merging(variables) { $1 }
    let words = all.map { "\($0)='\($1)'" }.sorted().joined(separator: " ")
    return try Shell.run("\(words) '\(script ?? self.script)' \(action)")
  }

  /// All files below the directory.
  var files: [String] {
    get throws { try Shell.run("find '\(path)' -type f -o -type l | sort").lines }
  }

  /// The directory of the built programs.
  private static func programs() throws -> String {
    let path = try BuiltProgram.path("apreserve-simfs")
    return String(path[..<(try #require(path.lastIndex(of: "/")))])
  }
}

/// Commands of a shell.
enum Shell {
  /// The result of a command.
  struct Result {
    /// What it printed, to standard output and standard error.
    var output: String
    /// Its exit status.
    var status: Int

    /// What it printed, line by line.
    var lines: [String] { output.split(separator: "\n").map(String.init) }
  }

  /// Runs a command and waits for its end.
  static func run(_ command: String) throws -> Result {
    let pipe = try #require(popen("{ \(command)\n} 2>&1 </dev/null", "r"))
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&chunk, 1, chunk.count, pipe)
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    let status = pclose(pipe)
    // wait(2): the low seven bits are the signal, the next byte the exit status.
    return Result(
      output: String(decoding: bytes, as: UTF8.self),
      status: Int(status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f))
  }
}
