import ArgumentParser
import Daemon

@main
enum Program {
  static func main() {
    Terminal.openStandardDescriptors()
    Terminal.ignoreClosedPipes()
    Apreserve.main()
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
          PlanCommand.self, ApplyCommand.self, VerifyCommand.self, RulesCommand.self,
          ExplainCommand.self, ImportCommand.self,
        ]),
      CommandGroup(
        name: "Machine",
        subcommands: [
          ListCommand.self, MatrixCommand.self, SnapshotCommand.self, MonitorCommand.self,
        ]),
      CommandGroup(
        name: "Daemon",
        subcommands: [
          StatusCommand.self, ReloadCommand.self, SettleCommand.self, DaemonCommand.self,
        ]),
      CommandGroup(
        name: "Simulation", subcommands: [ReplayCommand.self, SimulateCommand.self]),
    ])
}

/// The headings of options that several commands share, in help and in manual pages.
enum OptionTitle {
  static let machine = "Machine options"
  static let rules = "Rule options"
  static let settings = "Settings"
  static let output = "Output options"
  static let daemon = "Daemon options"
}
