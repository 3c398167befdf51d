/// Collects the members of an object in the order in which they are documented; what is nil is left
/// out. Keys are written as in a machine description: a kernel file by its own name, anything else in
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

  /// An object filled by `fill`.
  package static func make(_ fill: (inout JSONObject) -> Void) -> JSONValue {
    var object = JSONObject()
    fill(&object)
    return object.value
  }

  /// A document of that kind: what it is and which version of the format stand first.
  package static func document(_ kind: String, _ fill: (inout JSONObject) -> Void) -> JSONValue {
    make { object in
      object.set("apreserve", text: kind)
      object.set("version", number: 1)
      fill(&object)
    }
  }
}

extension JSONValue {
  /// The document as it is printed, its last line ended.
  package var documentText: String { text(width: 160) + "\n" }
}
