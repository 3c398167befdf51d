import APBus

/// Fills a decision table rule by rule, the strongest first.
///
/// A queue is open until its decision is certain: a rule that surely matches closes it. A rule that
/// may or may not match leaves it open and its outcome is remembered; as soon as two different
/// outcomes are possible the queue is undecidable. So each queue is assigned once. A queue
/// that is undecidable stays within reach of weaker rules until one surely matches: they can still make
/// it the host's. Once no queue is within reach, the remaining rules are not evaluated.
struct DecisionTableFiller {
  typealias Outcome = CompactDecision.Outcome

  private(set) var decisions = CompactDecisions()
  private(set) var rows = [DecisionRow](repeating: DecisionRow(), count: 256)

  /// Per adapter the domains that are open.
  private var open = [APMask](repeating: .all, count: 256)
  /// Per adapter and outcome, the open domains for which a rule may lead to that outcome; empty until there is
  /// one.
  private var possible: [APMask] = []
  /// Per adapter the domains of which no rule surely matches yet: those that are open, and those that
  /// are undecidable.
  private var reachable = [APMask](repeating: .all, count: 256)
  /// The adapters that have domains within reach.
  private var reachableAdapters = APMask.all
  /// The adapters that have possible outcomes.
  private var unsureAdapters = APMask()

  private static let outcomes = 4

  mutating func fill(_ compiled: CompiledRules, facts: consuming Facts) {
    var answers = [Facts.Answer?](repeating: nil, count: compiled.facts.count)
    for entry in compiled.entries {
      var certain = reachableAdapters
      var conceivable = reachableAdapters
      for question in compiled.questions[entry.questions] {
        let answer: Facts.Answer
        if let known = answers[question.fact] {
          answer = known
        } else {
          answer = facts.answer(compiled.facts[question.fact])
          answers[question.fact] = answer
        }
        let yes = question.isNegated ? answer.no : answer.yes
        certain.formIntersection(yes)
        conceivable.formIntersection(yes.union(answer.unknown))
        if conceivable.isEmpty { break }
      }
      guard !conceivable.isEmpty else { continue }
      let bands = compiled.bands[entry.bands]
      if entry.queueClauses.isEmpty {
        reach(bands, of: conceivable, certain: certain, by: entry)
      } else {
        let queues = Self.queues(
          of: bands, matching: compiled.queueClauses[entry.queueClauses], facts: facts)
        reach(queues.certain.bands[...], of: conceivable, certain: certain, by: entry)
        reach(queues.unsure.bands[...], of: conceivable, certain: APMask(), by: entry)
      }
      if reachableAdapters.isEmpty { break }
    }
    for adapter in reachableAdapters where !open[Int(adapter)].isEmpty {
      close(open[Int(adapter)], of: adapter, outcome: .unmanaged, ruleIndex: nil)
    }
  }

  /// Those of a rule's queues of which all its clauses on guests and master keys hold, and those of which that is unknown.
  private static func queues(
    of bands: ArraySlice<Shape.Band>, matching clauses: ArraySlice<Clause>, facts: Facts
  ) -> (certain: Shape, unsure: Shape) {
    var certain = Shape(bands: Array(bands))
    var conceivable = certain
    for clause in clauses {
      let answer = facts.queues(clause.condition)
      let yes = answer.certain(isNegated: clause.isNegated)
      certain = certain.intersection(yes)
      conceivable = conceivable.intersection(yes.union(answer.unknown))
    }
    return (certain, conceivable.subtracting(certain))
  }

  /// A rule surely matches the queues of `bands` on the adapters that are `certain`, and may match those on the
  /// other `adapters`.
  private mutating func reach(
    _ bands: ArraySlice<Shape.Band>, of adapters: APMask, certain: APMask,
    by entry: CompiledRules.Entry
  ) {
    for band in bands {
      for adapter in adapters.intersection(band.adapters) {
        let reached = reachable[Int(adapter)].intersection(band.domains)
        guard !reached.isEmpty else { continue }
        if entry.outcome == .host { rows[Int(adapter)].possiblyHost.formUnion(reached) }
        let isCertain = certain.contains(adapter)
        let hit = open[Int(adapter)].intersection(reached)
        if !hit.isEmpty {
          if isCertain {
            close(hit, of: adapter, outcome: entry.outcome, ruleIndex: entry.ruleIndex)
          } else {
            suspect(hit, of: adapter, outcome: entry.outcome)
          }
        }
        if isCertain { leave(reached, of: adapter) }
      }
    }
  }

  /// A rule matches: the queues get its outcome, unless a stronger rule may lead to another.
  private mutating func close(
    _ domains: APMask, of adapter: UInt8, outcome: Outcome, ruleIndex: Int?
  ) {
    let contested =
      unsureAdapters.contains(adapter)
      ? domains.intersection(others(adapter, than: outcome)) : APMask()
    let decided = domains.subtracting(contested)
    open[Int(adapter)].subtract(domains)
    rows[Int(adapter)].undecidable.formUnion(contested)
    decisions.assign(
      CompactDecision(.undecidable, ruleIndex: nil), to: contested, of: adapter)
    decisions.assign(
      CompactDecision(outcome, ruleIndex: ruleIndex), to: decided, of: adapter)
    switch outcome {
    case .unmanaged: rows[Int(adapter)].unmanaged.formUnion(decided)
    case .host: rows[Int(adapter)].host.formUnion(decided)
    case .vfioAP: rows[Int(adapter)].vfioAP.formUnion(decided)
    case .vfioAPWithCollateral:
      rows[Int(adapter)].vfioAP.formUnion(decided)
      rows[Int(adapter)].acceptsCollateral.formUnion(decided)
    case .undecidable: rows[Int(adapter)].undecidable.formUnion(decided)
    }
  }

  /// A rule may match: its outcome is possible; two different ones make a queue undecidable.
  private mutating func suspect(_ domains: APMask, of adapter: UInt8, outcome: Outcome) {
    if possible.isEmpty {
      possible = Array(repeating: APMask(), count: 256 * Self.outcomes)
    }
    let contested = domains.intersection(others(adapter, than: outcome))
    unsureAdapters.insert(adapter)
    possible[Int(adapter) * Self.outcomes + Int(outcome.rawValue)].formUnion(domains)
    guard !contested.isEmpty else { return }
    open[Int(adapter)].subtract(contested)
    rows[Int(adapter)].undecidable.formUnion(contested)
    decisions.assign(
      CompactDecision(.undecidable, ruleIndex: nil), to: contested, of: adapter)
  }

  /// The domains for which a rule may lead to another outcome.
  private func others(_ adapter: UInt8, than outcome: Outcome) -> APMask {
    var mask = APMask()
    for other in 0..<Self.outcomes where other != Int(outcome.rawValue) {
      mask.formUnion(possible[Int(adapter) * Self.outcomes + other])
    }
    return mask
  }

  /// No weaker rule matters for these.
  private mutating func leave(_ domains: APMask, of adapter: UInt8) {
    reachable[Int(adapter)].subtract(domains)
    if reachable[Int(adapter)].isEmpty { reachableAdapters.remove(adapter) }
  }
}
