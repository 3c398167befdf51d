/// What a rule asks, without any machine: which queues, which kinds of cards, and what else.
struct RuleReach {
  /// A question about a name, which only a machine can answer.
  struct Question: Hashable {
    var condition: Condition
    var isNegated: Bool
  }

  var queues = Shape.all
  var kinds = CardKinds.all
  var questions: Set<Question> = []

  init(_ rule: Rule) {
    for clause in rule.clauses {
      if let shape = Shape(clause) {
        queues = queues.intersection(shape)
      } else if let other = CardKinds(clause) {
        kinds = kinds.intersection(other)
      } else {
        questions.insert(Question(condition: clause.condition, isNegated: clause.isNegated))
      }
    }
  }

  /// Whether this rule matches wherever the other one does, as far as the queues are the same.
  func includesCards(of other: RuleReach) -> Bool {
    other.kinds.isSubset(of: kinds) && questions.isSubset(of: other.questions)
  }
}
