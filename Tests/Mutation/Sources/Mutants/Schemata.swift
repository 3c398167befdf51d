/// A source file with some of its mutants built in. Which of them is active is asked at run time, so
/// that one build serves all of them.
package struct Schemata {
  package private(set) var text = ""
  /// The lines of `text` that belong to one mutant alone: an error there is that mutant's.
  private var mutantLines: [(lines: ClosedRange<Int>, mutant: Mutant)] = []
  /// The lines of `text` that came into being for some mutants together.
  private var placeLines: [(lines: ClosedRange<Int>, mutants: [Mutant])] = []

  /// The name of the constant that says which mutant is active; 0 is none.
  static let selector = "activeMutant"

  /// What a module has beside its files. Public, as default arguments of public functions refer to it.
  package static let selectorSource = """
    import Glibc

    public let \(selector): Int = getenv("APRESERVE_MUTANT").flatMap { Int(String(cString: $0)) } ?? 0

    """

  /// `numbers` names the mutants that are built in, each with its number; numbers are positive.
  package init(of file: SourceFile, places: [Place], numbers: [Mutant: Int]) {
    let bytes = Array(file.text.utf8)
    var removed = file.inliningAttributes[...]
    var output = Output()
    var position = 0
    for place in places.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      let mutants = place.mutants.compactMap { mutant in
        numbers[mutant].map { (number: $0, mutant: mutant) }
      }.sorted { $0.number < $1.number }
      guard let first = mutants.first, let last = mutants.last else { continue }
      while let range = removed.first, range.lowerBound < place.range.lowerBound {
        output.write(bytes[position..<range.lowerBound])
        position = range.upperBound
        removed.removeFirst()
      }
      output.write(bytes[position..<place.range.lowerBound])
      position = place.range.upperBound
      let start = output.line
      let original = bytes[place.range]
      let prefix = place.kind == .returnedExpression ? "return " : ""
      func write(_ mutant: Mutant) {
        let start = output.line
        output.write(prefix)
        output.write(bytes[place.range.lowerBound..<mutant.range.lowerBound])
        output.write(mutant.replacement)
        output.write(bytes[mutant.range.upperBound..<place.range.upperBound])
        output.write("\n")
        mutantLines.append((start...output.line - 1, mutant))
      }
      switch place.kind {
      case .body, .returnedExpression:
        // Two comparisons rather than all of them, since some bodies run a million times.
        output.write(
          "\nif \(Self.selector) < \(first.number) || \(Self.selector) > \(last.number) {\n")
        output.write(prefix)
        output.write(original)
        output.write("\n} else {\nswitch \(Self.selector) {\n")
        for (number, mutant) in mutants {
          // A case has a statement, whatever is left of the body.
          output.write("case \(number):\n\(place.kind == .body ? "_ = ()\n" : "")")
          write(mutant)
        }
        output.write("default:\n\(prefix)")
        output.write(original)
        output.write("\n}\n}\n")
      case .value:
        output.write("(")
        for (number, mutant) in mutants {
          output.write("\(Self.selector) == \(number) ?\n")
          write(mutant)
          output.write(": ")
        }
        output.write("\n")
        output.write(original)
        output.write(")")
      }
      placeLines.append((start...output.line, mutants.map(\.mutant)))
    }
    for range in removed {
      output.write(bytes[position..<range.lowerBound])
      position = range.upperBound
    }
    output.write(bytes[position...])
    text = String(decoding: output.bytes, as: UTF8.self)
  }

  /// The mutants that can be the reason of a compiler error on that line.
  package func mutants(atLine line: Int) -> [Mutant] {
    if let own = mutantLines.first(where: { $0.lines.contains(line) }) { return [own.mutant] }
    return placeLines.filter { $0.lines.contains(line) }.flatMap(\.mutants)
  }

  private struct Output {
    var bytes: [UInt8] = []
    var line = 1

    mutating func write(_ text: some Sequence<UInt8>) {
      for byte in text {
        bytes.append(byte)
        if byte == UInt8(ascii: "\n") { line += 1 }
      }
    }

    mutating func write(_ text: String) { write(text.utf8) }
  }
}
