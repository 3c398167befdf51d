/// A list of mutants, each with its explanation: those that no test can notice, since they do the same.
///
///     file: Sources/Reservation/Plan.swift
///     in: Plan.isEmpty
///     original: operations.count > 0
///     mutated: operations.count >= 1
///     because: a count is a whole number.
///
/// Blocks are parted by empty lines; lines that begin with `#` are comments. A line that begins with
/// two spaces continues the one before.
package struct EquivalentMutants: Sendable {
  package private(set) var explanations: [Mutant.Key: String] = [:]

  package struct Fault: Error, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var text: String
    package var description: String { "\(file):\(line): \(text)" }
  }

  private static let names = ["file", "in", "original", "mutated", "because"]

  package init(parsing text: String, file: String) throws(Fault) {
    var fields: [String: String] = [:]
    var last: String?
    var start = 0
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in (lines + [""]).enumerated() {
      let number = index + 1
      if line.hasPrefix("#") { continue }
      if line.isEmpty {
        guard !fields.isEmpty else { continue }
        if let missing = Self.names.first(where: { fields[$0, default: ""].isEmpty }) {
          throw Fault(file: file, line: start, text: "the block has no `\(missing):`")
        }
        let key = Mutant.Key(
          file: fields["file", default: ""], declaration: fields["in", default: ""],
          original: fields["original", default: ""], mutated: fields["mutated", default: ""])
        guard explanations.updateValue(fields["because", default: ""], forKey: key) == nil else {
          throw Fault(file: file, line: start, text: "the mutant is explained twice")
        }
        fields = [:]
        last = nil
      } else if line.hasPrefix("  ") {
        guard let last else {
          throw Fault(file: file, line: number, text: "nothing to continue")
        }
        fields[last, default: ""] += "\n" + line.drop { $0 == " " }
      } else {
        let parts = line.split(separator: ": ", maxSplits: 1)
        guard parts.count == 2, Self.names.contains(String(parts[0])) else {
          throw Fault(
            file: file, line: number,
            text: "write `file:`, `in:`, `original:`, `mutated:` or `because:` and a text")
        }
        let name = String(parts[0])
        guard fields[name] == nil else {
          throw Fault(file: file, line: number, text: "a second `\(name):` in the same block")
        }
        if fields.isEmpty { start = number }
        fields[name] = String(parts[1])
        last = name
      }
    }
  }

  /// A block for the list, whose explanation is still to be written.
  package static func block(for key: Mutant.Key) -> String {
    func field(_ name: String, _ text: String) -> String {
      let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
      return "\(name): " + lines.joined(separator: "\n  ")
    }
    return [
      field("file", key.file), field("in", key.declaration), field("original", key.original),
      field("mutated", key.mutated),
    ].joined(separator: "\n")
  }
}
