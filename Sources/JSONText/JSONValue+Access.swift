extension JSONValue {
  /// The value of a member; nil where there is none, where it is null, and in what is no object.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    let value = members.last { $0.key == key }?.value
    return value == .null ? nil : value
  }

  /// A string's text.
  package var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// A whole number.
  package var integer: Int? {
    guard case .number(let digits) = self else { return nil }
    return Int(digits)
  }

  /// Whether it is true.
  package var isTrue: Bool { self == .bool(true) }

  /// An array's elements; none of anything else.
  package var elements: [JSONValue] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }
}
