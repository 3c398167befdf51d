import Mutants
import Testing

@Suite struct `A file with its mutants built in` {
  static func schemata(_ text: String) -> (Schemata, [Mutant]) {
    let file = SourceFile(path: "Sources/Example/Example.swift", text: text)
    let places = file.places(cases: EnumCases(of: [file]))
    let mutants = places.flatMap(\.mutants)
    let numbers = Dictionary(
      uniqueKeysWithValues: mutants.enumerated().map { ($1, $0 + 1) })
    return (Schemata(of: file, places: places, numbers: numbers), mutants)
  }

  @Test func `has a body for each, and the original`() {
    let (schemata, _) = Self.schemata("func f() { a = 0 }\n")
    #expect(
      schemata.text == """
        func f() {
        if activeMutant < 1 || activeMutant > 2 {
         a = 0\u{20}
        } else {
        switch activeMutant {
        case 1:
        _ = ()
        \u{20}\u{20}
        case 2:
        _ = ()
         a = 1\u{20}
        default:
         a = 0\u{20}
        }
        }
        }

        """)
  }

  @Test func `returns what is returned without the word`() {
    let (schemata, _) = Self.schemata("@inlinable var a: Int { 0 }\n")
    #expect(
      schemata.text == """
        \u{20}var a: Int {
        if activeMutant < 1 || activeMutant > 1 {
        return  0\u{20}
        } else {
        switch activeMutant {
        case 1:
        return  1\u{20}
        default:
        return  0\u{20}
        }
        }
        }

        """)
  }

  @Test func `asks for initial values too`() {
    let (schemata, _) = Self.schemata("let a = true\n")
    #expect(schemata.text == "let a = (activeMutant == 1 ?\nfalse\n: \ntrue)\n")
  }

  @Test func `is inlined nowhere, mutated or not`() {
    let text = "struct A {\n@usableFromInline var b: C\n@inlinable func d() {}\n}\n"
    #expect(Self.schemata(text).0.text == "struct A {\n var b: C\n func d() {}\n}\n")
  }

  @Test func `is the original where no mutant is wanted`() {
    let file = SourceFile(path: "Sources/Example/Example.swift", text: "func f() { a = 0 }")
    let places = file.places(cases: EnumCases(of: [file]))
    #expect(Schemata(of: file, places: places, numbers: [:]).text == file.text)
  }

  @Test func `finds the mutant of a compiler error`() throws {
    let (schemata, mutants) = Self.schemata("let x = y\nfunc f() { a = 0 }\n")
    #expect(mutants.count == 2)
    let lines = schemata.text.split(separator: "\n", omittingEmptySubsequences: false)
    let line = try #require(lines.firstIndex { $0.contains("a = 1") }) + 1
    #expect(schemata.mutants(atLine: line) == [mutants[1]])
    #expect(schemata.mutants(atLine: 1) == [])
    // The original is in all of them.
    #expect(schemata.mutants(atLine: 4) == mutants)
  }
}
