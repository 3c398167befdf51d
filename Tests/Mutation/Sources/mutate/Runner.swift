import Dispatch
import Mutants
import Synchronization

/// Runs the tests with each of some mutants, several at the same time.
struct Runner {
  let tests: TestProgram
  let jobs: Int

  /// Calls `report` for each, one at a time.
  func run(
    _ mutants: [(mutant: Mutant, number: Int)],
    report: @Sendable (Mutant, Outcome) -> Void
  ) throws {
    let next = Mutex(0)
    let failure = Mutex<(any Error)?>(nil)
    let reporting = Mutex(())
    DispatchQueue.concurrentPerform(iterations: jobs) { _ in
      while failure.withLock({ $0 == nil }) {
        let index = next.withLock { next in
          defer { next += 1 }
          return next
        }
        guard index < mutants.count else { return }
        let (mutant, number) = mutants[index]
        do {
          let outcome = try tests.outcome(of: number, in: mutant.module)
          reporting.withLock { _ in report(mutant, outcome) }
        } catch {
          failure.withLock { $0 = $0 ?? error }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }
}
