import Foundation

/// What `swift package dump-package` says of the package.
struct PackageDescription: Decodable {
  var name: String
  private var targets: [Target]

  private struct Target: Decodable {
    var name: String
    var dependencies: [Dependency]
  }

  private struct Dependency: Decodable {
    var byName: [String?]?
    var target: [String?]?
    var name: String? { (byName ?? target)?.first ?? nil }
  }

  /// `scratch` is ours, so that nobody who builds the package has to be waited for.
  init(_ directory: URL, scratch: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "swift", "package", "--package-path", directory.path, "--scratch-path", scratch.path,
      "dump-package",
    ]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    self = try JSONDecoder().decode(Self.self, from: output)
  }

  /// `names` and all targets that they are built of.
  func targets(needed names: [String]) -> Set<String> {
    let dependencies = Dictionary(
      targets.map { ($0.name, $0.dependencies.compactMap(\.name)) }, uniquingKeysWith: +)
    var needed: Set<String> = []
    var rest = names
    while let name = rest.popLast() {
      guard let more = dependencies[name], needed.insert(name).inserted else { continue }
      rest += more
    }
    return needed
  }
}
