/// What JSON values look like (JSON Schema, draft 2020-12).
package struct JSONSchema: Equatable, Sendable {
  private var keywords: [JSONValue.Member]
  /// The schemas of the named objects in it, by their names.
  private var definitions: [String: JSONValue] = [:]

  package init(_ keywords: KeyValuePairs<String, JSONValue>) {
    self.keywords = keywords.map { JSONValue.Member($0.key, $0.value) }
  }

  package init(type: String, _ keywords: KeyValuePairs<String, JSONValue> = [:]) {
    self.init(["type": .string(type)])
    self.keywords += keywords.map { JSONValue.Member($0.key, $0.value) }
  }

  package subscript(keyword: String) -> JSONValue? {
    get { value[keyword] }
    set {
      keywords.removeAll { $0.key == keyword }
      if let newValue { keywords.append(JSONValue.Member(keyword, newValue)) }
    }
  }

  private var value: JSONValue { .object(keywords) }

  private mutating func take(_ part: JSONSchema) -> JSONValue {
    definitions.merge(part.definitions) { own, other in
      assert(own == other, "two objects have the same name in a schema")
      return own
    }
    return part.value
  }

  static func list(of element: JSONSchema) -> JSONSchema {
    var schema = JSONSchema(type: "array")
    schema["items"] = schema.take(element)
    return schema
  }

  static func nullable(_ value: JSONSchema) -> JSONSchema {
    var schema = JSONSchema([:])
    schema["anyOf"] = .array([schema.take(value), JSONSchema(type: "null").value])
    return schema
  }

  static func dictionary(of element: JSONSchema) -> JSONSchema {
    var schema = JSONSchema(type: "object")
    schema["additionalProperties"] = schema.take(element)
    return schema
  }

  static func oneOf(_ schemas: [JSONSchema]) -> JSONSchema {
    var schema = JSONSchema([:])
    schema["oneOf"] = .array(schemas.map { schema.take($0) })
    return schema
  }

  /// An object with these members, and no others.
  static func object(
    _ members: [(key: String, description: String, isRequired: Bool, schema: JSONSchema)]
  ) -> JSONSchema {
    var schema = JSONSchema(type: "object")
    schema["properties"] = .object(
      members.map { member in
        var property = member.schema
        property.describe(member.description)
        return JSONValue.Member(member.key, schema.take(property))
      })
    schema["required"] = .array(members.filter(\.isRequired).map { .string($0.key) })
    schema["additionalProperties"] = .bool(false)
    return schema
  }

  /// Puts a description before all other keywords.
  mutating func describe(_ description: String) {
    self["description"] = nil
    keywords.insert(JSONValue.Member("description", .string(description)), at: 0)
  }

  /// A reference to this schema, which becomes a definition.
  func named(_ name: String) -> JSONSchema {
    var schema = JSONSchema(["$ref": .string("#/$defs/\(name)")])
    schema.definitions = definitions
    schema.definitions[name] = value
    return schema
  }

  /// The schema as a file: of the documents of that name, in the version of their format.
  func file(name: String, title: String, version: Int) -> JSONValue {
    .object(
      [
        JSONValue.Member("$schema", "https://json-schema.org/draft/2020-12/schema"),
        JSONValue.Member("$id", .string("urn:apreserve:\(name):\(version)")),
        JSONValue.Member("title", .string(title)),
      ] + keywords
        + [
          JSONValue.Member(
            "$defs",
            .object(
              definitions.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, $0.value) }))
        ])
  }
}
