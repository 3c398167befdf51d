/// Why a kernel message was refused, and where.
public struct KernelMessageError: Error, Equatable, Sendable {
  /// The byte, counted from the message's start, at which the string in question begins.
  public var offset: Int
  /// What is wrong with it.
  public var problem: Uevent.Problem

  /// A refusal at `offset`.
  public init(offset: Int, problem: Uevent.Problem) {
    self.offset = offset
    self.problem = problem
  }
}

extension KernelMessageError: CustomStringConvertible {
  /// One sentence with the offset.
  public var description: String { "byte \(offset) of a kernel message: \(problem)." }
}
