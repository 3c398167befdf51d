/// What a scenario of `Tests/KernelBed` left behind on a real kernel, in `Tests/KernelBed/transcripts`.
package struct PlayedScenario: Sendable, CustomStringConvertible {
  /// Such as `l-shape/6.1`: the scenario, and the kernel's version.
  package let description: String

  /// All of them, in the order of their names.
  package static let all: [PlayedScenario] = names(in: "").flatMap { scenario in
    names(in: scenario).map { PlayedScenario(description: "\(scenario)/\($0)") }
  }

  /// The numbers of its runs of `apply` and `changeover` that nothing disturbed.
  package var applies: [Int] {
    Self.names(in: description).compactMap { name in
      name.hasSuffix(".machine.json") ? Int(name.prefix { $0 != "." }) : nil
    }.sorted()
  }

  /// The name of the mechanism by which a run moved queues, and whether it was one of `changeover`, which changes to it.
  package func mechanism(
    of number: Int
  ) throws(SourceFile.Unreadable) -> (name: String, isChangeover: Bool) {
    let words = try text("\(number).mechanism").split(whereSeparator: \.isWhitespace)
    return (words.last.map(String.init) ?? "", words.first == "changeover")
  }

  /// The bytes of one of its files, such as `walk.steps`.
  package func bytes(_ file: String) throws(SourceFile.Unreadable) -> [UInt8] {
    try SourceFile.bytes("\(Self.directory)/\(description)/\(file)")
  }

  /// The text of one of its files.
  package func text(_ file: String) throws(SourceFile.Unreadable) -> String {
    String(decoding: try bytes(file), as: UTF8.self)
  }

  private static let directory = "Tests/KernelBed/transcripts"

  private static func names(in directory: String) -> [String] {
    SourceFile.names(in: "\(Self.directory)/\(directory)")
  }
}
