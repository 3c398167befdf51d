import APBus
import ReservationRules
import TestSupport

/// Decides all 65,536 queues with 10, 1,000 and 10,000 rules, compiled and by the naive loop, and
/// compares the answers.
struct DecisionBenchmark {
  private let cards: [Card]
  private static let queues: [APQN] = (0..<65_536).map {
    APQN(adapter: UInt8($0 >> 8), domain: UInt8($0 & 0xff))
  }

  init() {
    var random = SeededGenerator(seed: 4711)
    cards = GeneratedMachine.cards(presence: 100, readable: 95, using: &random)
  }

  /// Runs everything and prints a table; whether all answers were equal.
  func run() -> Bool {
    guard let inventory = try? Inventory(cards: cards) else { return false }
    print("256 cards, 65,536 queues; times are medians of 9 runs, the naive loop's of one")
    var allEqual = true
    var tables: [DecisionTable] = []
    for count in [10, 1_000, 10_000] {
      guard let (isEqual, table) = run(rules: count, on: inventory) else { return false }
      allEqual = allEqual && isEqual
      tables.append(table)
    }
    if let few = tables.first, let many = tables.last {
      print("\none decision with 10,000 rules takes \(ratio(of: many, to: few)) times that with 10")
    }
    print("peak memory \(Process.peakKibibytes.map { "\($0) KiB" } ?? "unknown")")
    return allEqual
  }

  private func run(rules count: Int, on inventory: Inventory) -> (
    isEqual: Bool, table: DecisionTable
  )? {
    var generator = GeneratedRules(
      seed: 42, lockPercent: 2, broadPercent: 0, rangePercent: 4)
    let text = generator.text(count: count)
    let file = RuleFile(path: "generated.rules", text: text)
    var parsed = RuleSet()
    var diagnostics: [Diagnostic] = []
    let parseTime = Process.median(of: 3) {
      (parsed, diagnostics) = RuleSet.parse(files: [file])
    }
    // A few random rules contradict themselves and are left out; that some can match nothing does no harm.
    let left = count - parsed.rules.count
    guard left <= max(1, count / 20) else {
      print("\(left) of \(count) generated rules have errors, such as:")
      if let first = diagnostics.first(where: { $0.severity == .error }) { print(first) }
      return nil
    }
    let compileTime = Process.median(of: 9) {
      parsed = RuleSet(rules: parsed.rules, files: parsed.files)
    }
    let host = GeneratedMachine.host
    var table = DecisionTable(rules: parsed, inventory: inventory, host: host)
    let tableTime = Process.median(of: 9) {
      table = DecisionTable(rules: parsed, inventory: inventory, host: host)
    }
    let lookUp = lookUpTime(table)
    let memory = Process.peakKibibytes ?? 0
    let naive = NaiveRules(rules: parsed.rules, cards: cards, host: host)
    var answers: [NaiveRules.Answer] = []
    answers.reserveCapacity(65_536)
    let naiveTime = Process.median(of: 1) {
      for apqn in Self.queues { answers.append(naive.answer(for: apqn)) }
    }
    let differing = zip(Self.queues, answers).count { apqn, answer in
      let decision = table.compactDecision(for: apqn)
      return decision.reserve != answer.reserve || decision.collateral != answer.collateral
        || decision.ruleIndex != answer.ruleIndex
    }
    report(
      count, rules: parsed, table: table, parse: parseTime, compile: compileTime,
      decideAll: tableTime,
      lookUp: lookUp, naive: naiveTime, memory: memory, differing: differing)
    return (differing == 0, table)
  }

  /// The ratio of two tables' times for one decision, measured in turns so that both meet the same
  /// noise: the median over the turns.
  private func ratio(of left: DecisionTable, to right: DecisionTable) -> String {
    let ratios = (0..<15).map { _ in lookUpTime(left) / lookUpTime(right) }
    return Self.text(ratios.sorted()[7])
  }

  /// The time of one decision, rule and label not fetched, in nanoseconds.
  private func lookUpTime(_ table: DecisionTable) -> Double {
    var requested = 0
    let time = Process.median(of: 9) {
      for _ in 0..<10 {
        for apqn in Self.queues where table.decision(for: apqn).reserve == .vfioAP {
          requested += 1
        }
      }
    }
    precondition(requested >= 0)
    return Double(time) / 655_360
  }

  private func report(
    _ count: Int, rules: RuleSet, table: DecisionTable, parse: UInt64, compile: UInt64,
    decideAll: UInt64, lookUp: Double, naive: UInt64, memory: Int, differing: Int
  ) {
    let hard = rules.rules.count { $0.clauses.contains(where: Self.isHard) }
    let undecidable = (0...255).reduce(0) { $0 + table.row(UInt8($1)).undecidable.count }
    let unmanaged = (0...255).reduce(0) { $0 + table.row(UInt8($1)).unmanaged.count }
    let total = compile + decideAll
    print(
      """

      \(count) rules, \(hard * 100 / count) % of them with MODE, TYPE, CARD{} or !=
        parse              \(Self.milliseconds(parse)) ms
        compile            \(Self.milliseconds(compile)) ms
        decide all         \(Self.milliseconds(decideAll)) ms, \(Self.text(Double(decideAll) / 65_536)) ns a queue
        compile and decide \(Self.milliseconds(total)) ms
        one decision       \(Self.text(lookUp)) ns
        naive loop         \(Self.milliseconds(naive)) ms, \(Self.text(Double(naive) / 65_536)) ns a queue
        ratio              \(Self.text(Double(naive) / Double(total)))
        peak memory        \(memory) KiB before the naive loop
        answers            \(differing == 0 ? "equal" : "\(differing) DIFFER") on 65536 queues \
      (\(unmanaged) unmanaged, \(undecidable) undecidable)
      """)
  }

  private static func isHard(_ clause: Clause) -> Bool {
    clause.isNegated || [.mode, .type, .card].contains(clause.condition.key)
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> String {
    text(Double(nanoseconds) / 1_000_000)
  }

  /// Two digits after the decimal point.
  private static func text(_ number: Double) -> String {
    let hundredths = Int((number * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100)." + (rest < 10 ? "0" : "") + "\(rest)"
  }
}
