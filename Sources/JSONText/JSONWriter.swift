extension JSONValue {
  /// The value as text: on one line where it fits in `width` columns, else with each element on its own
  /// line. Without a width everything is on one line.
  package func text(width: Int? = nil) -> String {
    var writer = JSONWriter(width: width)
    writer.write(self, column: 0, indentation: 0)
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}

/// The text of a document with a long list that is written element by element: what is around the list. The whole is laid
/// out as `JSONValue.documentText`.
package struct JSONPieces {
  package let start: String
  package let end: String

  /// The pieces of an object, which has an empty list as that member.
  package init(of document: JSONValue, around key: String) {
    guard case .object(let members) = document,
      let place = members.firstIndex(where: { $0.key == key })
    else { preconditionFailure("a document without the list \(key)") }
    start =
      "{" + members[..<place].map { Self.text(of: $0) + "," }.joined()
      + "\n  \(JSONValue.string(key).text()): ["
    end = "\n  ]" + members[(place + 1)...].map { "," + Self.text(of: $0) }.joined() + "\n}\n"
  }

  private static func text(of member: JSONValue.Member) -> String {
    let key = JSONValue.string(member.key).text()
    var writer = JSONWriter(width: JSONValue.documentWidth)
    writer.write(member.value, column: key.utf8.count + 4, indentation: 2)
    return "\n  \(key): " + String(decoding: writer.bytes, as: UTF8.self)
  }

  /// The text of an element, with what is before it.
  package static func text(of element: JSONValue, isFirst: Bool) -> String {
    var writer = JSONWriter(width: JSONValue.documentWidth)
    writer.write(element, column: 4, indentation: 4)
    return (isFirst ? "" : ",") + "\n    " + String(decoding: writer.bytes, as: UTF8.self)
  }
}

/// Writes the text of a value.
private struct JSONWriter {
  let width: Int?
  var bytes: [UInt8] = []

  mutating func write(_ value: JSONValue, column: Int, indentation: Int) {
    switch value {
    case .null: put("null")
    case .bool(let flag): put(flag ? "true" : "false")
    case .number(let digits): put(digits)
    case .string(let text): write(string: text)
    case .array(let elements):
      let breaks = mustBreak(value, column: column)
      list("[", "]", count: elements.count, breaks: breaks, indentation: indentation) {
        $0.write(elements[$1], column: indentation + 2, indentation: indentation + 2)
      }
    case .object(let members):
      let breaks = mustBreak(value, column: column)
      list("{", "}", count: members.count, breaks: breaks, indentation: indentation) {
        let start = $0.bytes.count
        $0.write(string: members[$1].key)
        $0.put(": ")
        let column = indentation + 2 + $0.bytes.count - start
        $0.write(members[$1].value, column: column, indentation: indentation + 2)
      }
    }
  }

  private mutating func list(
    _ open: StaticString, _ close: StaticString, count: Int, breaks: Bool, indentation: Int,
    element: (inout JSONWriter, Int) -> Void
  ) {
    put(open)
    for index in 0..<count {
      if index > 0 { put(breaks ? "," : ", ") }
      if breaks { newLine(indentation + 2) }
      element(&self, index)
    }
    if breaks { newLine(indentation) }
    put(close)
  }

  /// Whether a value must be broken into lines, counting the comma after it.
  private func mustBreak(_ value: JSONValue, column: Int) -> Bool {
    guard let width else { return false }
    var room = width - column - 1
    take(value, from: &room)
    return room < 0
  }

  /// Takes the columns of a value on one line from `room`, and stops early once they do not fit.
  private func take(_ value: JSONValue, from room: inout Int) {
    switch value {
    case .null, .bool: room -= value == .bool(false) ? 5 : 4
    case .number(let digits): room -= digits.utf8.count
    case .string(let text): room -= text.utf8.count + 2
    case .array(let elements):
      room -= 2 + 2 * max(0, elements.count - 1)
      for element in elements where room >= 0 { take(element, from: &room) }
    case .object(let members):
      room -= 2 + 2 * max(0, members.count - 1)
      for member in members where room >= 0 {
        room -= member.key.utf8.count + 4
        take(member.value, from: &room)
      }
    }
  }

  private mutating func newLine(_ indentation: Int) {
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: indentation))
  }

  private mutating func put(_ text: some StringProtocol) {
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func put(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  private mutating func write(string: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): put("\\\"")
      case UInt8(ascii: "\\"): put("\\\\")
      case UInt8(ascii: "\n"): put("\\n")
      case UInt8(ascii: "\t"): put("\\t")
      case UInt8(ascii: "\r"): put("\\r")
      case 0..<0x20:
        put(byte < 0x10 ? "\\u000" : "\\u00")
        put(String(byte, radix: 16))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
