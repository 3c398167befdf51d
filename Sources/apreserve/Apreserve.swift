import ArgumentParser
import Daemon
import Glibc
import ReservationRules

@main
enum Program {
  static func main() {
    Terminal.openStandardDescriptors()
    Terminal.ignoreClosedPipes()
    guard !CommandLine.arguments.isEmpty else {
      Terminal.say("the arguments cannot be read, since /proc is not mounted")
      exit(1)
    }
    if let script = Completion(arguments: CommandLine.arguments.dropFirst()) {
      _ = try? Terminal.print(script.text)
      exit(0)
    }
    if let sentence = Apreserve.sentence(
      aboutUnknownCommandIn: Array(CommandLine.arguments.dropFirst()))
    {
      end(with: ValidationError(sentence))
    }
    do {
      var command = try Apreserve.parseAsRoot()
      try command.run()
    } catch {
      end(with: error)
    }
  }

  /// Ends the program. Where JSON is asked for, an error is a document on standard output as well.
  private static func end(with error: any Error) -> Never {
    let status = Apreserve.exitCode(for: error)
    let isError = [ExitStatus.error, ExitStatus.noBus, .validationFailure].contains(status)
    if isError, Apreserve.requestJSON(Array(CommandLine.arguments.dropFirst())) {
      // An exit status alone has no message; what is wrong was said before.
      let message = error is ExitCode ? nil : Apreserve.message(for: error)
      Terminal.printErrorDocument(status: status.rawValue, message)
    }
    Apreserve.exit(withError: error)
  }
}

struct Apreserve: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apreserve",
    abstract: "Reserve AP queues (APQNs) of IBM Z crypto adapters for KVM guests.",
    usage: "apreserve <command> [<options>]",
    discussion: """
      Rule files in /etc/apreserve/rules.d define which queues are for guests:

        ADAPTER=="5|6", DOMAIN=="4", RESERVE="vfio_ap", NAME="web guests"

      "apreserve plan" shows what would be written, and writes nothing. "apreserve apply" reserves the \
      queues once; the service keeps them reserved at boot, on hot plug, and when another process moves \
      them. Without a mainframe, rules can be tested on the description of a machine (--inventory), a \
      capture of uevents (replay), and a simulated bus (simulate).

      Exit status:
        0   success, or nothing to do
        1   error; a message describes it
        2   changes are pending, and nothing is refused (plan)
        3   something is refused, in whole or in part
        4   there is no AP bus
        64  wrong usage

      See also: apreserve(1), apreserve.rules(5), apreserve-guide(7).
      """,
    version: ProgramVersion.text,
    groupedSubcommands: [
      CommandGroup(
        name: "Reservation",
        subcommands: [
          PlanCommand.self, DriftCommand.self, ApplyCommand.self, ConfirmCommand.self,
          UndoCommand.self,
          ChangeoverCommand.self, VerifyCommand.self, RulesCommand.self, RuleCommand.self,
          EditCommand.self, ExplainCommand.self, ImportCommand.self,
        ]),
      CommandGroup(
        name: "Machine",
        subcommands: [
          ListCommand.self, MatrixCommand.self, GuestCommand.self, CompareCommand.self,
          PlaceCommand.self, SnapshotCommand.self, MonitorCommand.self,
        ]),
      CommandGroup(
        name: "Daemon",
        subcommands: [
          StatusCommand.self, ReloadCommand.self, SettleCommand.self, DaemonCommand.self,
        ]),
      CommandGroup(
        name: "Simulation", subcommands: [ReplayCommand.self, SimulateCommand.self]),
      CommandGroup(
        name: "Programs",
        subcommands: [
          SchemaCommand.self, MdevCalloutCommand.self, LibvirtHookCommand.self,
          ExporterCommand.self,
        ]),
    ])
}

extension Apreserve {
  /// Whether the arguments, which may be wrong, ask for JSON: with `--json`, or as the format.
  static func requestJSON(_ arguments: [String]) -> Bool {
    // What follows is for a command that simulate runs.
    let arguments = arguments.prefix { $0 != "--" }
    var names = ["--format"]
    // For other commands, it names a file.
    if arguments.first == "list" { names.append("-o") }
    return arguments.contains("--json") || arguments.contains("--format=json")
      || zip(arguments, arguments.dropFirst()).contains { names.contains($0) && $1 == "json" }
      || arguments.first == "list" && arguments.contains("-o=json")
  }

  /// A sentence about the word in the place of a command, or of one after `help`, that is none; nil if there is no such
  /// word. The parser would take it for an argument too many, and `help` would print the help of the program.
  static func sentence(aboutUnknownCommandIn arguments: [String]) -> String? {
    var words = arguments[...]
    var names = ["help"]
    if words.first == "help" { words = words.dropFirst() }
    var command: any ParsableCommand.Type = Self.self
    while !command.configuration.subcommands.isEmpty {
      guard let word = words.popFirst(), !word.hasPrefix("-") else { return nil }
      let subcommands = command.configuration.subcommands
      names += subcommands.compactMap { $0.configuration.commandName }
      guard let next = subcommands.first(where: { $0.configuration.commandName == word }) else {
        guard !names.contains(word) else { return nil }
        let nearest = Spelling.nearest(to: word, among: names)
        return "Unknown command '\(word)'" + (nearest.map { ". Did you mean '\($0)'?" } ?? "")
      }
      command = next
      names = []
    }
    return nil
  }
}

/// A completion script for a shell, as `--generate-completion-script` prints it.
struct Completion {
  private let shell: CompletionShell

  /// The script that the arguments ask for; nil for anything else.
  init?(arguments: some Collection<String>) {
    guard arguments.count == 2, arguments.first == "--generate-completion-script",
      let shell = arguments.dropFirst().first.flatMap({ CompletionShell(rawValue: $0) })
    else { return nil }
    self.shell = shell
  }

  /// The library's script, which knows of no words after `help`.
  var text: String {
    let script = Apreserve.completionScript(for: shell)
    let commands = Apreserve.configuration.subcommands.compactMap { command in
      command.configuration.commandName
    }.joined(separator: " ")
    switch shell {
    case .bash:
      return script.replacing(
        "_apreserve_help() {",
        with: """
          _apreserve_help() {
              COMPREPLY+=($(compgen -W '\(commands)' -- "${cur}"))
          """)
    case .zsh: return script.replacing("'*:subcommands:'", with: "'1:command:(\(commands))'")
    default:
      return script + """
        complete -c apreserve -n '__fish_seen_subcommand_from help' -f -a '\(commands)'

        """
    }
  }
}

/// The headings of options that several commands share, in help and in manual pages.
enum OptionTitle {
  static let selection = "Selection of queues"
  static let machine = "Machine options"
  static let rules = "Rule options"
  static let settings = "Settings"
  static let output = "Output options"
  static let daemon = "Daemon options"
}
