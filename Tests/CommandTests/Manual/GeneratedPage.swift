import Glibc
import TestSupport
import Testing

/// A manual page of which parts are generated: those between the marks `.\\" [KEY]` and `.\\" [end]`.
struct GeneratedPage {
  /// The keys of its parts.
  let keys: [String]
  /// Whether its parts are as they would be generated now.
  let isCurrent: Bool

  /// Reads a page, and rewrites it if `APRESERVE_UPDATE_MANUAL` is set.
  init(_ name: String, block: (String) throws -> [String]?) throws {
    let page = try SourceFile.text("packaging/man/\(name)")
    var lines: [String] = []
    var keys: [String] = []
    var isInside = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      let isEnd = line == ".\\\" [end]"
      if isEnd { isInside = false }
      if !isInside { lines.append(line) }
      guard !isEnd, line.hasPrefix(".\\\" ["), line.hasSuffix("]") else { continue }
      let key = String(line.dropFirst(5).dropLast())
      keys.append(key)
      lines += try #require(try block(key), "nothing is known of [\(key)] in \(name)")
      isInside = true
    }
    self.keys = keys
    let generated = lines.joined(separator: "\n")
    if generated != page, getenv("APRESERVE_UPDATE_MANUAL") != nil {
      try Self.write(generated, to: name)
      isCurrent = true
    } else {
      isCurrent = generated == page
    }
  }

  private static func write(_ text: String, to name: String, source: String = #filePath) throws {
    let root = source.split(separator: "/").dropLast(4).joined(separator: "/")
    let file = try #require(fopen("/\(root)/packaging/man/\(name)", "w"))
    defer { fclose(file) }
    try #require(fputs(text, file) >= 0)
  }
}
