/// Reads a value as globs with bars between them.
struct GlobParser {
  private(set) var globs: [Glob] = []
  /// The bytes of each of the globs.
  private(set) var ranges: [Range<Int>] = []
  /// Whether a comma, or a blank, stands for itself outside brackets.
  private(set) var hasComma = false
  private(set) var hasBlank = false
  private(set) var faults = FaultList()
  /// The first alternative that is empty.
  private(set) var emptyAlternative: Range<Int>?

  private let ignoresCase: Bool
  /// The scalars, `\"` read as a quote, and the byte offset at which each begins.
  private var scalars: [UInt32] = []
  private var offsets: [Int] = []
  private var position = 0

  init(_ bytes: [UInt8], _ range: Range<Int>, ignoresCase: Bool) {
    self.ignoresCase = ignoresCase
    var offset = range.lowerBound
    for scalar in String(decoding: bytes[range], as: UTF8.self).unicodeScalars {
      if scalar == "\"", scalars.last == 0x5c {
        scalars[scalars.count - 1] = scalar.value
      } else {
        scalars.append(scalar.value)
        offsets.append(offset)
      }
      offset += UTF8.width(scalar)
    }
    offsets.append(offset)
  }

  mutating func parse() {
    var elements: [Glob.Element] = []
    var start = 0
    while position < scalars.count {
      let scalar = scalars[position]
      position += 1
      switch scalar {
      case 0x7c:
        finish(elements, start)
        elements = []
        start = position
      case 0x2a: elements.append(.star)
      case 0x3f: elements.append(.any)
      case 0x5b:
        guard let set = readSet() else { return }
        elements.append(set)
      default:
        hasComma = hasComma || scalar == 0x2c
        hasBlank = hasBlank || scalar == 0x20 || scalar == 0x09
        elements.append(.literal(scalar))
      }
    }
    position += 1
    finish(elements, start)
  }

  private mutating func finish(_ elements: [Glob.Element], _ start: Int) {
    if elements.isEmpty, emptyAlternative == nil {
      emptyAlternative = offsets[start]..<offsets[start]
    }
    globs.append(Glob(elements: elements, ignoresCase: ignoresCase))
    ranges.append(offsets[start]..<offsets[position - 1])
  }

  /// Reads a set whose opening bracket has been read. `]` stands for itself as its first character,
  /// `-` as its first or last.
  private mutating func readSet() -> Glob.Element? {
    let open = position - 1
    var isNegated = false
    if position < scalars.count, scalars[position] == 0x21 || scalars[position] == 0x5e {
      isNegated = true
      position += 1
    }
    let first = position
    var ranges: [ClosedRange<UInt32>] = []
    while position < scalars.count, position == first || scalars[position] != 0x5d {
      let low = scalars[position]
      let start = position
      position += 1
      if low == 0x5b, position < scalars.count, [0x3a, 0x2e, 0x3d].contains(scalars[position]) {
        fault(
          .characterClass, start..<start + 2,
          "sets have no named classes; write the characters, as [0-9a-f]")
        return nil
      }
      var high = low
      if position + 1 < scalars.count, scalars[position] == 0x2d, scalars[position + 1] != 0x5d {
        high = scalars[position + 1]
        position += 2
      }
      guard low <= high else {
        fault(.reversedRange, start..<position, "the range begins above its end and is empty")
        return nil
      }
      ranges.append(low...high)
    }
    guard position < scalars.count else {
      fault(
        .unclosedBracket, open..<open + 1,
        "the bracket is not closed; for the character itself write [[]")
      return nil
    }
    position += 1
    return .set(ranges, isNegated: isNegated)
  }

  private mutating func fault(
    _ code: DiagnosticCode, _ range: Range<Int>, _ message: String
  ) {
    faults.append(
      Fault(
        code: code, range: offsets[range.lowerBound]..<offsets[range.upperBound], message: message))
  }
}
