public import APBus
public import ArgumentParser
import Reports
import ReservationRules

/// Queues on the command line, in the forms that rules have and in shorter ones.
struct QueueArguments: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "Queues in hex as in sysfs: 05.0004, an adapter 05, a domain .0004, ranges and lists such as "
        + "05-07.0004|0a.*", valueName: "queues"),
    completion: .shellCommand("ls /sys/bus/ap/devices 2>/dev/null | grep '[.]'"))
  var texts: [String] = []

  /// The patterns. They are read when the command runs, after all options are known: a misspelt option must not be
  /// reported as the queue that its value is not.
  func patterns() throws -> [APQNPattern] { try texts.map(Self.pattern) }

  static func pattern(_ text: String) throws -> APQNPattern {
    for (ending, option) in [(".json", "--inventory"), (".rules", "--rules and its directory")]
    where text.hasSuffix(ending) {
      throw ValidationError("\(text.printable) is a file; use it with \(option).")
    }
    do throws(APQNPattern.SyntaxError) {
      return try QueueArgument.pattern(text)
    } catch {
      throw ValidationError("invalid queues '\(text.printable)': \(error.sentence)")
    }
  }
}

/// Which queues are shown.
struct SelectionOptions: ParsableArguments {
  @OptionGroup var arguments: QueueArguments

  @Option(help: ArgumentHelp("Only queues with this owner.", valueName: "owner"))
  var owner: [Owner] = []

  @Option(
    help: ArgumentHelp(
      "Only queues in this state, or with a request in this state, such as in-use or missing.",
      valueName: "state"),
    completion: .list(QueueSelection.stateWords))
  var state: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only queues of this guest: a virtual machine, or the UUID of a mediated device.",
      valueName: "name"), completion: GuestCommand.completion)
  var guest: [String] = []

  @Option(
    name: .customLong("name"),
    help: ArgumentHelp("Only queues for which a rule with this label decides.", valueName: "label"))
  var label: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only queues of this type or mode, such as CEX8, CEX7C or ep11.", valueName: "type"))
  var type: [String] = []

  /// Whether nothing is selected, so that all queues are shown.
  var isEverything: Bool {
    arguments.texts.isEmpty && owner.isEmpty && state.isEmpty && guest.isEmpty && label.isEmpty
      && type.isEmpty
  }

  func selection() throws -> QueueSelection {
    var selection = QueueSelection()
    selection.patterns = try arguments.patterns()
    selection.owners = owner
    selection.states = state
    selection.guests = guest
    selection.labels = label
    selection.types = type
    return selection
  }

  func validate() throws {
    for word in state where !QueueSelection.stateWords.contains(word) {
      throw ValidationError(
        "\(word.printable) is no state; states are "
          + "\(QueueSelection.stateWords.joined(separator: ", ")). The option can be repeated.")
    }
    for (option, values) in [("--guest", guest), ("--name", label), ("--type", type)]
    where values.contains("") {
      throw ValidationError("\(option) has no value.")
    }
  }

  /// Reports that no queue is selected. If queues are named, that is an error.
  func noteNothingSelected(of machines: String = "this machine") throws {
    let options = [
      ("--owner", owner.map(\.rawValue)), ("--state", state), ("--guest", guest), ("--name", label),
      ("--type", type),
    ].flatMap { option, values in values.map { "\(option) \($0.printable)" } }
    let words = arguments.texts.map(\.printable) + options
    let hint = arguments.texts.isEmpty ? "" : "; numbers are hexadecimal, as in sysfs"
    Terminal.say("no queue of \(machines) matches \(words.joined(separator: " "))\(hint)")
    if !arguments.texts.isEmpty { throw ExitStatus.error }
  }
}

extension Owner: ExpressibleByArgument {}

extension QueueColumn: ExpressibleByArgument {}

/// The form of the list of queues.
enum ListFormat: Equatable {
  case table([QueueColumn])
  case names
  case json

  static func parse(_ text: String) throws -> ListFormat {
    switch text {
    case "wide": return .table(QueueColumn.allCases)
    case "name": return .names
    case "json": return .json
    default: break
    }
    let prefix = "columns="
    guard text.hasPrefix(prefix) else {
      throw ValidationError(
        "\(text.printable) is no format; write wide, name, json or columns=queue,owner")
    }
    let words = text.dropFirst(prefix.count).split(separator: ",", omittingEmptySubsequences: false)
    return .table(
      try words.map { word in
        guard let column = QueueColumn(rawValue: word.lowercased().filter { $0 != " " }) else {
          let columns = QueueColumn.allCases.map(\.rawValue).joined(separator: ", ")
          throw ValidationError("\(String(word).printable) is no column; columns are \(columns)")
        }
        return column
      })
  }
}
