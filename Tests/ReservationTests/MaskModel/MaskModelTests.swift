import APBus
import Reservation
import ReservationRules
import TestSupport
import Testing

/// The planner against a model that tries every pair of masks: exact wherever anything is, the least
/// latent collateral, the fewest bits, refused only what must be, no flicker, no veto, no mask of zeros.
@Suite struct `A plan by mask, compared with every pair of masks` {
  /// A shape, and a part of its cases, so that all processors have something to do.
  struct Part: CustomTestStringConvertible {
    var rows: Int
    var columns: Int
    var part = 0
    var parts = 1

    var shape: String { "\(rows) x \(columns)" }
    var testDescription: String { "\(shape), part \(part + 1) of \(parts)" }

    /// All shapes up to 3 x 3 with so many places at most.
    static func all(upTo places: Int) -> [Part] {
      (1...3).flatMap { rows in
        (1...3).filter { rows * $0 <= places }.flatMap { columns in
          let parts = rows * columns < 6 ? 1 : 8
          return (0..<parts).map { Part(rows: rows, columns: columns, part: $0, parts: parts) }
        }
      }
    }

    /// Its grids: each one of several that differ by the order of rows and columns alone.
    var grids: some Sequence<SmallMachine> {
      SmallMachines.grids(rows: rows, columns: columns).enumerated().lazy
        .filter { $0.offset % parts == part }.map(\.element)
    }
  }

  @Test(arguments: Part.all(upTo: Effort.cases(4, deep: 9)))
  func `is right on every grid of queues and requests`(_ part: Part) throws {
    for grid in part.grids { try judge([grid], in: "grids") }
  }

  @Test(arguments: Part.all(upTo: Effort.cases(2, deep: 9)))
  func `is right where hardware is too old or absent`(_ part: Part) throws {
    for grid in part.grids { try judge(SmallMachines.types(of: grid), in: "with types") }
  }

  @Test(arguments: Part.all(upTo: Effort.cases(4, deep: 9)))
  func `is right whichever queues were removed`(_ part: Part) throws {
    for grid in part.grids { try judge(SmallMachines.departures(of: grid), in: "with departures") }
  }

  @Test(arguments: Part.all(upTo: Effort.cases(2, deep: 4)))
  func `is right from all masks whichever queues were removed`(_ part: Part) throws {
    for grid in part.grids {
      let machines = SmallMachines.departures(of: grid).flatMap(SmallMachines.masks)
      try judge(machines, in: "with departures and masks")
    }
  }

  @Test(arguments: Part.all(upTo: Effort.cases(2, deep: 6)))
  func `is right from all masks, whoever wrote them`(_ part: Part) throws {
    for grid in part.grids { try judge(SmallMachines.masks(of: grid), in: "with masks") }
  }

  @Test(arguments: Part.all(upTo: Effort.cases(1, deep: 4)))
  func `is right from all masks, with any mediated device and type`(_ part: Part) throws {
    for grid in part.grids { try judge(SmallMachines.states(of: grid), in: "with all of it") }
  }

  @Test(arguments: 0..<4)
  func `is right on random machines of every kind`(part: Int) throws {
    let name = "random, part \(part + 1) of 4,"
    for seed in Effort.seeds(300, for: .maskModel, of: name) {
      let machine = SmallMachines.random(seed: seed &* 4 &+ UInt64(part))
      try judge([machine], in: "random", seed: seed)
    }
  }

  /// Judges machines that share their rules.
  private func judge(_ machines: [SmallMachine], in kind: String, seed: UInt64? = nil) throws {
    guard let first = machines.first else { return }
    let (rules, diagnostics) = RuleSet.parse(
      files: [RuleFile(path: "test.rules", text: first.rules)])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    let decisions = DecisionTable(
      rules: rules, inventory: first.inventory, host: HostIdentity())
    var pairs = 0
    for machine in machines {
      let plan = Planner(
        inventory: machine.inventory, decisions: decisions, ownership: machine.ownership
      ).plan(by: .mask)
      let complaints = MaskJudge(machine, plan).complaints
      pairs += (2 << machine.rows) * (2 << machine.columns)
      // The long description is made for a complaint only.
      if !complaints.isEmpty {
        let place = seed.map { "seed \($0)" } ?? ""
        Issue.record("\(place)\(complaints)\n\(machine)\n\(plan.writes)\n\(plan.refusals)")
      }
    }
    ProofReport.count("pairs of masks tried", adding: pairs, in: .maskModel)
    let random = seed == nil ? "\(first.rows) x \(first.columns) " : ""
    ProofReport.count("shapes compared", random + kind, adding: machines.count, in: .maskModel)
  }
}
