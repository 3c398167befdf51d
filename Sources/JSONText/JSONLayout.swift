/// The members of an object, each with its key, what it means, and how its value is got: for a writer, a schema, and
/// the list of keys of a reader.
///
/// Keys are spelled as in a machine description: a file of sysfs by its own name, anything else in camel case.
package struct JSONLayout<Subject>: Sendable {
  private struct Member: Sendable {
    let key: String
    let description: String
    let isRequired: Bool
    let schema: @Sendable () -> JSONSchema
    let json: @Sendable (Subject) -> JSONValue?
  }

  private let name: String?
  fileprivate let description: String
  private var members: [Member] = []
  /// The keys, in their order.
  package private(set) var keys: [String] = []

  /// The layout of an object, its members in their order. One with a name is described once in a schema.
  package init(
    _ name: String? = nil, _ description: String = "", _ define: (inout JSONLayout) -> Void
  ) {
    self.name = name
    self.description = description
    define(&self)
  }

  /// The layout of a document, which begins with its kind and the version of its format.
  package static func document(
    _ kind: String, _ description: String, _ define: (inout JSONLayout) -> Void
  ) -> JSONLayout {
    JSONLayout(kind, description) {
      $0.add("apreserve", constant: .string(kind), "The kind of the document.")
      $0.add("version", constant: .integer(documentVersion), "The version of its format.")
      define(&$0)
    }
  }

  /// A member that every object has.
  package mutating func add<Value>(
    _ key: String, _ form: JSONForm<Value>, _ description: String,
    _ value: @escaping @Sendable (Subject) -> Value
  ) {
    append(
      Member(
        key: key, description: description, isRequired: true, schema: { form.schema },
        json: { form.json(value($0)) }))
  }

  /// An optional member: without a value it is left out.
  package mutating func add<Value>(
    _ key: String, _ form: JSONForm<Value>, _ description: String,
    _ value: @escaping @Sendable (Subject) -> Value?
  ) {
    append(
      Member(
        key: key, description: description, isRequired: false, schema: { form.schema },
        json: { value($0).map(form.json) }))
  }

  /// A member with the same value in all objects.
  package mutating func add(_ key: String, constant: JSONValue, _ description: String) {
    append(
      Member(
        key: key, description: description, isRequired: true,
        schema: { JSONSchema(["const": constant]) }, json: { _ in constant }))
  }

  /// A member that is read, and never written.
  package mutating func add<Value>(read key: String, _ form: JSONForm<Value>, _ description: String)
  {
    append(
      Member(
        key: key, description: description, isRequired: false, schema: { form.schema },
        json: { _ in nil }))
  }

  /// The members of a part.
  package mutating func include<Part>(
    _ layout: JSONLayout<Part>, _ part: @escaping @Sendable (Subject) -> Part
  ) {
    include(layout, areRequired: true) { part($0) }
  }

  /// The members of an optional part: without the part they are left out.
  package mutating func include<Part>(
    _ layout: JSONLayout<Part>, _ part: @escaping @Sendable (Subject) -> Part?
  ) {
    include(layout, areRequired: false, part)
  }

  fileprivate mutating func include<Part>(
    _ layout: JSONLayout<Part>, areRequired: Bool, _ part: @escaping @Sendable (Subject) -> Part?
  ) {
    for member in layout.members {
      append(
        Member(
          key: member.key, description: member.description,
          isRequired: member.isRequired && areRequired, schema: member.schema,
          json: { part($0).flatMap(member.json) }))
    }
  }

  private mutating func append(_ member: Member) {
    members.append(member)
    keys.append(member.key)
  }

  package func json(_ subject: Subject) -> JSONValue {
    .object(
      members.compactMap { member in
        member.json(subject).map { JSONValue.Member(member.key, $0) }
      })
  }

  package var schema: JSONSchema {
    let schema = inlineSchema
    return name.map(schema.named) ?? schema
  }

  fileprivate var inlineSchema: JSONSchema {
    var schema = JSONSchema.object(
      members.map { ($0.key, $0.description, $0.isRequired, $0.schema()) })
    if !description.isEmpty { schema.describe(description) }
    return schema
  }

  /// The schema as a file: of the documents of that name.
  package func schemaFile(_ name: String, title: String) -> JSONValue {
    inlineSchema.file(name: name, title: title, version: Self.documentVersion)
  }
}

extension JSONLayout {
  /// The version of all formats.
  package static var documentVersion: Int { 1 }
}

extension JSONForm {
  package static func object(_ layout: JSONLayout<Value>) -> JSONForm {
    JSONForm(schema: layout.schema) { layout.json($0) }
  }
}

/// Objects of several kinds, each with members of its own. A word for the kind selects the layout, so that a kind
/// without one does not compile.
package struct JSONUnion<Subject, Kind>: Sendable
where Kind: RawRepresentable<String> & CaseIterable & Hashable & Sendable {
  private let name: String
  private let description: String
  private let layouts: [Kind: JSONLayout<Subject>]
  private let kind: @Sendable (Subject) -> Kind

  /// A union whose objects have the word as the member `tag`, if there is one, after those of `start`.
  package init(
    _ name: String, _ description: String, tag: String? = nil,
    after start: JSONLayout<Subject> = JSONLayout { _ in },
    kind: @escaping @Sendable (Subject) -> Kind,
    _ layout: (Kind) -> JSONLayout<Subject>
  ) {
    self.name = name
    self.description = description
    self.kind = kind
    layouts = Dictionary(
      uniqueKeysWithValues: Kind.allCases.map { kind in
        let own = layout(kind)
        let whole = JSONLayout<Subject>(nil, own.description) {
          $0.include(start, areRequired: true) { $0 }
          if let tag {
            $0.add(tag, constant: .string(kind.rawValue), "The kind of the object.")
          }
          $0.include(own, areRequired: true) { $0 }
        }
        return (kind, whole)
      })
  }

  package func json(_ subject: Subject) -> JSONValue {
    layouts[kind(subject)]?.json(subject) ?? .object([])
  }

  package var schema: JSONSchema { inlineSchema.named(name) }

  private var inlineSchema: JSONSchema {
    var schema = JSONSchema.oneOf(Kind.allCases.compactMap { layouts[$0]?.inlineSchema })
    schema.describe(description)
    return schema
  }

  /// The schema as a file: of the documents of that name.
  package func schemaFile(_ name: String, title: String) -> JSONValue {
    inlineSchema.file(name: name, title: title, version: JSONLayout<Subject>.documentVersion)
  }
}

extension JSONLayout {
  /// The layout of one kind of a union, whose objects have this part.
  package static func kind<Part>(
    _ description: String, _ part: @escaping @Sendable (Subject) -> Part?,
    _ define: (inout JSONLayout<Part>) -> Void
  ) -> JSONLayout {
    JSONLayout(nil, description) {
      $0.include(JSONLayout<Part>(nil, "", define), areRequired: true, part)
    }
  }
}

extension JSONForm {
  package static func union<Kind>(_ union: JSONUnion<Value, Kind>) -> JSONForm {
    JSONForm(schema: union.schema) { union.json($0) }
  }
}
