import FuzzTargets
import TestSupport
import Testing

/// What fuzzing has found worth keeping, and changes of it, in every run of the tests.
@Suite struct `A parser that meets the outside` {
  @Test(arguments: FuzzTarget.all.map(\.name))
  func `survives its corpus and small changes of it`(name: String) throws {
    let target = try #require(FuzzTarget.named(name))
    let inputs = try Corpus.inputs(of: name)
    #expect(!inputs.isEmpty, "every target has a corpus")
    var generator = SeededGenerator(seed: UInt64(inputs.count))
    for input in inputs { try target.check(input) }
    for _ in 0..<Effort.cases(60, deep: 20_000) {
      let input = try #require(inputs.randomElement(using: &generator))
      let other = try #require(inputs.randomElement(using: &generator))
      let bytes = Corpus.changed(input, by: other, using: &generator)
      #expect(throws: Never.self, "\(bytes)") { try target.check(bytes) }
    }
  }
}
