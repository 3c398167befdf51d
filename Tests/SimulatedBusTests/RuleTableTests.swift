import TestSupport
import Testing

/// The table in README.md beside this file.
@Suite struct `The table of rules` {
  private static let files = [
    "SimulatedBusTests/AttributeTests", "SimulatedBusTests/EventOrderTests",
    "SimulatedBusTests/EventSequenceTests", "SimulatedBusTests/FaultTests",
    "SimulatedBusTests/GuestTests", "SimulatedBusTests/HardwareTypeTests",
    "SimulatedBusTests/MaskGrammarTests", "SimulatedBusTests/MaskWriteTests",
    "SimulatedBusTests/MediatedDeviceTests", "SimulatedBusTests/OldKernelTests",
    "SimulatedBusTests/OverrideTests", "SimulatedBusTests/PlayedScenarioTests",
    "SimulatedBusTests/SizeTests", "SimulatedBusTests/TimelineTests",
    "SimulatedBusTests/TrafficTests", "SimulatedBusTests/WriteResultTests",
    "SimulatedBusTests/InventoryStateTests", "SimulatedBusTests/SysfsTreeTests",
    "SimulatedBusTests/GuestScenarioTests",
    "CommandTests/MountTests",
  ]

  @Test func `names tests that exist`() throws {
    let sources = try Self.files.map { try SourceFile.text("Tests/\($0).swift") }.joined()
    let table = try SourceFile.text("Tests/SimulatedBusTests/README.md")
      .split(separator: "\n").filter { $0.hasPrefix("| ") }
    var count = 0
    for row in table {
      // What stands in backquotes in the second column.
      let column = row.split(separator: " | ").last ?? ""
      let parts = column.split(separator: "`", omittingEmptySubsequences: false)
      for index in stride(from: 1, to: parts.count, by: 2) {
        #expect(sources.contains("func `\(parts[index])`"), "\(parts[index])")
        count += 1
      }
    }
    #expect(count > 100)
  }
}

/// The articles about the kernel, which comments cite by the names of their sections.
@Suite struct `The documentation of the kernel` {
  private static let catalog = "Sources/SimulatedBus/SimulatedBus.docc"

  /// The Swift files below a directory.
  private static func files(below directory: String) -> [String] {
    SourceFile.names(in: directory).flatMap { name in
      name.hasSuffix(".swift") ? ["\(directory)/\(name)"] : files(below: "\(directory)/\(name)")
    }
  }

  @Test func `has every section that a comment cites`() throws {
    let sections = try SourceFile.names(in: Self.catalog).flatMap { name in
      try SourceFile.text("\(Self.catalog)/\(name)").split(separator: "\n")
        .filter { $0.hasPrefix("#") }.map { String($0.drop { $0 == "#" || $0 == " " }) }
    }
    let citation = /SimulatedBus documentation,((?: (?:and )?"[^"]+",?)+)/
    var count = 0
    for file in Self.files(below: "Sources") + Self.files(below: "Tests") {
      // A citation may go over the end of a line.
      let text = try SourceFile.text(file).replacing(/\n *\/\/\/? */, with: " ")
      for cited in text.matches(of: citation).flatMap({ $0.1.matches(of: /"([^"]+)"/) }) {
        #expect(sections.contains(String(cited.1)), "\(file)")
        count += 1
      }
    }
    #expect(count > 100)
  }
}
