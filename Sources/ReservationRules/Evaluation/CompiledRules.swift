import APBus

/// The rules in the order of their strength, prepared as far as possible without an inventory.
///
/// Clauses on numbers become a `Shape`. A condition on the card or the host is kept once, however many
/// rules have it, and is answered for all 256 adapters at a time as soon as there is an inventory. A clause on
/// guests or master keys becomes a shape as soon as these are known.
struct CompiledRules: Sendable {
  /// A rule that can match some queue.
  struct Entry {
    var ruleIndex: Int
    var outcome: CompactDecision.Outcome
    /// Into `bands`.
    var bands: Range<Int>
    /// Into `questions`.
    var questions: Range<Int>
    /// Into `queueClauses`.
    var queueClauses: Range<Int>
  }

  /// A reference to a fact, possibly under `!=`.
  struct Question {
    var fact: Int
    var isNegated: Bool
  }

  /// The rules, the one that beats all others first: the locking ones as written, since the first lock
  /// holds, then the plain ones backwards, since the last one wins.
  private(set) var entries: [Entry] = []
  private(set) var bands: [Shape.Band] = []
  private(set) var questions: [Question] = []
  /// The distinct conditions on cards and the host.
  private(set) var facts: [Condition] = []
  private(set) var queueClauses: [Clause] = []

  private struct Memory {
    var factIndices: [Condition: Int] = [:]
    var shapes: [ValuePattern: Shape] = [:]
  }

  init(_ rules: [Rule]) {
    var memory = Memory()
    entries.reserveCapacity(rules.count)
    bands.reserveCapacity(rules.count)
    for (index, rule) in rules.enumerated() where rule.reserve.locks {
      append(rule, at: index, using: &memory)
    }
    for (index, rule) in rules.enumerated().reversed() where !rule.reserve.locks {
      append(rule, at: index, using: &memory)
    }
  }

  private mutating func append(_ rule: Rule, at index: Int, using memory: inout Memory) {
    let firstQuestion = questions.count
    let firstQueueClause = queueClauses.count
    var adapters = APMask.all
    var domains = APMask.all
    var shapes: [Shape] = []
    for clause in rule.clauses {
      switch clause.condition.key.subject {
      case .adapter:
        let mask = APMask(clause.condition.pattern)
        adapters.formIntersection(clause.isNegated ? mask.complement : mask)
      case .domain:
        let mask = APMask(clause.condition.pattern)
        domains.formIntersection(clause.isNegated ? mask.complement : mask)
      case .queue:
        let shape = Self.shape(clause.condition.pattern, using: &memory)
        shapes.append(clause.isNegated ? shape.complement : shape)
      case .cardKind, .card, .host:
        let fact = factIndex(clause.condition, using: &memory)
        questions.append(Question(fact: fact, isNegated: clause.isNegated))
      case .guest, .masterKey: queueClauses.append(clause)
      }
    }
    let shape = shapes.reduce(Shape(adapters: adapters, domains: domains)) { $0.intersection($1) }
    guard !shape.bands.isEmpty else {
      questions.removeSubrange(firstQuestion...)
      queueClauses.removeSubrange(firstQueueClause...)
      return
    }
    let firstBand = bands.count
    bands += shape.bands
    entries.append(
      Entry(
        ruleIndex: index, outcome: CompactDecision.Outcome(rule), bands: firstBand..<bands.count,
        questions: firstQuestion..<questions.count,
        queueClauses: firstQueueClause..<queueClauses.count))
  }

  private static func shape(_ pattern: ValuePattern, using memory: inout Memory) -> Shape {
    if case .queues(let ranges) = pattern, ranges.count == 1 { return Shape(queues: pattern) }
    if let known = memory.shapes[pattern] { return known }
    let shape = Shape(queues: pattern)
    memory.shapes[pattern] = shape
    return shape
  }

  private mutating func factIndex(_ condition: Condition, using memory: inout Memory) -> Int {
    if let known = memory.factIndices[condition] { return known }
    memory.factIndices[condition] = facts.count
    facts.append(condition)
    return facts.count - 1
  }
}
