import Foundation
import Mutants

/// All mutants of some modules, each with the number that it has as long as the sources stay.
struct Catalogue {
  private(set) var files: [(file: SourceFile, places: [Place])] = []
  private(set) var mutants: [Mutant] = []
  private(set) var numbers: [Mutant: Int] = [:]

  init(of modules: [String], in root: URL) throws {
    var sources: [SourceFile] = []
    for module in modules {
      let folder = "Sources/\(module)"
      let names = try FileManager.default.subpathsOfDirectory(
        atPath: root.appending(path: folder).path)
      for name in names.sorted() where name.hasSuffix(".swift") {
        let path = "\(folder)/\(name)"
        let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
        sources.append(SourceFile(path: path, text: text))
      }
    }
    let cases = EnumCases(of: sources)
    for source in sources { files.append((source, source.places(cases: cases))) }
    mutants = files.flatMap { $0.places.flatMap(\.mutants) }
    for (index, mutant) in mutants.enumerated() { numbers[mutant] = index + 1 }
  }
}
