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
    "SimulatedBusTests/SysfsTreeTests", "SimulatedBusTests/GuestScenarioTests",
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
