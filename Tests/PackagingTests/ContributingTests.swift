import TestSupport
import Testing

@Suite struct `CONTRIBUTING and README` {
  /// What each module depends on.
  private typealias Dependencies = [String: Set<String>]

  /// The arrows of the picture of the modules, `A --> B` each.
  private func picture() throws -> Dependencies {
    let text = try SourceFile.text("CONTRIBUTING.md")
    let block = try #require(text.firstMatch(of: /```mermaid\ngraph BT\n(?<arrows>[^`]*)```/))
    var dependencies = Dependencies()
    for line in block.arrows.split(separator: "\n") {
      let arrow = try #require(line.wholeMatch(of: /\ *([\w-]+) --> ([\w-]+)/), "\(line)")
      #expect(
        dependencies[String(arrow.1), default: []].insert(String(arrow.2)).inserted,
        "\(line) is drawn twice")
    }
    return dependencies
  }

  /// The rows of Package.swift for what is below Sources, without benchmarks and other packages.
  private func manifest() throws -> Dependencies {
    let text = try SourceFile.text("Package.swift").split { $0.isWhitespace }.joined(separator: " ")
    let row =
      /\.(?:target|executableTarget|systemLibrary)\( ?name: "([^"]+)"(?:, dependencies: \[([^\]]*)\])?/
    let folders = Set(SourceFile.names(in: "Sources")).subtracting([
      "benchmarks", "host-benchmarks",
    ])
    var dependencies = Dependencies()
    for match in text.matches(of: row) where folders.contains(String(match.1)) {
      let names = match.2?.matches(of: /"([^"]+)"/).map { String($0.1) } ?? []
      dependencies[String(match.1)] = Set(names)
    }
    #expect(Set(dependencies.keys) == folders)
    return dependencies
  }

  /// All that a module depends on, directly or through others.
  private func reachable(from module: String, _ dependencies: Dependencies) -> Set<String> {
    let direct = dependencies[module] ?? []
    return direct.reduce(into: direct) { $0.formUnion(reachable(from: $1, dependencies)) }
  }

  @Test func `draw the modules as Package.swift has them`() throws {
    let manifest = try manifest()
    let picture = try picture()
    for (module, direct) in manifest {
      let indirect = direct.reduce(into: Set()) { $0.formUnion(reachable(from: $1, manifest)) }
      #expect(
        picture[module] ?? [] == direct.subtracting(indirect), "the arrows from \(module)")
    }
    #expect(Set(picture.keys).isSubset(of: manifest.keys))
  }

  @Test func `describe every module`() throws {
    let text = try SourceFile.text("CONTRIBUTING.md")
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
    let described = Set(rows.flatMap { $0.matches(of: /`([^`]+)`/).map { String($0.1) } })
    let modules = Set(SourceFile.names(in: "Sources").filter { !$0.hasPrefix("C") })
    #expect(modules.subtracting(described) == [])
  }

  @Test(arguments: ["README.md", "CONTRIBUTING.md"])
  func `name targets that the Makefile has`(document: String) throws {
    let lines = try SourceFile.text("Makefile").split(separator: "\n")
    let targets = Set(lines.compactMap { $0.prefixMatch(of: /[\w-]+(?=:)/).map { String($0.0) } })
    // In code only: between backquotes, or at the beginning of a line.
    let named = try SourceFile.text(document).matches(of: /(?:`|\n|sudo )make ([\w-]+)/)
      .map { String($0.1) }
    #expect(named.count > 3)
    #expect(Set(named).subtracting(targets) == [])
  }

  @Test(arguments: ["README.md", "CONTRIBUTING.md"])
  func `name files that exist`(document: String) throws {
    let text = try SourceFile.text(document)
    let linked = text.matches(of: /\]\(([^)#]+)\)/).map { String($0.1) }
    let named = text.matches(of: /`((?:rules|packaging|Tests|Sources|\.ci)\/[\w\/.-]+)`/)
      .map { String($0.1) }
    for path in linked + named where !path.hasPrefix("https:") {
      let parts = path.split(separator: "/")
      let names = SourceFile.names(in: parts.dropLast().joined(separator: "/"))
      #expect(names.contains(String(parts[parts.count - 1])), "\(path)")
    }
  }

  @Test func `name types that exist where they follow a uevent and a rule line`() throws {
    let text = try SourceFile.text("CONTRIBUTING.md")
    let ways = text.split(separator: "\n## ").filter { $0.hasPrefix("The way of ") }.joined()
    let named = Set(ways.matches(of: /`([A-Z]\w*[a-z]\w*)/).map { String($0.1) })
    #expect(named.count > 15)
    let declarations = try Shell.run(
      "grep -rhoE '(struct|class|enum|protocol) [A-Z][A-Za-z0-9]*' '\(SourceFile.path("Sources"))'")
    let types = Set(
      declarations.lines.compactMap { $0.split(separator: " ").last.map(String.init) })
    #expect(named.subtracting(types) == [])
  }
}
