import APBus
import Agent
import Reservation
import Testing

@Suite struct `An agent that has to ask before each plan` {
  private final class Answers {
    var plans: [Plan] = []
    /// How many plans are permitted.
    var rest: Int

    init(_ count: Int) {
      rest = count
    }
  }

  private func stage(_ answers: Answers) throws -> Stage {
    try Stage(
      .bind,
      environment: Agent.Environment(permits: { agent, plan in
        #expect(agent.inventory != nil)
        answers.plans.append(plan)
        answers.rest -= 1
        return answers.rest >= 0
      }))
  }

  @Test func `writes nothing if the answer is no`() throws {
    let answers = Answers(0)
    let stage = try stage(answers)
    #expect(answers.plans.map(\.changes.count) == [4])
    #expect(stage.driver("01.0002") == DriverName.cex4queue)
    #expect(stage.history.isEmpty)
  }

  @Test func `asks about what is left after a plan as well`() throws {
    let answers = Answers(1)
    let stage = try stage(answers)
    #expect(answers.plans.map(\.changes.count).prefix(2) == [4, 0])
    #expect(stage.driver("01.0002") == DriverName.vfioAP)
  }
}
