/// One small fault: a piece of a source file and what stands there instead.
package struct Mutant: Sendable, Hashable, CustomStringConvertible {
  /// The file, from the package's directory on.
  package var file: String
  /// The declaration it is in, as `MaskSolver.solve(for:)`.
  package var declaration: String
  package var line: Int
  /// What is replaced, in bytes of the file.
  package var range: Range<Int>
  package var replacement: String
  /// The lines that are touched, without indentation, before and after.
  package var original: String
  package var mutated: String

  package init(
    file: String, declaration: String, line: Int, range: Range<Int>, replacement: String,
    original: String, mutated: String
  ) {
    self.file = file
    self.declaration = declaration
    self.line = line
    self.range = range
    self.replacement = replacement
    self.original = original
    self.mutated = mutated
  }

  /// What a mutant is known by when lines have moved.
  package var key: Key {
    Key(file: file, declaration: declaration, original: original, mutated: mutated)
  }

  /// As a compiler's message, with what stood there and what stands there now.
  package var description: String {
    func indented(_ text: String, _ sign: String) -> String {
      text.split(separator: "\n").map { "\n    \(sign) \($0)" }.joined()
    }
    return "\(file):\(line): \(declaration)" + indented(original, "-") + indented(mutated, "+")
  }

  package struct Key: Sendable, Hashable {
    package var file: String
    package var declaration: String
    package var original: String
    package var mutated: String

    package init(file: String, declaration: String, original: String, mutated: String) {
      self.file = file
      self.declaration = declaration
      self.original = original
      self.mutated = mutated
    }
  }

  /// The module whose folder in `Sources` has the file.
  package var module: String {
    let folders = file.split(separator: "/")
    return folders.count > 1 ? String(folders[1]) : ""
  }
}

/// Code that is there twice when it is mutated: once as it is, and once for each of its mutants.
package struct Place: Sendable {
  package enum Kind: Sendable {
    /// The statements between the braces of a function, an accessor or an initializer.
    case body
    /// The same, of one expression that is returned.
    case returnedExpression
    /// An expression outside of functions: a property's initial value or a default argument.
    case value
  }

  package var kind: Kind
  /// What there is twice, in bytes of the file.
  package var range: Range<Int>
  package var mutants: [Mutant]
}
