import APBus

/// A place in a rule file, printed `file:line:column`.
package struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
  /// The path as it was given.
  package var file: String
  /// The physical line, from 1, also inside a continued rule.
  package var line: Int
  /// The column, from 1, counted in Unicode scalars.
  package var column: Int

  /// A place in a file.
  package init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  /// `file:line:column`.
  package var description: String { "\(file.printable):\(line):\(column)" }

  /// `file:line`, as a decision names its rule.
  package var fileAndLine: String { "\(file.printable):\(line)" }
}
