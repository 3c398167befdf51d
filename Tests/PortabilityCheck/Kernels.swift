import APBus
import Reports
import Reservation
import ReservationRules
import Snapshots
import TestSupport
import Walks

/// What real kernels answered, on the simulated bus and from the planner.
enum Kernels {
  static func check(_ results: inout Results) {
    for scenario in PlayedScenario.all {
      results.check("\(scenario): the simulated bus answers as the kernel did") {
        let walk = try Walk(scenario.description, steps: try scenario.bytes("walk.steps"))
        guard walk.checks > 8 else { return ["only \(walk.checks) lines were compared"] }
        return walk.deviations.map { "line \($0.line.number): \($0.line.text), found \($0.found)" }
      }
      for number in scenario.applies {
        results.check("\(scenario), apply \(number): the plan is what the kernel did") {
          try promise(scenario, number)
        }
      }
    }
  }

  private static func promise(_ scenario: PlayedScenario, _ number: Int) throws -> [String] {
    let file = "\(number).machine.json"
    let machine = try Snapshot.decode(try scenario.bytes(file), file: file)
    let plan = try Documents.assessment(scenario, number, machine).plan
    var owners: [APQN: Owner] = [:]
    for queue in machine.inventory.queues { owners[queue.apqn] = queue.owner }
    for change in plan.changes { owners[change.apqn] = change.to }
    let lines = try scenario.text("\(number).after").split(separator: "\n")
    guard lines.count == owners.count else { return ["\(lines.count) queues, not \(owners.count)"] }
    return lines.compactMap { line in
      let words = line.split(separator: " ")
      let found = Owner(driver: words.count > 1 ? String(words[1]) : nil)
      guard let apqn = APQN(words[0]), let promised = owners[apqn] else { return "\(line)" }
      return promised == found ? nil : "\(apqn): \(promised) was promised, and \(found) came"
    }
  }
}
