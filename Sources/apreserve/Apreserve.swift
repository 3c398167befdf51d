import ArgumentParser
import Daemon

/// The program.
@main
enum Program {
  static func main() {
    Terminal.openStandardDescriptors()
    Terminal.ignoreClosedPipes()
    Apreserve.main()
  }
}

/// The command line as a whole.
struct Apreserve: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apreserve",
    abstract: "Reserve AP queues (APQNs) of IBM Z crypto adapters for KVM guests.",
    usage: "apreserve <command> [<options>]",
    discussion: """
      Rule files in /etc/apreserve/rules.d say which queues are for guests:

        ADAPTER=="5|6", DOMAIN=="4", RESERVE="vfio_ap", NAME="web guests"

      "apreserve plan" shows what would be written to make it so, and writes nothing. "apreserve apply" \
      does it once; the service holds it from then on, at boot, on hot plug, and against other hands. \
      Without a mainframe, rules can be tried on a machine's description (--inventory), on a capture of \
      uevents (replay) and on a simulated bus (simulate).

      Exit status:
        0   done, or nothing to do
        1   something is wrong; a message says what
        2   changes are pending, and nothing is refused (plan)
        3   something is refused, in whole or in part
        4   there is no AP bus here
        64  wrong usage

      The manual: apreserve(1), apreserve.rules(5), apreserve-guide(7).
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
