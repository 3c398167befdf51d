import ArgumentParser
import HostSystem
import JSONText
import Reports
import ReservationRules

/// `apreserve rule`
struct RuleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rule",
    abstract: "Add a rule to a rule file, or remove one, for scripts.",
    usage: "apreserve rule add <rule> [<options>]\napreserve rule remove <file:line> [<options>]",
    discussion: """
      All rules are verified with the change first: if there would be errors, they are printed, and nothing is \
      written. The file is replaced at once, with its mode and owner; all other lines stay as they are.

        apreserve rule add 'ADAPTER=="5", DOMAIN=="4", RESERVE="vfio_ap"'
        apreserve rule remove 50-local.rules:3

      The daemon notices the change by itself. "apreserve settle" waits until it is done.
      """,
    subcommands: [RuleAddCommand.self, RuleRemoveCommand.self])
}

/// `apreserve rule add`
struct RuleAddCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add a rule at the end of a rule file.",
    usage: "apreserve rule add <rule> [--file <file>] [<options>]",
    discussion: """
      The file is created if it does not exist. If it has the rule already, nothing is changed.

        apreserve rule add 'ADAPTER=="5", DOMAIN=="4", RESERVE="vfio_ap"'
        apreserve rule add 'APQN=="05.0004", RESERVE="host"' --file 60-host.rules
      """)

  @Argument(
    help: ArgumentHelp("The rule, one line as in a rule file.", valueName: "rule"))
  var rule: String

  /// More arguments, which mean that the rule was not quoted.
  @Argument(help: .hidden)
  var others: [String] = []

  @Option(
    help: ArgumentHelp(
      "Add it to this rule file: a path, or a name in /etc/apreserve/rules.d or the first directory of --rules.",
      valueName: "file"), completion: .file(extensions: ["rules"]))
  var file = "50-local.rules"

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func validate() throws {
    guard others.isEmpty else {
      throw ValidationError(
        "The shell has taken the rule apart: put it in single quotes, as in "
          + "'ADAPTER==\"5\", DOMAIN==\"4\", RESERVE=\"vfio_ap\"'.")
    }
  }

  func run() throws {
    try reportingErrors {
      let editing = try rules.editing(file, mayCreate: true)
      var edit = RuleFileEdit(editing.file)
      switch try edit.add(rule) {
      case .present(let line):
        try output.print(
          RuleChange(.none, file: edit.file.path, line: line, text: rule))
      case .added(let line):
        try editing.save(edit.file, checkedBy: rules)
        try output.print(
          RuleChange(.added, file: edit.file.path, line: line, text: rule))
      }
    }
  }
}

/// `apreserve rule remove`
struct RuleRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Remove a rule from a rule file.",
    usage: "apreserve rule remove <file:line> [<options>]",
    discussion: """
      The line is the one on which the rule begins, as "apreserve rules" prints it. All lines of a rule are removed; \
      comments between them stay.

        apreserve rule remove /etc/apreserve/rules.d/50-local.rules:3
      """)

  @Argument(
    help: ArgumentHelp(
      "The rule file, a path or the name of a file in effect, and the line on which the rule begins.",
      valueName: "file:line"), completion: .file(extensions: ["rules"]), transform: RulePlace.init)
  var place: RulePlace

  @OptionGroup(title: OptionTitle.rules) var rules: RuleOptions
  @OptionGroup(title: OptionTitle.output) var output: OutputOptions

  func run() throws {
    try reportingErrors {
      let editing = try rules.editing(place.file, mayCreate: false)
      var edit = RuleFileEdit(editing.file)
      let lines = try edit.remove(atLine: place.line)
      try editing.save(edit.file, checkedBy: rules)
      try output.print(
        RuleChange(
          .removed, file: edit.file.path, line: place.line, text: lines.joined(separator: "\n")))
    }
  }
}

/// `FILE:LINE`
struct RulePlace {
  var file: String
  var line: Int

  init(_ text: String) throws {
    guard let colon = text.lastIndex(of: ":"), let line = Int(text[colon...].dropFirst()), line > 0,
      colon > text.startIndex
    else {
      throw ValidationError(
        "write the file and the line on which the rule begins, as in 50-local.rules:3.")
    }
    self.file = String(text[..<colon])
    self.line = line
  }
}

extension RuleOptions {
  /// Begins to edit a file of these rules.
  func editing(_ file: String, mayCreate: Bool) throws -> RuleEditing {
    let machine = Self.anyMachine
    let owner = machine.owner(isNamed: !directories.isEmpty)
    try requireDirectories(owner: owner)
    return try RuleEditing(
      file, directories: paths(root: machine.root), owner: owner, mayCreate: mayCreate)
  }
}

extension RuleEditing {
  /// Writes the file, unless the rules would have errors with it.
  func save(_ file: RuleFile, checkedBy options: RuleOptions) throws {
    try options.check(
      try rules(with: file), otherwise: "the rules would have errors, and nothing is written")
    try save(file)
  }
}

extension OutputOptions {
  fileprivate func print(_ change: RuleChange) throws {
    try print(text: change.text, json: change.json)
  }
}
