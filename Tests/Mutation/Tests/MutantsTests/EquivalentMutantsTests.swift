import Mutants
import Testing

@Suite struct `The list of equivalent mutants` {
  static let key = Mutant.Key(
    file: "Sources/A/B.swift", declaration: "C.d(e:)", original: "a\nb", mutated: "a: c")

  @Test func `explains what the file of survivors shows`() throws {
    let text = "# comment\n" + EquivalentMutants.block(for: Self.key) + "\nbecause: it is\n  so.\n"
    let list = try EquivalentMutants(parsing: text, file: "list")
    #expect(list.explanations == [Self.key: "it is\nso."])
  }

  struct Row: Sendable {
    var text: String
    var fault: String
  }

  static let block = EquivalentMutants.block(for: key)

  @Test(arguments: [
    Row(text: "\n\(block)\n", fault: "list:2: the block has no `because:`"),
    Row(
      text: "\(block)\nbecause: x\n\n\(block)\nbecause: y\n",
      fault: "list:8: the mutant is explained twice"),
    Row(text: "file: a\nfile: b\n", fault: "list:2: a second `file:` in the same block"),
    Row(text: "  x\n", fault: "list:1: nothing to continue"),
    Row(
      text: "what: x\n",
      fault: "list:1: write `file:`, `in:`, `original:`, `mutated:` or `because:` and a text"),
  ]) func `has no faults that are passed over`(row: Row) {
    let error = #expect(throws: EquivalentMutants.Fault.self) {
      try EquivalentMutants(parsing: row.text, file: "list")
    }
    #expect(error?.description == row.fault)
  }
}

@Suite struct `An error of the compiler` {
  @Test func `has file and line`() throws {
    let line: Substring = "/w/tree/Sources/A/B.swift:12:5: error: cannot find 'x' in scope"
    let error = try #require(CompilerError(line: line, below: "/w/tree/"))
    #expect(error.file == "Sources/A/B.swift")
    #expect(error.line == 12)
    #expect(error.message == "cannot find 'x' in scope")
  }

  @Test func `in a function that the compiler fails on is that function's`() throws {
    let line: Substring = " for 'look(at:)' (at /w/tree/Sources/A/B.swift:8:3)"
    let error = try #require(CompilerError(line: line, below: "/w/tree/"))
    #expect(error.file == "Sources/A/B.swift")
    #expect(error.line == 8)
  }

  @Test(
    arguments: [
      "/w/tree/Sources/A/B.swift:12:5: warning: x", "/w/other/B.swift:12:5: error: x", "error: x",
      " for 'look()' (at /w/other/B.swift:8:3)", "5.\tWhile silgen cleanup SIL function",
    ] as [Substring]) func `is nothing else`(line: Substring)
  {
    #expect(CompilerError(line: line, below: "/w/tree/") == nil)
  }
}

@Suite struct `A sample` {
  @Test func `depends on nothing but its seed`() {
    #expect((1...8).order(seed: 1) == (1...8).order(seed: 1))
    #expect((1...8).order(seed: 1) != (1...8).order(seed: 2))
    #expect((1...8).order(seed: 3).sorted() == Array(1...8))
  }
}
