import FuzzTargets
import TestSupport

/// Every parser that meets the outside, with every input that is kept for it: captures, events, masks,
/// attributes, machine descriptions, rules, records, other tools' files.
enum Inputs {
  static func check(_ results: inout Results) {
    for target in FuzzTarget.all {
      let directory = "Tests/Fuzz/Corpus/\(target.name)"
      let names = SourceFile.names(in: directory)
      results.check("\(target.name): \(names.count) inputs are read, or refused in a sentence") {
        guard !names.isEmpty else { return ["there are none in \(directory)"] }
        return try names.compactMap { name in
          let bytes = try SourceFile.bytes("\(directory)/\(name)")
          do {
            try target.check(bytes)
            return nil
          } catch {
            return "\(name): \(error)"
          }
        }
      }
    }
  }
}
