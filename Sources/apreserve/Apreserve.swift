import ArgumentParser
import Daemon

/// The program.
@main
enum Program {
  static func main() {
    Terminal.ignoreClosedPipes()
    Apreserve.main()
  }
}

/// The command line as a whole.
struct Apreserve: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apreserve",
    abstract: "Reserve AP queues (APQNs) of IBM Z crypto adapters for KVM guests.",
    discussion: """
      Rule files say which queues are for guests:

        HWTYPE=="10-", ADAPTER=="1|4", RESERVE="vfio_ap", NAME="database guests"

      "apreserve plan" shows what would be written to make it so, "apreserve apply" writes it. Without \
      a mainframe, the same rules can be tried on a machine description (--inventory), on a capture of \
      uevents (replay) and on a simulated bus (simulate).

      Exit status: 0 done or nothing to do, 1 error, 2 changes pending and nothing refused (plan), \
      3 refused in whole or in part, 4 no AP bus here, 64 wrong usage.
      """,
    version: ProgramVersion.text,
    subcommands: [
      PlanCommand.self, ApplyCommand.self, ImportCommand.self, ExplainCommand.self,
      VerifyCommand.self,
      RulesCommand.self, ListCommand.self, MatrixCommand.self, SnapshotCommand.self,
      ReplayCommand.self, SimulateCommand.self, MonitorCommand.self, DaemonCommand.self,
      StatusCommand.self, ReloadCommand.self, SettleCommand.self,
    ])
}
