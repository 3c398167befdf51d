package import APBus

/// Finds rules that decide no queue of a machine, and why.
package struct IdleRules {
  /// Why a rule decides nothing.
  package enum Reason: Hashable, Sendable {
    /// It is for another host or LPAR, since this clause does not match this one.
    case otherHost(Clause)
    /// No queue matches this clause, whatever the other clauses are.
    case noQueueSatisfies(Clause)
    /// Each clause matches some queue, but no queue matches all of them.
    case noQueueSatisfiesAll
    /// Where no other clause fails, it is unknown now whether this one matches.
    case unknown(Clause)
    /// The queues that match are decided by these other rules.
    case decided(by: [SourceLocation])
    /// The queues that match cannot be decided now.
    case undecidable
  }

  private let table: DecisionTable
  private let present: APQNSet
  private var facts: Facts

  /// The rules of a table, on the queues `present` on the machine that the table was made for.
  package init(_ table: DecisionTable, present: some Sequence<APQN>) {
    self.table = table
    self.present = APQNSet(present)
    facts = table.facts
  }

  /// The idle rules in effective order, by index.
  package mutating func findings() -> [(index: Int, reason: Reason)] {
    var isBusy = [Bool](repeating: false, count: table.rules.rules.count)
    for apqn in present {
      if let index = table.compactDecision(for: apqn).ruleIndex { isBusy[index] = true }
    }
    var findings: [(index: Int, reason: Reason)] = []
    for index in isBusy.indices where !isBusy[index] {
      findings.append((index, reason(table.rules.rules[index])))
    }
    return findings
  }

  private mutating func reason(_ rule: Rule) -> Reason {
    var certain = present
    var conceivable = present
    var unknown: Clause?
    for clause in rule.clauses where isForOtherHost(clause) { return .otherHost(clause) }
    for clause in rule.clauses {
      let answer = answer(clause)
      let possible = answer.certain.formedUnion(answer.unknown)
      if possible.isEmpty { return .noQueueSatisfies(clause) }
      if unknown == nil, !answer.unknown.isEmpty { unknown = clause }
      certain.formIntersection(answer.certain)
      conceivable.formIntersection(possible)
    }
    if conceivable.isEmpty { return .noQueueSatisfiesAll }
    if certain.isEmpty { return unknown.map { .unknown($0) } ?? .noQueueSatisfiesAll }
    let others = Set(certain.compactMap { table.compactDecision(for: $0).ruleIndex })
    if others.isEmpty { return .undecidable }
    return .decided(by: others.sorted().map { table.rules.rules[$0].location })
  }

  private mutating func isForOtherHost(_ clause: Clause) -> Bool {
    guard case .host = clause.condition.key.subject else { return false }
    let answer = facts.answer(clause.condition)
    return answer.unknown.isEmpty && (clause.isNegated ? answer.no : answer.yes).isEmpty
  }

  /// For which of the queues present the clause holds, and for which that is unknown.
  private mutating func answer(_ clause: Clause) -> (certain: APQNSet, unknown: APQNSet) {
    if let shape = Shape(clause) { return (present.keeping(shape), APQNSet()) }
    switch clause.condition.key.subject {
    case .guest, .masterKey:
      let answer = facts.queues(clause.condition)
      return (
        present.keeping(answer.certain(isNegated: clause.isNegated)),
        present.keeping(answer.unknown)
      )
    case .adapter, .domain, .queue, .cardKind, .card, .host:
      let answer = facts.answer(clause.condition)
      return (
        present.keeping(clause.isNegated ? answer.no : answer.yes), present.keeping(answer.unknown)
      )
    }
  }
}

extension APQNSet {
  fileprivate func keeping(_ adapters: APMask) -> APQNSet {
    var kept = APQNSet()
    for adapter in adapters { kept[adapter] = self[adapter] }
    return kept
  }

  fileprivate func keeping(_ shape: Shape) -> APQNSet {
    var kept = APQNSet()
    for band in shape.bands {
      for adapter in band.adapters { kept[adapter] = self[adapter].intersection(band.domains) }
    }
    return kept
  }

  fileprivate func formedUnion(_ other: APQNSet) -> APQNSet {
    var union = self
    union.formUnion(other)
    return union
  }

  fileprivate mutating func formIntersection(_ other: APQNSet) {
    for adapter in UInt8.min...UInt8.max {
      self[adapter] = self[adapter].intersection(other[adapter])
    }
  }
}
