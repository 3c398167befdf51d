/// A JSON value. Objects keep their members' order, numbers their digits, so that a text written is
/// the same on every machine.
package enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  /// The digits as they are written.
  case number(String)
  case string(String)
  case array([JSONValue])
  /// A parsed object may have a key twice; its reader refuses that.
  case object([Member])

  package struct Member: Equatable, Sendable {
    package var key: String
    package var value: JSONValue

    package init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }

  package static func integer(_ number: some BinaryInteger) -> JSONValue {
    .number(String(number))
  }

  /// What kind of value it is, as a sentence names it.
  package var kind: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral {
  package init(stringLiteral value: String) {
    self = .string(value)
  }
}

extension JSONValue {
  /// The value of a member; nil where there is none, where it is null, and in a value that is not an object.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    let value = members.last { $0.key == key }?.value
    return value == .null ? nil : value
  }

  /// The text of a string; nil for anything else.
  package var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// A whole number; nil for anything else.
  package var integer: Int? {
    guard case .number(let digits) = self else { return nil }
    return Int(digits)
  }

  package var isTrue: Bool { self == .bool(true) }

  /// The elements of an array; none for anything else.
  package var elements: [JSONValue] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }
}

extension JSONValue {
  /// How many columns a line of a document has at most.
  static let documentWidth = 160

  /// The document as it is printed, with a line feed at its end.
  package var documentText: String { text(width: Self.documentWidth) + "\n" }
}
