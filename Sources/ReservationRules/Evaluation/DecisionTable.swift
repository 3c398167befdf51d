package import APBus

/// The decisions for all 65,536 queues of the architecture against one inventory.
package struct DecisionTable: Sendable {
  package let rules: RuleSet
  /// The cards that clauses were compared with.
  let cards: [Card]
  /// The host that clauses were compared with.
  let host: HostIdentity
  /// The guests that clauses were compared with.
  let guests: GuestAssignments
  /// The master keys that clauses were compared with.
  let keys: MasterKeyValues

  private let decisions: CompactDecisions
  private let rows: [DecisionRow]

  /// Decides every queue, of absent cards and domains too.
  package init(
    rules: RuleSet, inventory: Inventory, host: HostIdentity,
    guests: GuestAssignments = GuestAssignments()
  ) {
    self.rules = rules
    self.cards = inventory.cards
    self.host = host
    self.guests = guests
    keys = rules.readsMasterKeys ? MasterKeyValues(inventory) : MasterKeyValues()
    var filler = DecisionTableFiller()
    filler.fill(
      rules.compiled,
      facts: Facts(cards: inventory.cards, host: host, guests: guests, keys: keys))
    decisions = filler.decisions
    rows = filler.rows
  }

  /// What clauses are compared with.
  var facts: Facts { Facts(cards: cards, host: host, guests: guests, keys: keys) }

  package func decision(for apqn: APQN) -> Decision {
    Decision(compactDecision(for: apqn), rules: rules.rules)
  }

  /// The decision for one queue without the rules: for loops over many.
  package func compactDecision(for apqn: APQN) -> CompactDecision {
    decisions[apqn]
  }

  /// The decisions of one adapter's 256 domains.
  package func row(_ adapter: UInt8) -> DecisionRow { rows[Int(adapter)] }
}

extension DecisionTable {
  /// Queues that rules reserve which name guests, and that a definition assigns.
  package var reservedForGuests: APQNSet {
    var queues = APQNSet()
    guard rules.rules.contains(where: \.namesGuests) else { return queues }
    for contents in guests.definitions.compactMap(\.contents) {
      for adapter in contents.adapters {
        for domain in contents.domains.intersection(row(adapter).vfioAP) {
          let apqn = APQN(adapter: adapter, domain: domain)
          if decision(for: apqn).rule?.namesGuests == true { queues.insert(apqn) }
        }
      }
    }
    return queues
  }
}

/// What the rules want for one queue.
package struct Decision: Sendable {
  /// The request; nil if it depends on something that cannot be read now.
  package var reserve: Reserve? { compact.reserve }
  /// Whether the reservation may move unmanaged queues.
  package var collateral: Collateral { compact.collateral }
  /// The rule that won; nil if no rule matches the queue, or if that is undecidable.
  package var rule: Rule? { compact.ruleIndex.map { rules[$0] } }
  /// The label of the rule that won.
  package var name: String? { compact.ruleIndex.flatMap { rules[$0].name } }
  /// The same without the rules.
  package let compact: CompactDecision

  private let rules: [Rule]

  init(_ compact: CompactDecision, rules: [Rule]) {
    self.compact = compact
    self.rules = rules
  }
}

/// The decisions of one adapter's 256 domains. Each domain is in exactly one of the first four masks.
package struct DecisionRow: Hashable, Sendable {
  /// Domains requested for guests.
  package var vfioAP = APMask()
  /// Domains requested for the host.
  package var host = APMask()
  /// Domains whose queues stay where they are.
  package var unmanaged = APMask()
  /// Domains whose decision depends on something that cannot be read now.
  package var undecidable = APMask()
  /// Those of `vfioAP` whose reservation may move unmanaged queues.
  package var acceptsCollateral = APMask()
  /// Domains that may turn out to be the host's: those of `host`, and those of `undecidable` for which
  /// an answer is conceivable that makes them the host's.
  package var possiblyHost = APMask()
}

/// A decision in four bytes: the outcome and the index of the rule that won.
package struct CompactDecision: Hashable, Sendable {
  /// Outcome in the low three bits, rule index plus one above.
  @usableFromInline let bits: UInt32

  @inlinable
  init(_ outcome: Outcome, ruleIndex: Int?) {
    bits = UInt32(outcome.rawValue) | UInt32((ruleIndex ?? -1) + 1) << 3
  }

  /// The possible results of rules for a queue; equal if request and collateral are.
  @usableFromInline
  enum Outcome: UInt8 {
    case unmanaged
    case host
    case vfioAP
    case vfioAPWithCollateral
    case undecidable

    init(_ rule: Rule) {
      switch rule.reserve.value {
      case .unmanaged: self = .unmanaged
      case .host: self = .host
      case .vfioAP: self = rule.collateral == .accept ? .vfioAPWithCollateral : .vfioAP
      }
    }
  }

  /// The request; nil if it depends on something that cannot be read now.
  @inlinable
  package var reserve: Reserve? {
    switch Outcome(rawValue: UInt8(bits & 7)) {
    case .host: .host
    case .vfioAP, .vfioAPWithCollateral: .vfioAP
    case .unmanaged: .unmanaged
    case .undecidable, nil: nil
    }
  }

  /// Whether the reservation may move unmanaged queues.
  @inlinable
  package var collateral: Collateral {
    bits & 7 == UInt32(Outcome.vfioAPWithCollateral.rawValue) ? .accept : .refuse
  }

  /// The index into the set's rules of the rule that won, nil for none.
  @inlinable
  package var ruleIndex: Int? { bits >> 3 == 0 ? nil : Int(bits >> 3) - 1 }
}

/// The decisions of all 65,536 queues. Adapters about which no rule decides share one row.
struct CompactDecisions: Sendable {
  /// Where the row of each adapter starts in `decisions`.
  private var starts = [Int](repeating: 0, count: 256)
  /// Rows of 256 domains; the first one is that of adapters about which nothing is decided.
  private var decisions = Self.undecidedRow

  private static let undecidedRow = [CompactDecision](
    repeating: CompactDecision(.unmanaged, ruleIndex: nil), count: 256)

  subscript(apqn: APQN) -> CompactDecision {
    decisions[starts[Int(apqn.adapter)] + Int(apqn.domain)]
  }

  mutating func assign(_ decision: CompactDecision, to domains: APMask, of adapter: UInt8) {
    guard !domains.isEmpty else { return }
    if starts[Int(adapter)] == 0 {
      guard decision != Self.undecidedRow[0] else { return }
      starts[Int(adapter)] = decisions.count
      decisions += Self.undecidedRow
    }
    let start = starts[Int(adapter)]
    if domains == .all {
      for index in start..<start + 256 { decisions[index] = decision }
    } else {
      for domain in domains { decisions[start + Int(domain)] = decision }
    }
  }
}
