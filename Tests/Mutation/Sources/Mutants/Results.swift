/// What has become of a mutant.
package enum Outcome: Sendable, Equatable {
  case survived
  /// By what, as the test says.
  case killed(by: String)
}

/// What has become of the mutants of a run.
package struct Results: Sendable {
  private let equivalents: EquivalentMutants
  private var outcomes: [(mutant: Mutant, outcome: Outcome)] = []

  package init(equivalents: EquivalentMutants) { self.equivalents = equivalents }

  package mutating func add(_ mutant: Mutant, _ outcome: Outcome) {
    outcomes.append((mutant, outcome))
  }

  /// Those that no test has noticed and nobody has explained, in the order of the sources.
  package var survivors: [Mutant] {
    outcomes.filter { $0.outcome == .survived && !isExplained($0.mutant) }.map(\.mutant)
      .sorted { ($0.file, $0.range.lowerBound) < ($1.file, $1.range.lowerBound) }
  }

  private func isExplained(_ mutant: Mutant) -> Bool {
    equivalents.explanations[mutant.key] != nil
  }

  package struct Counts: Equatable {
    package var killed = 0
    package var survived = 0
    package var equivalent = 0

    package init(killed: Int = 0, survived: Int = 0, equivalent: Int = 0) {
      self.killed = killed
      self.survived = survived
      self.equivalent = equivalent
    }

    /// The percentage that was noticed of the mutants that can be.
    package var score: Double {
      let possible = killed + survived
      return possible == 0 ? 100 : 100 * Double(killed) / Double(possible)
    }
  }

  /// The mutants of a module, or of all.
  package func counts(of module: String? = nil) -> Counts {
    var counts = Counts()
    for (mutant, outcome) in outcomes where module == nil || mutant.module == module {
      if outcome != .survived {
        counts.killed += 1
      } else if isExplained(mutant) {
        counts.equivalent += 1
      } else {
        counts.survived += 1
      }
    }
    return counts
  }

  /// A line for the mutant that came last.
  package func progress(of total: Int) -> String {
    guard let (mutant, outcome) = outcomes.last else { return "" }
    let counter = "[\(outcomes.count)/\(total)]"
    switch outcome {
    case .killed(let test):
      return "\(counter) \(mutant.file):\(mutant.line) killed, \(test.prefix(160))"
    case .survived:
      let word = isExplained(mutant) ? "EQUIVALENT" : "SURVIVED"
      return "\(counter) \(word) \(mutant)"
    }
  }

  /// What is wrong with the list of equivalent mutants: those that a test has noticed after all, and
  /// those of `modules` that are not among the `known` ones any more.
  package func complaints(known: Set<Mutant.Key>, modules: [String]) -> [String] {
    // Two mutants of a function can look alike; one that survives is enough.
    let survived = Set(outcomes.filter { $0.outcome == .survived }.map(\.mutant.key))
    var complaints: [String] = []
    for (mutant, outcome) in outcomes where isExplained(mutant) {
      if case .killed(let test) = outcome, !survived.contains(mutant.key) {
        complaints.append("not equivalent, \(test): \(mutant)")
      }
    }
    for key in equivalents.explanations.keys
    where !known.contains(key) && modules.contains(where: { key.file.hasPrefix("Sources/\($0)/") })
    {
      complaints.append("not in the sources:\n\(EquivalentMutants.block(for: key))")
    }
    return complaints.sorted()
  }
}
