package import APBus

extension DecisionTable {
  /// What became of each rule for one queue, in effective order. Takes time in proportion to the
  /// number of rules.
  package func explanation(for apqn: APQN) -> [RuleVerdict] {
    let card = cards.first { $0.adapter == apqn.adapter }
    var outcomes = rules.rules.map { Self.ownOutcome(of: $0, apqn, card, host) }
    let strength = rules.indicesByStrength
    let winner = strength.first { outcomes[$0] == .decides }
    let isDecided = decision(for: apqn).reserve != nil
    for index in strength {
      if index == winner { break }
      if case .unknown(let clause, let reason, _) = outcomes[index] {
        outcomes[index] = .unknown(clause, reason: reason, mayDecide: true)
      }
    }
    if let winner {
      let location = rules.rules[winner].location
      for index in outcomes.indices where outcomes[index] == .decides {
        if index != winner {
          outcomes[index] =
            rules.rules[winner].reserve.locks
            ? .lockedOut(by: location) : .overridden(by: location)
        } else if !isDecided {
          outcomes[index] = .waits
        }
      }
    }
    return zip(rules.rules, outcomes).map { RuleVerdict(rule: $0, outcome: $1) }
  }

  /// The rule's outcome as if it were alone: `decides`, `fails` or `unknown`. A clause that fails
  /// weighs more than one that is unknown.
  private static func ownOutcome(
    of rule: Rule, _ apqn: APQN, _ card: Card?, _ host: HostIdentity
  ) -> RuleVerdict.Outcome {
    var unknown: RuleVerdict.Outcome?
    for clause in rule.clauses {
      let answer = clause.condition.answer(for: apqn, card: card, host: host)
      switch clause.isNegated ? answer.negated : answer {
      case .holds: break
      case .fails(let found): return .fails(clause, found: found)
      case .unknown(let reason):
        unknown = unknown ?? .unknown(clause, reason: reason, mayDecide: false)
      }
    }
    return unknown ?? .decides
  }
}
