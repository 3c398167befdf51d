import Glibc
import Synchronization

/// What the proofs did in this run: counted where it happens, printed in a line for each when the process
/// ends.
package enum ProofReport {
  /// What is proved, in the order of the lines.
  package enum Proof: String, CaseIterable, Sendable {
    case property
    case arrivals
    case faults = "faults by chance"
    case errnoSweep = "errno sweep"
    case crashSweep = "crash sweep"
    case maskModel = "model of masks"
    case kernels = "kernels' judgement"
  }

  private struct Line {
    /// Numbers by what they count, in the order of their first use.
    var counts: [(what: String, total: Int, parts: [String: Int])] = []
    var seeds: [String: ClosedRange<UInt64>] = [:]
  }

  private static let lines = Mutex<[Proof: Line]>([:])

  /// Counts something; `part` says of which kind it was.
  package static func count(
    _ what: String, _ part: String? = nil, adding number: Int = 1, in proof: Proof
  ) {
    change(proof) { line in
      let known = line.counts.firstIndex { $0.what == what }
      let index = known ?? line.counts.endIndex
      if known == nil { line.counts.append((what, 0, [:])) }
      line.counts[index].total += number
      if let part { line.counts[index].parts[part, default: 0] += number }
    }
  }

  /// Notes which seeds a test has tried.
  static func note(seeds: ClosedRange<UInt64>, of name: String, in proof: Proof) {
    change(proof) { $0.seeds[name] = seeds }
  }

  private static func change(_ proof: Proof, _ body: (inout Line) -> Void) {
    lines.withLock { lines in
      // The first one of all sees to it that there will be a report.
      if lines.isEmpty { atexit { ProofReport.write() } }
      body(&lines[proof, default: Line()])
    }
  }

  private static func write() {
    let lines = lines.withLock { $0 }
    for proof in Proof.allCases {
      guard let line = lines[proof] else { continue }
      let counts = line.counts.map { count in
        let parts = count.parts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        return "\(count.total) \(count.what)"
          + (parts.isEmpty ? "" : " (" + parts.joined(separator: ", ") + ")")
      }
      let seeds = line.seeds.sorted { $0.key < $1.key }.map {
        "\($0.key) \($0.value.lowerBound) to \($0.value.upperBound)"
      }
      print(
        "proof, \(proof.rawValue): " + counts.joined(separator: ", ")
          + (seeds.isEmpty ? "" : "; seeds: " + seeds.joined(separator: ", ")))
    }
    fflush(nil)
  }
}
