import APBus
import Agent
import SimulatedBus
import TestSupport
import Testing

/// Every call of a scenario goes wrong in turn, in every way.
@Suite struct `A failure of any single call` {
  /// The errors of the SimulatedBus documentation, "Results of writes", and what any file system
  /// answers, and success without effect.
  private static let effects: [CallEffect] =
    [
      "EINVAL", "EBUSY", "EAGAIN", "ENODEV", "ENOMEM", "EACCES", "EIO", "EINTR", "ENOENT", "EROFS",
    ].compactMap { Errno(name: $0).map(CallEffect.fail) } + [.ignore]

  /// Answers that look like a machine on which something has gone.
  private static let lies: [CallEffect] = [.fail(.noSuchFile), .ignore]

  @Test(arguments: SweepScenario.all)
  func `the state is what the report says, nothing else moves, and the next run ends it`(
    _ scenario: SweepScenario
  ) throws {
    let undisturbed = try scenario.agent()
    undisturbed.disturb(FaultPlan())
    let count = undisturbed.injector.callCount
    let goal = try undisturbed.state()
    #expect(try undisturbed.converge() == [])
    #expect(Self.effects.count == 11)
    // A bounded run strikes some of the calls, another effect each time; a deep one all.
    let stride = Effort.isDeep ? 1 : 41
    ProofReport.count("scenarios", in: .errnoSweep)
    ProofReport.count("calls in them", adding: Int(count), in: .errnoSweep)
    for index in 1...count {
      for (number, effect) in Self.effects.enumerated()
      where (Int(index) + number * 3) % stride == 0
        || scenario.isGivenLies && Self.lies.contains(effect)
      {
        let run = try scenario.agent()
        run.disturb(FaultPlan([.call(.any, .number(index), effect)]))
        let place: Comment = "call \(index) of \(count): \(effect)"
        #expect(try run.unreported() == [], place)
        #expect(run.touched.isSubset(of: undisturbed.touched), place)
        #expect(try run.converge() == [], place)
        #expect(try run.state() == goal, place)
        #expect(run.struck.count == 1, place)
        ProofReport.count("runs", in: .errnoSweep)
        run.report(in: .errnoSweep)
      }
    }
  }
}
