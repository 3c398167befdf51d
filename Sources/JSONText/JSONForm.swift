/// How the values of a type are written as JSON, and the schema of what is written: both from one definition.
package struct JSONForm<Value>: Sendable {
  private let write: @Sendable (Value) -> JSONValue
  private let makeSchema: @Sendable () -> JSONSchema

  package init(
    schema: @autoclosure @escaping @Sendable () -> JSONSchema,
    write: @escaping @Sendable (Value) -> JSONValue
  ) {
    self.write = write
    makeSchema = schema
  }

  package func json(_ value: Value) -> JSONValue { write(value) }

  package var schema: JSONSchema { makeSchema() }

  /// The form of another type, of which each value has one of this type.
  package func mapped<Other>(
    _ value: @escaping @Sendable (Other) -> Value
  ) -> JSONForm<Other> {
    JSONForm<Other>(schema: schema) { json(value($0)) }
  }
}

extension JSONForm where Value == String {
  package static var text: JSONForm {
    JSONForm(schema: JSONSchema(type: "string")) { .string($0) }
  }

  /// A text that a regular expression of ECMA-262 matches.
  package static func text(_ pattern: String) -> JSONForm {
    JSONForm(schema: JSONSchema(type: "string", ["pattern": .string(pattern)])) { .string($0) }
  }

  /// One of these texts.
  package static func text(of words: [String]) -> JSONForm {
    JSONForm(schema: JSONSchema(type: "string", ["enum": .array(words.map { .string($0) })])) {
      .string($0)
    }
  }
}

extension JSONForm where Value: RawRepresentable<String> & CaseIterable & Sendable {
  /// The word of a case.
  package static var word: JSONForm {
    let words = Value.allCases.map { JSONValue.string($0.rawValue) }
    return JSONForm(schema: JSONSchema(type: "string", ["enum": .array(words)])) {
      .string($0.rawValue)
    }
  }
}

extension JSONForm where Value == Bool {
  package static var flag: JSONForm {
    JSONForm(schema: JSONSchema(type: "boolean")) { .bool($0) }
  }
}

extension JSONForm where Value: FixedWidthInteger & Sendable {
  /// A whole number, within the bounds of its type if that has 32 bits at most.
  package static var integer: JSONForm {
    JSONForm(schema: integerSchema(from: Value.isSigned ? nil : 0)) { .integer($0) }
  }

  /// A number of things.
  package static var count: JSONForm {
    JSONForm(schema: integerSchema(from: 0)) { .integer($0) }
  }

  private static func integerSchema(from minimum: Value?) -> JSONSchema {
    var schema = JSONSchema(type: "integer")
    if let minimum { schema["minimum"] = .integer(minimum) }
    if Value.bitWidth <= 32 { schema["maximum"] = .integer(Value.max) }
    return schema
  }
}

extension JSONForm {
  package static func list<Element>(
    of element: JSONForm<Element>
  ) -> JSONForm where Value == [Element] {
    JSONForm(schema: .list(of: element.schema)) { .array($0.map(element.json)) }
  }

  /// Null for nil. Other optional members are left out; this form is for the answers that are
  /// described as a type of the Varlink interface.
  package static func nullable<Wrapped>(
    _ form: JSONForm<Wrapped>
  ) -> JSONForm where Value == Wrapped? {
    JSONForm(schema: .nullable(form.schema)) { $0.map(form.json) ?? .null }
  }

  /// An object whose keys are not known before.
  package static func dictionary<Element>(
    of element: JSONForm<Element>
  ) -> JSONForm where Value == [(key: String, value: Element)] {
    JSONForm(schema: .dictionary(of: element.schema)) {
      .object($0.map { JSONValue.Member($0.key, element.json($0.value)) })
    }
  }
}
