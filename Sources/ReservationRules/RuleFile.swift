/// A rule file as read: its path and its bytes, not yet trusted to be text.
package struct RuleFile: Hashable, Sendable {
  /// The path, as diagnostics print it.
  package var path: String
  /// The contents.
  package var bytes: [UInt8]

  /// The longest line that is read, in bytes; udev has the same limit.
  package static let longestLine = 16 * 1024 - 1
  /// The largest file that is read, in bytes.
  package static let largestFile = 1024 * 1024

  /// A file of these bytes.
  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  /// A file of these lines. The last one is ended if it is not.
  package init(path: String, text: String) {
    let isEnded = text.isEmpty || text.utf8.last == UInt8(ascii: "\n")
    self.init(path: path, bytes: Array((isEnded ? text : text + "\n").utf8))
  }
}
