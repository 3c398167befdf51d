import JSONText

/// What the program says of itself with `--experimental-dump-help`.
struct CommandDescription {
  /// An option, a flag or an argument.
  struct Argument {
    var name: String
    /// The letter of the option, if it has one beside its name.
    var shortName: String?
    var kind: String
    var valueName: String?
    var isOptional: Bool
    var isRepeating: Bool
    var summary: String
    var defaultValue: String?
    var values: [String]
    var valueSummaries: [String: String]
    /// The heading above it; nil for an option of a single command.
    var title: String?
  }

  var name: String
  var arguments: [Argument]
  var subcommands: [CommandDescription]

  init(_ value: JSONValue) {
    name = value["commandName"]?.text ?? ""
    arguments = (value["arguments"]?.elements ?? []).filter { $0["shouldDisplay"]?.isTrue == true }
      .map(Argument.init)
    subcommands = (value["subcommands"]?.elements ?? []).map(Self.init).filter { $0.name != "help" }
  }
}

extension CommandDescription.Argument {
  init(_ value: JSONValue) {
    let names = (value["names"]?.elements ?? []).compactMap { $0["name"]?.text }
    shortName = names.first { $0.count == 1 }
    name = names.max { $0.count < $1.count } ?? value["valueName"]?.text ?? ""
    kind = value["kind"]?.text ?? ""
    valueName = value["valueName"]?.text
    isOptional = value["isOptional"]?.isTrue == true
    isRepeating = value["isRepeating"]?.isTrue == true
    summary = value["abstract"]?.text ?? ""
    defaultValue = value["defaultValue"]?.text
    values = (value["allValues"]?.elements ?? []).compactMap(\.text)
    valueSummaries = [:]
    if case .object(let members)? = value["allValueDescriptions"] {
      for member in members { valueSummaries[member.key] = member.value.text }
    }
    title = value["sectionTitle"]?.text
  }

  /// Whether every command has it.
  var isUniversal: Bool { name == "help" || name == "version" }
}
