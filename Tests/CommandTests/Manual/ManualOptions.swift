/// The parts of apreserve(1) that say what the program says of its options.
struct ManualOptions {
  private let commands: [CommandDescription]

  init(_ program: CommandDescription) {
    commands = program.subcommands.flatMap(Self.withoutGroups)
  }

  /// The command itself, or those below it with both names.
  private static func withoutGroups(_ command: CommandDescription) -> [CommandDescription] {
    guard !command.subcommands.isEmpty else { return [command] }
    return command.subcommands.map { below in
      var below = below
      below.name = "\(command.name) \(below.name)"
      return below
    }
  }

  /// What belongs between the marks `.\" [key]` and `.\" [end]`; nil for a key that means nothing.
  func block(_ key: String) throws -> [String]? {
    let words = key.split(separator: " ", maxSplits: 1).map(String.init)
    guard words.count == 2 else { return nil }
    let command = commands.first { $0.name == words[1] }
    switch words[0] {
    case "synopsis": return command.map(synopsis)
    case "options":
      return command.map { command in
        command.arguments.filter { $0.title == nil && !$0.isUniversal }.flatMap(entry)
      }
    case "group": return try group(words[1])
    default: return nil
    }
  }

  /// The keys that a page needs to say everything.
  var keys: Set<String> {
    var keys = Set<String>()
    for command in commands {
      keys.insert("synopsis \(command.name)")
      for argument in command.arguments where !argument.isUniversal {
        keys.insert(argument.title.map { "group \($0)" } ?? "options \(command.name)")
      }
    }
    return keys
  }

  /// An option that says different things in different commands.
  struct Ambiguous: Error {
    var option: String
  }

  private func group(_ title: String) throws -> [String]? {
    var entries: [(name: String, lines: [String])] = []
    for argument in commands.flatMap(\.arguments) where argument.title == title {
      var argument = argument
      argument.defaultValue = nil
      let lines = entry(argument)
      if let known = entries.first(where: { $0.name == argument.name }) {
        guard known.lines == lines else { throw Ambiguous(option: argument.name) }
      } else {
        entries.append((argument.name, lines))
      }
    }
    return entries.isEmpty ? nil : entries.flatMap(\.lines)
  }

  private func synopsis(_ command: CommandDescription) -> [String] {
    [".SY \"apreserve \(command.name)\""]
      + command.arguments.filter { !$0.isUniversal }.map { argument in
        let text =
          (argument.kind == "positional" ? "" : "\\fB\\-\\-\(RoffText.source(argument.name))\\fR")
          + (argument.kind == "option" ? "\\ " : "")
          + (argument.kind == "flag" ? "" : "\\fI\(RoffText.source(argument.valueName ?? ""))\\fR")
          + (argument.isRepeating ? "\\ .\\|.\\|." : "")
        let isOptional = argument.isOptional || argument.defaultValue != nil
        // Without \& the dots would end a sentence.
        return isOptional ? "[\(text)]\(argument.isRepeating ? "\\&" : "")" : text
      } + [".YS"]
  }

  private func entry(_ argument: CommandDescription.Argument) -> [String] {
    let value = RoffText.source(argument.valueName ?? "")
    let head =
      switch argument.kind {
      case "positional": ".I \(value)"
      case "flag": ".B \\-\\-\(RoffText.source(argument.name))"
      default:
        (argument.shortName.map { "\\fB\\-\($0)\\fR, " } ?? "")
          + "\\fB\\-\\-\(RoffText.source(argument.name))\\fR \\fI\(value)\\fR"
      }
    var lines = [".TP", head, RoffText.source(argument.summary)]
    if argument.kind == "option", let value = argument.defaultValue {
      lines.append("The default is \\fB\(RoffText.source(value))\\fR.")
    }
    if !argument.valueSummaries.isEmpty {
      lines.append(".RS")
      for value in argument.values {
        lines += [
          ".TP", ".B \(RoffText.source(value))",
          RoffText.source(argument.valueSummaries[value] ?? ""),
        ]
      }
      lines.append(".RE")
    } else if argument.kind == "option", !argument.values.isEmpty {
      let values = argument.values.map { "\\fB\(RoffText.source($0))\\fR" }
      lines.append("The values are \(values.joined(separator: ", ")).")
    }
    return lines
  }
}
