package import APBus

/// What became of one rule for one queue.
package struct RuleVerdict: Hashable, Sendable {
  package var rule: Rule
  package var outcome: Outcome

  package enum Outcome: Hashable, Sendable {
    /// It matches and decides.
    case decides
    /// It matches, but a stronger rule of which that is unknown may decide otherwise.
    case waits
    /// It matches, but a later rule decides.
    case overridden(by: SourceLocation)
    /// It matches, but a rule with `:=` decides, earlier or later.
    case lockedOut(by: SourceLocation)
    /// This clause does not hold: what was found, as a rule would write it.
    case fails(Clause, found: String)
    /// No clause fails, but of this one it is unknown whether it holds; `mayDecide` says whether the
    /// rule would decide if it matched.
    case unknown(Clause, reason: String, mayDecide: Bool)
  }
}

extension DecisionTable {
  /// What became of each rule for one queue, in effective order. Takes time in proportion to the
  /// number of rules.
  package func explanation(for apqn: APQN) -> [RuleVerdict] {
    let card = cards.first { $0.adapter == apqn.adapter }
    var outcomes = rules.rules.map { ownOutcome(of: $0, for: apqn, card: card) }
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

  /// Why a queue cannot be decided, if that is because its adapter does not answer; nil otherwise.
  package func silence(over apqn: APQN) -> String? {
    guard decision(for: apqn).reserve == nil,
      let card = cards.first(where: { $0.adapter == apqn.adapter }), let silence = card.silence
    else { return nil }
    let isCause = rules.rules.contains { rule in
      guard rule.clauses.contains(where: \.condition.asksAdapter) else { return false }
      let outcome = ownOutcome(of: rule, for: apqn, card: card)
      return if case .unknown = outcome { true } else { false }
    }
    return isCause ? silence : nil
  }

  /// The rule's outcome as if it were alone: `decides`, `fails` or `unknown`. A clause that fails
  /// takes precedence over one that is unknown.
  private func ownOutcome(
    of rule: Rule, for apqn: APQN, card: Card?
  ) -> RuleVerdict.Outcome {
    var unknown: RuleVerdict.Outcome?
    for clause in rule.clauses {
      let condition = clause.condition
      switch condition.finding(for: apqn, card: card, host: host, guests: guests, keys: keys) {
      case .value(let found):
        if condition.pattern.matches(found) == clause.isNegated {
          return .fails(clause, found: condition.key.text(found))
        }
      case .unknown(let reason):
        unknown = unknown ?? .unknown(clause, reason: reason, mayDecide: false)
      }
    }
    return unknown ?? .decides
  }
}
