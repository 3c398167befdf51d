import Foundation
import Mutants

/// The copy of the package that has the mutants, and what is built of it.
struct MutatedTree {
  let directory: URL
  private let root: URL
  private let scratch: URL
  private let files = FileManager.default

  struct Build {
    /// The program that runs all tests.
    var program: String
    /// The mutants that the compiler does not accept.
    var rejected: Set<Mutant>
    var package: PackageDescription
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  init(root: URL, work: URL) {
    self.root = root
    directory = work.appending(path: "tree", directoryHint: .isDirectory)
    scratch = work.appending(path: "build", directoryHint: .isDirectory)
  }

  /// Builds until `wanted` mutants of the beginning of `order` compile, or all that do.
  func build(
    _ catalogue: Catalogue, order: [Mutant], wanted: Int, modules: [String], suites: [String]
  ) throws -> Build {
    let package = try PackageDescription(root, scratch: scratch)
    try copyPackage(keeping: package.targets(needed: suites))
    let known = rejectedBefore()
    var rejected = Set(catalogue.mutants.filter { known[$0.key] != nil })
    var reasons = known
    // Some more than wanted, since some do not compile.
    var tried = wanted + wanted / 4
    while true {
      let accepted = order.prefix(tried).filter { !rejected.contains($0) }
      let schemata = try write(accepted, of: catalogue)
      var found: [Mutant: String] = [:]
      var failed: Set<String> = []
      for module in modules where package.targets(needed: [module]).isDisjoint(with: failed) {
        let (succeeded, output) = try swift(["build", "--target", module])
        guard !succeeded else { continue }
        // What is built of it would only fail in the same way.
        failed.insert(module)
        try found.merge(culprits(in: output, schemata)) { first, _ in first }
      }
      rejected.formUnion(found.keys)
      for (mutant, reason) in found { reasons[mutant.key] = reason }
      try write(reasons)
      say("build: \(accepted.count) mutants, \(found.count) do not compile")
      guard found.isEmpty else { continue }
      if accepted.count >= wanted || tried >= order.count { break }
      tried += 2 * (wanted - accepted.count)
    }
    let (succeeded, output) = try swift(["build", "--build-tests"])
    guard succeeded else { throw Failure(description: output) }
    return Build(
      program: scratch.appending(path: "release/\(package.name)PackageTests.xctest").path,
      rejected: rejected, package: package)
  }

  private func swift(_ words: [String]) throws -> (succeeded: Bool, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["swift"] + words + [
        "--package-path", directory.path, "--scratch-path", scratch.path,
        // Optimised, since hundreds of runs take longer than a build.
        "-c", "release", "-Xswiftc", "-enable-testing", "-Xswiftc", "-suppress-warnings",
      ]
    var environment = ProcessInfo.processInfo.environment
    // A mutant may leave something unused.
    environment["APRESERVE_WARNINGS"] = nil
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus == 0, String(decoding: output, as: UTF8.self))
  }

  /// The mutants that do not compile, each with what the compiler says.
  private func culprits(
    in output: String, _ schemata: [String: Schemata]
  ) throws -> [Mutant: String] {
    var culprits: [Mutant: String] = [:]
    for line in output.split(separator: "\n") {
      guard let error = CompilerError(line: line, below: directory.path + "/") else { continue }
      let mutants = schemata[error.file]?.mutants(atLine: error.line) ?? []
      for mutant in mutants { culprits[mutant] = error.message }
    }
    guard !culprits.isEmpty else {
      throw Failure(description: "The mutated sources do not build:\n\(output)")
    }
    return culprits
  }

  // MARK: Mutants that do not compile

  private var rejectedFile: URL { scratch.deletingLastPathComponent().appending(path: "rejected") }

  /// What earlier builds have found, so that each mutant stops only one of them.
  private func rejectedBefore() -> [Mutant.Key: String] {
    guard let text = try? String(contentsOf: rejectedFile, encoding: .utf8) else { return [:] }
    return (try? EquivalentMutants(parsing: text, file: rejectedFile.path))?.explanations ?? [:]
  }

  private func write(_ reasons: [Mutant.Key: String]) throws {
    let blocks = reasons.map { "\(EquivalentMutants.block(for: $0))\nbecause: \($1)\n" }.sorted()
    try blocks.joined(separator: "\n").write(to: rejectedFile, atomically: true, encoding: .utf8)
  }

  // MARK: Files

  private func copyPackage(keeping targets: Set<String>) throws {
    try copy("")
    let names = targets.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
    var manifest = try String(
      contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
    manifest += """

      let keptTargets: Set = [\(names)]
      package.targets.removeAll { !keptTargets.contains($0.name) }
      package.products = []
      package.dependencies = []

      """
    try write(manifest, to: "Package.swift")
  }

  /// Copies a folder, but for what git does not keep and what has tools of its own. Files that are
  /// equal stay as they are, so that they need not be built again.
  private func copy(_ folder: String) throws {
    let source = root.appending(path: folder)
    let target = directory.appending(path: folder)
    try files.createDirectory(at: target, withIntermediateDirectories: true)
    let names = Set(try files.contentsOfDirectory(atPath: source.path)).filter {
      !$0.hasPrefix(".") && !(folder == "Tests" && $0 == "Mutation")
    }
    for name in try files.contentsOfDirectory(atPath: target.path)
    where !names.contains(name) && !(name == Self.selectorFile) {
      try files.removeItem(at: target.appending(path: name))
    }
    for name in names {
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      let from = root.appending(path: path)
      let values = try from.resourceValues(forKeys: [.isDirectoryKey, .isSymbolicLinkKey])
      if values.isDirectory == true, values.isSymbolicLink != true {
        try copy(path)
      } else if path.hasPrefix("Sources/") && path.hasSuffix(".swift") || path == "Package.swift" {
        // Written with their mutants, or without.
      } else {
        let to = directory.appending(path: path)
        guard !files.contentsEqual(atPath: from.path, andPath: to.path) else { continue }
        try? files.removeItem(at: to)
        try files.copyItem(at: from, to: to)
      }
    }
  }

  private static let selectorFile = "ActiveMutant.swift"

  private func write(
    _ mutants: some Sequence<Mutant>, of catalogue: Catalogue
  ) throws -> [String: Schemata] {
    var numbers: [Mutant: Int] = [:]
    for mutant in mutants { numbers[mutant] = catalogue.numbers[mutant] }
    var schemata: [String: Schemata] = [:]
    for (file, places) in catalogue.files {
      let mutated = Schemata(of: file, places: places, numbers: numbers)
      schemata[file.path] = mutated
      try write(mutated.text, to: file.path)
    }
    let modules = Set(catalogue.files.map { $0.file.path.split(separator: "/")[1] })
    let sources = root.appending(path: "Sources")
    for module in try files.contentsOfDirectory(atPath: sources.path) {
      let selector = "Sources/\(module)/\(Self.selectorFile)"
      if modules.contains(Substring(module)) {
        try write(Schemata.selectorSource, to: selector)
        continue
      }
      try? files.removeItem(at: directory.appending(path: selector))
      let folder = sources.appending(path: module)
      for case let path as String in files.enumerator(atPath: folder.path) ?? .init()
      where path.hasSuffix(".swift") {
        let text = try String(contentsOf: folder.appending(path: path), encoding: .utf8)
        try write(text, to: "Sources/\(module)/\(path)")
      }
    }
    return schemata
  }

  private func write(_ text: String, to path: String) throws {
    let url = directory.appending(path: path)
    if let old = try? String(contentsOf: url, encoding: .utf8), old == text { return }
    try text.write(to: url, atomically: true, encoding: .utf8)
  }
}
