/// The physical line on which something begins, and how much of it that is.
package struct SourceExcerpt: Hashable, Sendable {
  /// The line without its end; what a terminal would not show is `U+FFFD`.
  package var line: String
  /// How many Unicode scalars of it are meant, from the column of the location on.
  package var length: Int

  /// A part of a line.
  package init(line: String, length: Int) {
    self.line = line
    self.length = length
  }
}
