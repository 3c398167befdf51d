import Mutants
import Testing

@Suite struct `Mutants of a source file` {
  static func mutants(_ text: String) -> [Mutant] {
    let file = SourceFile(path: "Sources/Example/Example.swift", text: text)
    return file.places(cases: EnumCases(of: [file])).flatMap(\.mutants)
  }

  /// Code, and the lines that stand for one of its lines in turn.
  struct Row: Sendable, CustomTestStringConvertible {
    var code: String
    var mutated: [String]
    var testDescription: String { code }

    init(_ code: String, _ mutated: String...) {
      self.code = code
      self.mutated = mutated
    }

    static let all: [Row] = [
      Row("call(a == b)", "(left out)", "call(a != b)"),
      Row("call(a < b)", "(left out)", "call(a <= b)", "call(a >= b)"),
      Row("call(a && b)", "(left out)", "call(a || b)", "call(a)", "call(b)"),
      Row("call(!a)", "(left out)", "call(a)"),
      Row("call(a ?? b)", "(left out)", "call(b)"),
      Row("call(a + b)", "(left out)", "call(a - b)"),
      Row("call(\"a\" + b)", "(left out)"),
      Row("call([a] + b)", "(left out)"),
      Row("call(true)", "(left out)", "call(false)"),
      Row("call(7)", "(left out)", "call(8)", "call(6)"),
      Row("call(0)", "(left out)", "call(1)"),
      Row("call(0xff)", "(left out)", "call(0x100)", "call(0xfe)"),
      Row("call(a ? b : c)", "(left out)", "call(!a ? b : c)"),
      Row(
        "call(a.subtracting(b))", "(left out)", "call(a)", "call(a.union(b))",
        "call(a.intersection(b))"),
      Row("call(a.first)", "(left out)", "call(a.last)"),
      Row("call(min(a, b))", "(left out)", "call(max(a, b))"),
      Row("call(0..<n)", "(left out)", "call(0...n)", "call(1..<n)"),
      Row("call(a.filter { $0.isOn })", "(left out)", "call(a)", "call(a.filter { !$0.isOn })"),
      Row("a.insert(b)", "(left out)", "a.remove(b)"),
      Row("a = b", "(left out)"),
      Row("a += b", "(left out)", "a -= b"),
      Row("if a { b = c }", "if !a { b = c }", "if a {  }"),
      Row(
        "guard a, let b else { return }", "guard !a, let b else { return }",
        "guard true, let b else { return }"),
      Row(
        "for a in b where c { d = a }", "for a in b where !c { d = a }", "for a in b  { d = a }",
        "for a in b where c {  }"),
      Row("if let a { return }", "if let a {  }"),
      Row("let a = b"),
    ]
  }

  @Test(arguments: Row.all) func `are the mistakes that can be made in it`(row: Row) {
    let mutants = Self.mutants("func f() {\n  \(row.code)\n}\n")
    #expect(Set(mutants.map(\.mutated)) == Set(row.mutated))
    #expect(mutants.allSatisfy { $0.original == row.code && $0.line == 2 })
  }

  @Test func `are about results that are returned`() {
    let mutants = Self.mutants("var isEmpty: Bool { a.isEmpty }\nfunc f() -> Int? { a }\n")
    #expect(
      mutants.map(\.mutated) == [
        "var isEmpty: Bool { !a.isEmpty }", "func f() -> Int? { nil }",
      ])
  }

  @Test func `take another case of the same enumeration, but not in a pattern`() {
    let mutants = Self.mutants(
      """
      enum Owner { case host, none, guest(Int) }
      func f() { switch a { case .host: a = .host } }
      """)
    #expect(
      mutants.map(\.mutated) == [
        "func f() { switch a { case .host:  } }",
        "func f() { switch a { case .host: a = .none } }",
      ])
  }

  @Test func `leave texts and checks of our own alone`() {
    let mutants = Self.mutants(
      """
      func f() {
        precondition(a > 0, "1")
        let text = "\\(a + b)"
        a.reserveCapacity(7)
      }
      func hash(into hasher: inout Hasher) { hasher.combine(a) }
      """)
    #expect(mutants == [])
  }

  @Test func `are known by declaration and lines, not by numbers`() throws {
    let text = "extension A { struct B { init(c: Int) { d = c } } }"
    let mutant = try #require(Self.mutants(text).first)
    #expect(mutant.declaration == "A.B.init(c:)")
    let moved = try #require(Self.mutants("\n\n" + text).first)
    #expect(moved != mutant)
    #expect(moved.key == mutant.key)
  }
}
