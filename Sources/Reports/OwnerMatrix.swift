package import APBus
package import ReservationRules
package import Reservation

/// The grid of adapters x domains that are there: who has each queue, and what is to become of it.
package struct OwnerMatrix: Equatable, Sendable {
  /// What there is to say of a cell beside the owner.
  package enum Mark: String, Hashable, Sendable, CaseIterable {
    /// The plan moves it to `vfio_ap`.
    case toVfioAP = "to-vfio_ap"
    /// The plan moves it to `vfio_ap` although no rule asks for it: masks take it along.
    case collateral
    /// The plan moves it to the host.
    case toHost = "to-host"
    /// The plan leaves it unbound.
    case toNone = "to-none"
    /// The request is refused.
    case refused
    /// The request waits for a driver.
    case waiting
    /// The rules cannot be decided now.
    case undecidable
    /// On `vfio_ap`, wanted elsewhere, and not ours to give back.
    case adopted
    /// Requested for guests, and there is no such queue.
    case absent
  }

  /// One place in the grid.
  package struct Cell: Equatable, Sendable {
    /// Adapter and domain.
    package var apqn: APQN
    /// Who has the queue; nil where there is none.
    package var owner: Owner?
    /// What else there is to say.
    package var mark: Mark?
  }

  /// One adapter's line.
  package struct Row: Equatable, Sendable {
    /// The adapter.
    package var adapter: UInt8
    /// Product and mode, `CEX8C`; nil where unknown.
    package var type: String?
    /// A cell for each of the grid's domains.
    package var cells: [Cell]
  }

  /// The domains that have a queue on some adapter, ascending.
  package let domains: [UInt8]
  /// The adapters that have a card, ascending.
  package let rows: [Row]

  /// The grid of a machine, with marks of a plan where there is one.
  package init(inventory: Inventory, decisions: DecisionTable? = nil, plan: Plan? = nil) {
    let marks = Self.marks(plan)
    let domains = Array(APMask(inventory.queues.lazy.map(\.apqn.domain)))
    self.domains = domains
    rows = inventory.cards.map { card in
      let owners = Dictionary(
        uniqueKeysWithValues: inventory.queues(ofCard: card.adapter).map { ($0.apqn, $0.owner) })
      let requested = plan == nil ? APMask() : decisions?.row(card.adapter).vfioAP ?? APMask()
      let cells = domains.map { domain in
        let apqn = APQN(adapter: card.adapter, domain: domain)
        guard let owner = owners[apqn] else {
          return Cell(apqn: apqn, owner: nil, mark: requested.contains(domain) ? .absent : nil)
        }
        return Cell(apqn: apqn, owner: owner, mark: marks[apqn])
      }
      return Row(adapter: card.adapter, type: card.typeName, cells: cells)
    }
  }

  /// The grid of an assessed machine.
  package init(_ assessment: Assessment) {
    self.init(
      inventory: assessment.inventory, decisions: assessment.decisions, plan: assessment.plan)
  }

  /// The marks of a plan; a refusal outweighs the rest.
  private static func marks(_ plan: Plan?) -> [APQN: Mark] {
    guard let plan else { return [:] }
    var marks: [APQN: Mark] = [:]
    for apqn in plan.adopted { marks[apqn] = .adopted }
    for apqn in plan.undecidable { marks[apqn] = .undecidable }
    for waiting in plan.waiting { marks[waiting.apqn] = .waiting }
    for change in plan.changes {
      marks[change.apqn] =
        switch change.to {
        case .vfioAP: change.cause == .collateral ? .collateral : .toVfioAP
        case .host: .toHost
        case .none: .toNone
        }
    }
    for refusal in plan.refusals { marks[refusal.apqn] = .refused }
    return marks
  }

  /// The cells of all rows.
  var cells: some Sequence<Cell> { rows.lazy.flatMap(\.cells) }
}
