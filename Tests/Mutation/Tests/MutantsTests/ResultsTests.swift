import Mutants
import Testing

@Suite struct `The results of a run` {
  static func mutant(_ module: String, line: Int, _ mutated: String) -> Mutant {
    Mutant(
      file: "Sources/\(module)/A.swift", declaration: "A.b", line: line, range: line..<line + 1,
      replacement: "x", original: "y", mutated: mutated)
  }

  static let alike = mutant("Agent", line: 1, "explained")
  static let alikeToo = mutant("Agent", line: 2, "explained")
  static let other = mutant("Agent", line: 3, "other")
  static let elsewhere = mutant("Reservation", line: 4, "elsewhere")

  static func results(
    explaining mutants: [Mutant], _ outcomes: [(Mutant, Outcome)]
  ) throws -> Results {
    let blocks = mutants.map { EquivalentMutants.block(for: $0.key) + "\nbecause: so.\n" }
    let list = try EquivalentMutants(parsing: blocks.joined(separator: "\n"), file: "list")
    var results = Results(equivalents: list)
    for (mutant, outcome) in outcomes { results.add(mutant, outcome) }
    return results
  }

  @Test func `count those apart that nothing can notice`() throws {
    let results = try Self.results(
      explaining: [Self.alike],
      [
        (Self.elsewhere, .killed(by: "a test")), (Self.other, .survived), (Self.alike, .survived),
      ])
    #expect(results.counts() == .init(killed: 1, survived: 1, equivalent: 1))
    #expect(results.counts().score == 50)
    #expect(results.counts(of: "Agent") == .init(survived: 1, equivalent: 1))
    #expect(results.counts(of: "Reservation").score == 100)
    #expect(results.counts(of: "Sysfs").score == 100)
    #expect(results.survivors == [Self.other])
  }

  @Test func `show survivors in the order of the sources`() throws {
    let results = try Self.results(
      explaining: [],
      [(Self.elsewhere, .survived), (Self.other, .survived), (Self.alike, .survived)])
    #expect(results.survivors == [Self.alike, Self.other, Self.elsewhere])
  }

  @Test func `contradict an explanation of a mutant that a test has noticed`() throws {
    let results = try Self.results(
      explaining: [Self.alike], [(Self.alike, .killed(by: "a test"))])
    let complaints = results.complaints(known: [Self.alike.key], modules: ["Agent"])
    #expect(complaints == ["not equivalent, a test: \(Self.alike)"])
  }

  @Test func `do not contradict it when one that looks alike has survived`() throws {
    let results = try Self.results(
      explaining: [Self.alike],
      [(Self.alike, .killed(by: "a test")), (Self.alikeToo, .survived)])
    #expect(results.complaints(known: [Self.alike.key], modules: ["Agent"]) == [])
  }

  @Test func `report explanations for what is not in the sources any more`() throws {
    let results = try Self.results(explaining: [Self.alike, Self.elsewhere], [])
    let block = EquivalentMutants.block(for: Self.alike.key)
    #expect(
      results.complaints(known: [], modules: ["Agent"]) == ["not in the sources:\n\(block)"])
  }
}
