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

  /// An object with one more member, after the one of that name or at its end.
  package func inserting(_ key: String, _ value: JSONValue, after earlier: String) -> JSONValue {
    guard case .object(var members) = self else { return self }
    let place = members.firstIndex { $0.key == earlier }.map { $0 + 1 }
    members.insert(Member(key, value), at: place ?? members.endIndex)
    return .object(members)
  }

  /// The elements of an array; none for anything else.
  package var elements: [JSONValue] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }
}

/// Builds an object, its members in the order in which they are documented. A nil value leaves its member
/// out. Keys are spelled as in a machine description: a file of sysfs by its own name, anything else in
/// camel case.
package struct JSONObject {
  private var members: [JSONValue.Member] = []

  package init() {}

  package var value: JSONValue { .object(members) }

  package mutating func set(_ key: String, _ value: JSONValue?) {
    guard let value else { return }
    members.append(JSONValue.Member(key, value))
  }

  package mutating func set(_ key: String, text: String?) { set(key, text.map { .string($0) }) }

  package mutating func set(_ key: String, flag: Bool?) { set(key, flag.map { .bool($0) }) }

  package mutating func set(_ key: String, number: (some BinaryInteger)?) {
    set(key, number.map { .integer($0) })
  }

  package mutating func set(_ key: String, texts: some Sequence<String>) {
    set(key, .array(texts.map { .string($0) }))
  }

  package static func make(_ fill: (inout JSONObject) -> Void) -> JSONValue {
    var object = JSONObject()
    fill(&object)
    return object.value
  }

  /// A document that begins with its kind and the version of its format.
  package static func document(_ kind: String, _ fill: (inout JSONObject) -> Void) -> JSONValue {
    make { object in
      object.set("apreserve", text: kind)
      object.set("version", number: 1)
      fill(&object)
    }
  }
}

extension JSONValue {
  /// The document as it is printed, with a line feed at its end.
  package var documentText: String { text(width: 160) + "\n" }
}
