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
    completion: .shellCommand("ls /sys/bus/ap/devices 2>/dev/null | grep '[.]'"),
    transform: Self.pattern)
  var queues: [APQNPattern] = []

  static func pattern(_ text: String) throws -> APQNPattern {
    for (ending, option) in [(".json", "--inventory"), (".rules", "--rules and its directory")]
    where text.hasSuffix(ending) {
      throw ValidationError("this is a file; use it with \(option).")
    }
    do throws(APQNPattern.SyntaxError) {
      return try QueueArgument.pattern(text)
    } catch {
      throw ValidationError(error.sentence)
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
    completion: .list(QueueSelection.stateWords), transform: Self.state)
  var state: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only queues of this guest: a virtual machine, or the UUID of a mediated device.",
      valueName: "name"))
  var guest: [String] = []

  @Option(
    name: .customLong("name"),
    help: ArgumentHelp("Only queues for which a rule with this label decides.", valueName: "label"))
  var label: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only queues of this type or mode, such as CEX8, CEX7C or ep11.", valueName: "type"))
  var type: [String] = []

  var selection: QueueSelection {
    var selection = QueueSelection()
    selection.patterns = arguments.queues
    selection.owners = owner
    selection.states = state
    selection.guests = guest
    selection.labels = label
    selection.types = type
    return selection
  }

  static func state(_ text: String) throws -> String {
    guard !QueueSelection.stateWords.contains(text) else { return text }
    throw ValidationError(
      "\(text.printable) is no state; states are \(QueueSelection.stateWords.joined(separator: ", "))."
    )
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
        guard let column = QueueColumn(rawValue: word.lowercased()) else {
          let columns = QueueColumn.allCases.map(\.rawValue).joined(separator: ", ")
          throw ValidationError("\(String(word).printable) is no column; columns are \(columns)")
        }
        return column
      })
  }
}
