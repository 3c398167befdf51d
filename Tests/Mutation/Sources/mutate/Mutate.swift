import ArgumentParser
import Foundation
import Mutants
import Synchronization

/// Whether the tests would notice a fault: makes mutants of modules, runs the tests with one after the
/// other and reports which of them no test has noticed.
@main struct Mutate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Report which faults in the sources no test would notice.",
    discussion: """
      Every mutant is one small fault. All of a run are built into one copy of the sources; the \
      environment variable APRESERVE_MUTANT says which one is active. The tests of a mutant end with \
      the first that fails, crashes or takes too long.
      """)

  @Option(help: "The directory of the package.")
  var package = "."
  @Option(help: "The directory for the copy, for what is built of it and for the results.")
  var work = ".build/mutate"
  @Option(name: .customLong("module"), help: "A module to make mutants of (repeatable).")
  var modules: [String]
  @Option(name: .customLong("suite"), help: "A test target to run (repeatable).")
  var suites: [String]
  @Option(help: "How many mutants; 0 is all that there are.")
  var mutants = 100
  @Option(help: "Which sample of them.")
  var seed: UInt64 = 1
  @Option(help: "How many tests run at the same time.")
  var jobs = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "The list of mutants that do the same as the original.")
  var equivalent = "Tests/Mutation/equivalent"
  @Flag(help: "Only the survivors of the last run.")
  var again = false
  @Option(help: "The percentage of mutants that must be noticed.")
  var goal = 95.0
  @Flag(help: "Only list the mutants.")
  var list = false

  func validate() throws {
    guard mutants >= 0, jobs > 0 else { throw ValidationError("Numbers are positive.") }
  }

  func run() throws {
    let root = URL(fileURLWithPath: package, isDirectory: true)
    let equivalents = try EquivalentMutants(
      parsing: String(contentsOf: root.appending(path: equivalent), encoding: .utf8),
      file: equivalent)
    let catalogue = try Catalogue(of: modules, in: root)
    var order = catalogue.mutants.order(seed: seed)
    if again {
      let survivors = try survivorsBefore()
      order = order.filter { survivors.contains($0.key) }
    }
    guard !list else {
      for mutant in order.prefix(mutants > 0 ? mutants : order.count) {
        say("\(catalogue.numbers[mutant] ?? 0) \(mutant)")
      }
      return
    }
    say("\(catalogue.mutants.count) mutants in \(modules.joined(separator: ", "))")

    let tree = MutatedTree(root: root, work: URL(fileURLWithPath: work, isDirectory: true))
    let wanted = mutants > 0 && !again ? mutants : order.count
    let build = try tree.build(
      catalogue, order: order, wanted: wanted, modules: modules, suites: suites)
    var chosen: [Mutant] = []
    var skipped = 0
    for mutant in order where chosen.count < wanted {
      if build.rejected.contains(mutant) { skipped += 1 } else { chosen.append(mutant) }
    }
    say("\(chosen.count) mutants with seed \(seed), beside \(skipped) that do not compile")

    let tests = try TestProgram(path: build.program, suites: suites, package: build.package)
    for suite in tests.suites {
      say("  \(suite.name): \(suite.seconds.formatted(.number.precision(.fractionLength(1)))) s")
    }
    let count = chosen.count
    let results = Mutex(Results(equivalents: equivalents))
    try Runner(tests: tests, jobs: jobs).run(
      chosen.map { ($0, catalogue.numbers[$0] ?? 0) }
    ) {
      mutant, outcome in
      results.withLock { results in
        results.add(mutant, outcome)
        say(results.progress(of: count))
      }
    }
    try report(results.withLock { $0 }, catalogue)
  }

  private func report(_ results: Results, _ catalogue: Catalogue) throws {
    // As blocks of the list of equivalent mutants that only lack their explanation. Some do the same to two
    // lines that read the same.
    var keys: Set<Mutant.Key> = []
    let blocks = results.survivors.filter { keys.insert($0.key).inserted }.map { mutant in
      """
      # \(mutant.file):\(mutant.line), APRESERVE_MUTANT=\(catalogue.numbers[mutant] ?? 0)
      \(EquivalentMutants.block(for: mutant.key))
      because: ?

      """
    }
    try blocks.joined(separator: "\n").write(
      toFile: survivorsFile, atomically: true, encoding: .utf8)
    say("\nsurvivors, also in \(survivorsFile):")
    for mutant in results.survivors { say("  \(mutant)") }
    say("")
    for module in modules.map(Optional.some) + [nil] {
      let counts = results.counts(of: module)
      let score = counts.score.formatted(.number.precision(.fractionLength(1)))
      say(
        "\(module ?? "all"): \(counts.killed) killed, \(counts.survived) survived, "
          + "\(counts.equivalent) equivalent: \(score) %")
    }
    let complaints = results.complaints(
      known: Set(catalogue.mutants.map(\.key)), modules: modules)
    for complaint in complaints { say("\(equivalent): \(complaint)") }
    guard results.counts().score >= goal, complaints.isEmpty else { throw ExitCode.failure }
  }

  private var survivorsFile: String { "\(work)/survivors" }

  private func survivorsBefore() throws -> Set<Mutant.Key> {
    let text = try String(contentsOfFile: survivorsFile, encoding: .utf8)
    return Set(try EquivalentMutants(parsing: text, file: survivorsFile).explanations.keys)
  }
}

/// Writes a line at once, so that a log can be read while it grows.
func say(_ text: String) {
  FileHandle.standardOutput.write(Data((text + "\n").utf8))
}
