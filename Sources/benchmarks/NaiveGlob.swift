import ReservationRules

/// Matches globs by recursion over the text of the pattern, for ASCII.
enum NaiveGlob {
  /// Whether one of the pattern's alternatives matches.
  static func matches(_ pattern: GlobPattern, _ text: [UInt8]) -> Bool {
    let text = pattern.ignoresCase ? text.map(folded) : text
    var written = pattern.text
    return written.withUTF8 { bytes in
      text.withUnsafeBufferPointer { text in
        var start = 0
        var isInSet = false
        for index in 0...bytes.count {
          if index < bytes.count {
            if bytes[index] == UInt8(ascii: "[") { isInSet = true }
            if bytes[index] == UInt8(ascii: "]") { isInSet = false }
            if isInSet || bytes[index] != UInt8(ascii: "|") { continue }
          }
          let part = UnsafeBufferPointer(rebasing: bytes[start..<index])
          if matches(part, 0, text, 0, pattern.ignoresCase) { return true }
          start = index + 1
        }
        return false
      }
    }
  }

  private static func matches(
    _ pattern: UnsafeBufferPointer<UInt8>, _ patternStart: Int,
    _ text: UnsafeBufferPointer<UInt8>, _ textStart: Int, _ ignoresCase: Bool
  ) -> Bool {
    var position = patternStart
    var character = textStart
    while position < pattern.count {
      switch pattern[position] {
      case UInt8(ascii: "*"):
        return (character...text.count).contains {
          matches(pattern, position + 1, text, $0, ignoresCase)
        }
      case UInt8(ascii: "["):
        guard character < text.count else { return false }
        var isNegated = false
        var isMember = false
        position += 1
        if pattern[position] == UInt8(ascii: "!") {
          isNegated = true
          position += 1
        }
        while pattern[position] != UInt8(ascii: "]") {
          let low = pattern[position]
          var high = low
          if pattern[position + 1] == UInt8(ascii: "-"), pattern[position + 2] != UInt8(ascii: "]")
          {
            high = pattern[position + 2]
            position += 2
          }
          position += 1
          for candidate in [
            text[character], ignoresCase ? raised(text[character]) : text[character],
          ]
          where low <= candidate && candidate <= high {
            isMember = true
          }
        }
        guard isMember != isNegated else { return false }
      case UInt8(ascii: "?"): guard character < text.count else { return false }
      case let literal:
        guard character < text.count, (ignoresCase ? folded(literal) : literal) == text[character]
        else { return false }
      }
      position += 1
      character += 1
    }
    return character == text.count
  }

  private static func folded(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte + 32 : byte
  }

  private static func raised(_ byte: UInt8) -> UInt8 {
    UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte ? byte - 32 : byte
  }
}
