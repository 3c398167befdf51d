import Agent
import APBus
import Glibc
import HostSystem
import Reservation
import ReservationRules

/// The agent as a process that can be killed at any moment, for the tests alone: `crash-agent STATE
/// MECHANISM RULES [TARGET]` holds the text RULES on the bus behind standard input and output, once, with its
/// record in the directory STATE. Empty rules are meant; `auto` leaves the choice of the mechanism to the agent, which
/// changes over to TARGET first.
@main
enum CrashAgent {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard (4...5).contains(arguments.count) else {
      fatalError("crash-agent STATE MECHANISM RULES [TARGET]")
    }
    let mechanism = Mechanism(rawValue: arguments[2])
    let (record, ownership, damage) = try OwnershipFile.open(
      directory: arguments[1], boot: "boot", lasting: arguments[1])
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
    if arguments.count == 5, let target = Mechanism(rawValue: arguments[4]) {
      agent.changeOver(to: target)
    }
    try agent.reconcile().get()
    // Nothing is done for a changeover that is refused.
    if arguments.count == 5, agent.changeover != .begun { exit(3) }
  }
}
