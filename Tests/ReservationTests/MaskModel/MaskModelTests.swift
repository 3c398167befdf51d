import AdjunctProcessor
import Reservation
import ReservationRules
import TestSupport
import Testing

/// The planner against a model that tries every pair of masks: exact wherever anything is, the least
/// latent collateral, the fewest bits, refused only what must be, no flicker, no veto, no mask of zeros.
@Suite struct `A plan by mask, held against every pair of masks` {
  /// A part of all cases, so that both processors have something to do.
  struct Part: CustomTestStringConvertible {
    var rows: Int
    var columns: Int
    var part = 0
    var parts = 1

    var testDescription: String { "\(rows) x \(columns), part \(part + 1) of \(parts)" }

    /// Grids of up to four places, and in depth all others up to 3 x 3.
    static let grids = (1...3).flatMap { rows in
      (1...3).flatMap { columns -> [Part] in
        let cells = rows * columns
        guard cells <= 4 || Effort.isDeep else { return [] }
        let parts = cells < 9 ? 1 : 8
        return (0..<parts).map { Part(rows: rows, columns: columns, part: $0, parts: parts) }
      }
    }

    /// The smallest grids, and in depth those of four places.
    static let states =
      Effort.isDeep
      ? [(1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 2)].map { Part(rows: $0.0, columns: $0.1) }
      : [Part(rows: 1, columns: 1)]
  }

  @Test(arguments: Part.grids)
  func `is right on every grid of queues and wishes`(_ part: Part) throws {
    var count = 0
    for (index, machine) in SmallMachines.grids(rows: part.rows, columns: part.columns).enumerated()
    where index % part.parts == part.part {
      count += try judge([machine])
    }
    Effort.tell(count, "grids of \(part.testDescription)")
  }

  @Test(arguments: Part.states)
  func `is right from all masks, whoever wrote them, with any mediated device and type`(
    _ part: Part
  ) throws {
    var count = 0
    for grid in SmallMachines.grids(rows: part.rows, columns: part.columns) {
      count += try judge(SmallMachines.states(of: grid))
    }
    Effort.tell(count, "states of grids of \(part.testDescription)")
  }

  @Test(arguments: 0..<4)
  func `is right on random machines of every kind`(part: Int) throws {
    let count = Effort.cases(1200, deep: 4_000_000) / 4
    for number in 0..<count {
      _ = try judge([SmallMachines.random(seed: UInt64(part * count + number))])
    }
    Effort.tell(count, "random machines")
  }

  /// Judges machines that share their rules; returns how many.
  private func judge(_ machines: [SmallMachine]) throws -> Int {
    guard let first = machines.first else { return 0 }
    let (rules, diagnostics) = RuleSet.parse(
      files: [RuleFile(path: "test.rules", text: first.rules)])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    let decisions = DecisionTable(
      rules: rules, inventory: first.inventory, host: HostIdentity())
    for machine in machines {
      let plan = Planner(
        inventory: machine.inventory, decisions: decisions, ownership: machine.ownership
      ).plan(by: .mask)
      let complaints = MaskJudge(machine, plan).complaints
      // The long description is made for a complaint only.
      if !complaints.isEmpty {
        Issue.record("\(complaints)\n\(machine)\n\(plan.writes)\n\(plan.refusals)")
      }
    }
    return machines.count
  }
}
