import APBus
import TestSupport
import Testing

/// Any rules on any machine whose cards and domains come and go, many times over, from a seed.
@Suite struct `Hardware and drivers in any order` {
  /// The smallest cases of each shape with what is wrong in them.
  private struct Findings {
    var cases: [String: (ArrivalCase, ArrivalViolation, seed: UInt64)] = [:]
    /// Making a case smaller takes as long as a few hundred machines.
    var budget = Effort.cases(15, deep: 400)

    mutating func add(_ course: ArrivalCase, _ kind: ArrivalViolation.Kind, seed: UInt64) throws {
      guard budget > 0, let (small, violation) = try course.shrunk(to: kind) else { return }
      budget -= 1
      let shape = "\(kind.rawValue) | \(small.shape)"
      if let known = cases[shape], known.0.size <= small.size { return }
      cases[shape] = (small, violation, seed)
    }

    var text: String {
      cases.values.sorted { ($0.0.size, $0.seed) < ($1.0.size, $1.seed) }.prefix(20).map {
        "--- seed \($0.seed)\n\($0.0)\n=> \($0.1)"
      }.joined(separator: "\n")
    }
  }

  @Test(arguments: ArrivalCase.Kernel.allCases)
  func `no queue of the host is taken, nothing is taken unreported, no absence fulfils a request`(
    kernel: ArrivalCase.Kernel
  ) throws {
    var findings = Findings()
    var count = 0
    var probes = 0
    for seed in Effort.seeds(40, for: .arrivals, of: kernel.rawValue) {
      var generator = SeededGenerator(seed: seed)
      let course = ArrivalCase.random(on: kernel, using: &generator)
      let run = try ArrivalRun(course)
      for step in course.steps { try run.play(step) }
      ProofReport.count("machines", kernel.rawValue, in: .arrivals)
      ProofReport.count("steps", adding: course.steps.count, in: .arrivals)
      ProofReport.count("arrivals", adding: run.counts.arrivals, in: .arrivals)
      ProofReport.count("departures", adding: run.counts.departures, in: .arrivals)
      ProofReport.count("probes by vfio_ap judged", adding: run.counts.probes, in: .arrivals)
      ProofReport.count("violations", adding: 0, in: .arrivals)
      count += run.violations.count
      probes += run.counts.probes
      for violation in run.violations {
        ProofReport.count("violations", violation.kind.rawValue, in: .arrivals)
      }
      for kind in Set(run.violations.map(\.kind)).sorted(by: { $0.rawValue < $1.rawValue }) {
        try findings.add(course, kind, seed: seed)
      }
    }
    #expect(count == 0, "the smallest of \(findings.cases.count) kinds of cases:\n\(findings.text)")
    // Most rules want something.
    #expect(probes > 0)
  }
}
