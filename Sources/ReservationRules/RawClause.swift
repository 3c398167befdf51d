/// One `KEY{attribute} operator "value"` as ranges of a logical line, its words not yet looked at.
struct RawClause {
  /// The operators that the lexer knows; udev's, some of them only to be refused.
  enum Operator: String {
    case equal = "=="
    case notEqual = "!="
    case assign = "="
    case assignFinally = ":="
    case add = "+="
    case remove = "-="
  }

  var key: Range<Int>
  /// What stands between the braces.
  var attribute: Range<Int>?
  var operation: Operator
  var operationRange: Range<Int>
  /// Whether the quote is preceded by `i`.
  var ignoresCase: Bool
  /// What stands between the quotes.
  var value: Range<Int>
  /// From the key to the closing quote.
  var range: Range<Int>

  /// The key with its attribute.
  var keyRange: Range<Int> {
    key.lowerBound..<(attribute.map { $0.upperBound + 1 } ?? key.upperBound)
  }
}
