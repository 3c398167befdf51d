import Agent
import APBus
import Glibc
import HostSystem
import Reservation
import ReservationRules

/// The agent as a process that can be killed at any moment, for the tests alone: `crash-agent STATE
/// MECHANISM RULES` holds the text RULES on the bus behind standard input and output, once, with its
/// record in the directory STATE. Empty rules are meant.
@main
enum CrashAgent {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, let mechanism = Mechanism(rawValue: arguments[2]) else {
      fatalError("crash-agent STATE MECHANISM RULES")
    }
    let (record, ownership, damage) = try OwnershipFile.open(directory: arguments[1], boot: "boot")
    if let damage { fatalError(damage) }
    let (rules, diagnostics) = RuleSet.parse(files: [
      RuleFile(path: "crash.rules", text: arguments[3])
    ])
    guard diagnostics.isEmpty else { fatalError("\(diagnostics)") }
    let agent = Agent(
      sysfs: WireSysfs(), rules: RuleSet(), settings: Agent.Settings(mechanism: mechanism),
      ownership: ownership,
      environment: Agent.Environment(record: WireRecord(record)), time: HostTime())
    agent.replaceRules(rules, isExplicit: true)
    try agent.reconcile().get()
  }
}
