import APBus

/// A line of a plan of faults that says nothing that could be done.
public struct FaultPlanError: Error, Equatable, Sendable {
  /// The line's number, from 1.
  public var line: Int
  /// What is wrong, and what to write instead.
  public var problem: String

  /// An error in a line.
  public init(line: Int, problem: String) {
    self.line = line
    self.problem = problem
  }
}

extension FaultPlanError: CustomStringConvertible {
  /// One line, such as `line 3: "EBUSSY" is no error ...`.
  public var description: String { "line \(line): \(problem)".printable }
}
