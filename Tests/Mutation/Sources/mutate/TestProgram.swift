import Mutants

/// The program that has all tests, and its suites by the time that they take.
struct TestProgram {
  struct Suite {
    var name: String
    /// The processor time that it takes.
    var seconds: Double
    /// The modules that it is built of.
    var modules: Set<String>
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  let path: String
  private(set) var suites: [Suite] = []

  /// Runs each suite without any mutant, to know that it passes and how long it takes.
  init(path: String, suites names: [String], package: PackageDescription) throws {
    self.path = path
    for name in names {
      let run = try run(suite: name, mutant: 0, limit: 3600)
      guard run.ending == .passed else {
        throw Failure(description: "\(name) without any mutant: \(run.ending)")
      }
      suites.append(
        Suite(name: name, seconds: run.seconds, modules: package.targets(needed: [name])))
    }
    suites.sort { $0.seconds < $1.seconds }
  }

  /// Runs the suites until one of them notices the mutant.
  func outcome(of mutant: Int, in module: String) throws -> Outcome {
    for suite in suites where suite.modules.contains(module) {
      // A loop without end takes time without end.
      let ending = try run(suite: suite.name, mutant: mutant, limit: 10 + 5 * suite.seconds).ending
      if ending != .passed { return .killed(by: "\(suite.name): \(ending)") }
    }
    return .survived
  }

  private func run(suite: String, mutant: Int, limit: Double) throws -> TestProcess.Result {
    try TestProcess.run(
      [path, "--testing-library", "swift-testing", "--filter", "^\(suite)\\."],
      environment: [
        "APRESERVE_MUTANT": "\(mutant)", "SWIFT_BACKTRACE": "enable=no", "NO_COLOR": "1",
      ],
      limit: limit)
  }
}
