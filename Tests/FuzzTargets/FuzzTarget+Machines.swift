import APBus
import Daemon
import JSONText
import Reservation
import ReservationRules
import SimulatedBus
import Snapshots

extension FuzzTarget {
  /// JSON: what is read is written so that it reads the same.
  static let json = FuzzTarget("json") { bytes in
    do {
      let value = try JSONParser.parse(bytes)
      for width in [nil, 10, 100] {
        let text = value.text(width: width)
        try hold(try JSONParser.parse(Array(text.utf8)) == value, "\(text) is another value")
      }
    } catch let error as JSONSyntaxError {
      try holdReadable("\(error)")
    }
  }

  /// Machine descriptions.
  static let machines = FuzzTarget("machines") { bytes in
    do {
      let snapshot = try Snapshot.decode(bytes, file: "machine.json")
      let text = snapshot.encoded()
      let again = try Snapshot.decode(Array(text.utf8), file: "again.json")
      try hold(again == snapshot, "a machine changes when it is written: \(text)")
      _ = snapshot.redacted().encoded()
    } catch let error as SnapshotError {
      try holdReadable("\(error)")
    }
  }

  /// What a daemon says that it plans by: it is written so that it reads the same, and plans are made from it.
  static let planningStates = FuzzTarget("planning-states") { bytes in
    guard let value = try? JSONParser.parse(bytes) else { return }
    do {
      let state = try PlanningState(value)
      let again = try PlanningState(state.json)
      try hold(again == state, "a state changes when it is written: \(state.json.text())")
      _ = try? state.assessment()
      _ = try RulesInForce(state.rules.json)
    } catch let error as PlanningStateError {
      try holdReadable("\(error)")
    }
  }

  /// Plans that are kept in files.
  static let savedPlans = FuzzTarget("saved-plans") { bytes in
    do {
      let plan = try SavedPlan.decode(bytes, file: "plan.json")
      let again = try SavedPlan.decode(Array(plan.json.documentText.utf8), file: "again.json")
      try hold(again == plan, "a saved plan changes when it is written")
    } catch let error as SavedPlanError {
      try holdReadable("\(error)")
    }
  }

  /// What programs print of LPARs, which is compared with a machine.
  static let lpars = FuzzTarget("lpars") { bytes in
    do {
      let lpars = try LPARFile.decode(bytes, file: "hmc.json")
      try hold(!lpars.isEmpty, "there is no LPAR, and no error")
      for lpar in lpars {
        try hold(lpar.adapters.count <= 256, "more adapters than there are numbers")
        var assessment = try Assessment(inventory: .empty, rules: RuleSet())
        assessment.compare(with: lpar)
        for finding in assessment.lpar?.findings ?? [] { try holdReadable(finding.message) }
        do {
          _ = try LPARConfiguration.select(
            from: lpars, named: lpar.selector, for: HostIdentity(lpar: "KVM1"))
        } catch let error as LPARSelectionError {
          try holdReadable(error.description)
        }
      }
    } catch let error as SnapshotError {
      try holdReadable("\(error)")
    }
  }

  /// Scenarios: read only, for they may ask for hours.
  static let scenarios = FuzzTarget("scenarios") { bytes in
    do {
      _ = try Scenario(text: String(decoding: bytes, as: UTF8.self))
    } catch let error as ScenarioError {
      try holdReadable("\(error)")
    }
  }
}
