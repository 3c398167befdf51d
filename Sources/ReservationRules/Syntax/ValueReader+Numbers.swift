import APBus

extension ValueReader {
  /// The alternatives of a key that takes numbers.
  mutating func numberRanges(in notation: NumberNotation) -> [ClosedRange<UInt8>]? {
    guard let alternatives = plainAlternatives() else { return nil }
    let countBefore = diagnostics.count
    let ranges = alternatives.compactMap { numberRange($0, in: notation) }
    return diagnostics.count == countBefore ? ranges : nil
  }

  private mutating func numberRange(
    _ range: Range<Int>, in notation: NumberNotation
  ) -> ClosedRange<UInt8>? {
    guard let dash = bytes[range].firstIndex(of: UInt8(ascii: "-")) else {
      return number(range, in: notation).map { $0...$0 }
    }
    if range.count == 1 {
      report(.openRange, at: range, "a range needs a first and a last number, as in 4-9")
      return nil
    }
    if dash == range.lowerBound {
      let rest = text(dash + 1..<range.upperBound)
      let isOpen = notation.isDecimal && UInt8(rest) != nil
      report(
        .negativeNumber, at: range,
        "\(text(range)) is negative; numbers are 0 to 255"
          + (isOpen ? ", and a range needs a first number" : ""),
        write: isOpen ? "0" + text(range) : nil)
      return nil
    }
    let low = number(range.lowerBound..<dash, in: notation)
    if dash + 1 == range.upperBound {
      guard notation.isDecimal else {
        report(
          .openRange, at: range, "a range of \(name) needs a last number",
          write: text(range) + "0xff")
        return nil
      }
      return low.map { $0...UInt8.max }
    }
    guard let high = number(dash + 1..<range.upperBound, in: notation), let low else { return nil }
    guard low <= high else {
      let fix = text(dash + 1..<range.upperBound) + "-" + text(range.lowerBound..<dash)
      report(
        .reversedRange, at: range, "the first number of the range is greater than the last",
        write: fix)
      return nil
    }
    return low...high
  }

  private mutating func number(_ range: Range<Int>, in notation: NumberNotation) -> UInt8? {
    let word = text(range)
    if case .decimal(let hint) = notation { return decimalNumber(word, at: range, hint: hint) }
    if word.utf8.count == 1, let number = UInt8(word) { return number }
    if word.hasPrefix("0x"), let number = Self.number(word.dropFirst(2), radix: 16) {
      return inRange(number, at: range, limit: "0xff (255)")
    }
    if word == "*" {
      report(
        .invalidNumber, at: range,
        "\(name) takes numbers; remove the clause, or write APQN==\"*\" if the rule applies to "
          + "every queue")
    } else if word.hasPrefix("0X"), let number = Self.number(word.dropFirst(2), radix: 16) {
      report(
        .invalidNumber, at: range, "the prefix of a hexadecimal number is 0x, in lower case",
        write: number <= 255 ? Self.hexadecimal(number) : nil)
    } else if let hexadecimal = Self.number(word[...], radix: 16) {
      reportMissingPrefix(word, at: range, hexadecimal: hexadecimal)
    } else {
      report(
        .invalidNumber, at: range,
        "\(quoted(range)) is not a number; write 0 to 9, or 0x0a to 0xff")
    }
    return nil
  }

  /// A number of several digits, or with letters, that lacks its `0x`.
  private mutating func reportMissingPrefix(
    _ word: String, at range: Range<Int>, hexadecimal: Int
  ) {
    guard let decimal = Self.number(word[...], radix: 10) else {
      report(
        .invalidNumber, at: range, "\(quoted(range)) is missing the 0x of a hexadecimal number",
        write: hexadecimal <= 255 ? Self.hexadecimal(hexadecimal) : nil)
      return
    }
    if decimal > 255 {
      _ = inRange(decimal, at: range, limit: "0xff (255)")
    } else if decimal == hexadecimal {
      report(
        .ambiguousNumber, at: range, "numbers below ten are written with one digit",
        write: "\(decimal)")
    } else {
      // A number that is too large in one reading has only the other.
      let readings = [decimal, hexadecimal].filter { $0 <= 255 }.map(Self.hexadecimal)
      let meaning =
        readings.count == 2
        ? "can be decimal as on the HMC (\(readings[0])) or hexadecimal as in sysfs (\(readings[1]))"
        : "is decimal, as on the HMC"
      report(
        .ambiguousNumber, at: range,
        "\(quoted(range)) \(meaning); from ten on, write numbers with 0x", write: readings)
    }
  }

  private mutating func decimalNumber(
    _ word: String, at range: Range<Int>, hint: (String) -> (sentence: String, fix: String)?
  ) -> UInt8? {
    if let number = Self.number(word[...], radix: 10) {
      return inRange(number, at: range, limit: "255")
    }
    if word.hasPrefix("0x"), let number = Self.number(word.dropFirst(2), radix: 16) {
      report(
        .hexadecimalHardwareType, at: range, "\(name) is decimal, as hwtype in sysfs",
        write: number <= 255 ? "\(number)" : nil)
    } else if let (sentence, fix) = hint(word) {
      report(.invalidNumber, at: range, sentence, write: fix)
    } else {
      report(.invalidNumber, at: range, "\(quoted(range)) is not a decimal number; CEX4 is 10")
    }
    return nil
  }

  private mutating func inRange(_ number: Int, at range: Range<Int>, limit: String) -> UInt8? {
    guard let small = UInt8(exactly: number) else {
      report(
        .numberTooLarge, at: range, "\(quoted(range)) is too large; the largest number is \(limit)")
      return nil
    }
    return small
  }

  /// The number, at most 65,536 however many digits there are; nil if there is any other character
  /// or none.
  static func number(_ digits: some StringProtocol, radix: Int) -> Int? {
    guard !digits.isEmpty else { return nil }
    var number = 0
    for byte in digits.utf8 {
      let folded = UInt8(ascii: "A")...UInt8(ascii: "F") ~= byte ? byte + 32 : byte
      guard let digit = Hex.value(of: folded), digit < radix else { return nil }
      number = min(number * radix + Int(digit), 65_536)
    }
    return number
  }

  private static func hexadecimal(_ number: Int) -> String {
    "0x" + Hex.text(number, digits: 2)
  }
}

extension ValueReader {
  /// The alternatives of APQN.
  mutating func apqnRanges() -> [APQNRange]? {
    guard let alternatives = plainAlternatives() else { return nil }
    let countBefore = diagnostics.count
    let ranges = alternatives.compactMap { apqnRange($0) }
    return diagnostics.count == countBefore ? ranges : nil
  }

  private mutating func apqnRange(_ range: Range<Int>) -> APQNRange? {
    if text(range) == "*" { return APQNRange(adapters: 0...255, domains: 0...255) }
    let dots = bytes[range].indices.filter { bytes[$0] == UInt8(ascii: ".") }
    guard let dot = dots.first, dots.count == 1 else {
      let word = text(range)
      report(
        .invalidAPQN, at: range,
        "\(quoted(range)) is not an APQN; write adapter.domain as in sysfs, such as 05.0004",
        write: Self.likelyAPQN(word))
      return nil
    }
    let adapters = part(range.lowerBound..<dot, digits: 2)
    let domains = part(dot + 1..<range.upperBound, digits: 4)
    guard let adapters, let domains else { return nil }
    return APQNRange(adapters: adapters, domains: domains)
  }

  /// What was meant by a word that has not just one dot.
  private static func likelyAPQN(_ word: String) -> String? {
    let numbers = word.split(separator: ":", omittingEmptySubsequences: false)
      .map { number($0, radix: 16).flatMap { UInt8(exactly: $0) } }
    if numbers.count == 2, let adapter = numbers[0], let domain = numbers[1] {
      return APQN(adapter: adapter, domain: domain).description
    }
    return word.utf8.count == 2 && number(word, radix: 16) != nil ? word + ".*" : nil
  }

  /// The part before or after the dot: `*`, a number, or a range.
  private mutating func part(_ range: Range<Int>, digits: Int) -> ClosedRange<UInt8>? {
    if text(range) == "*" { return 0...255 }
    guard let dash = bytes[range].firstIndex(of: UInt8(ascii: "-")) else {
      return number(range, digits: digits).map { $0...$0 }
    }
    if range.count == 1 {
      report(.openRange, at: range, "a range in an APQN needs a first and a last number")
      return nil
    }
    if dash == range.lowerBound {
      report(
        .negativeNumber, at: range,
        "\(text(range)) is negative; numbers are \(Hex.text(0, digits: digits)) to "
          + Hex.text(255, digits: digits))
      return nil
    }
    let low = number(range.lowerBound..<dash, digits: digits)
    if dash + 1 == range.upperBound {
      report(
        .openRange, at: range, "a range in an APQN needs a last number",
        write: text(range) + Hex.text(255, digits: digits))
      return nil
    }
    guard let high = number(dash + 1..<range.upperBound, digits: digits), let low else {
      return nil
    }
    guard low <= high else {
      report(
        .reversedRange, at: range, "the first number of the range is greater than the last",
        write: Hex.text(Int(high), digits: digits) + "-"
          + Hex.text(Int(low), digits: digits))
      return nil
    }
    return low...high
  }

  private mutating func number(_ range: Range<Int>, digits: Int) -> UInt8? {
    let word = text(range)
    let bare = word.hasPrefix("0x") || word.hasPrefix("0X") ? word.dropFirst(2) : word[...]
    let noun = digits == 2 ? "an adapter" : "a domain"
    guard let number = Self.number(bare, radix: 16) else {
      let isGlob = word.utf8.contains { "*?[".utf8.contains($0) }
      report(
        .invalidAPQN, at: range.isEmpty ? clause.value : range,
        isGlob
          ? "\(quoted(range)) is not a number; to match queue names with a glob, use KERNEL"
          : "\(quoted(range)) is not \(noun) as in sysfs, "
            + "\(digits) hexadecimal digits")
      return nil
    }
    guard let small = UInt8(exactly: number) else {
      report(
        .numberTooLarge, at: range,
        "\(quoted(range)) is too large; the largest number is \(Hex.text(255, digits: digits))")
      return nil
    }
    let asPrinted = Hex.text(number, digits: digits)
    guard word == asPrinted || clause.ignoresCase && word.lowercased() == asPrinted else {
      reportSpelling(word, at: range, noun: noun, asPrinted: asPrinted)
      return nil
    }
    return small
  }

  /// Says what is wrong with a number that is spelt otherwise than in sysfs.
  private mutating func reportSpelling(
    _ word: String, at range: Range<Int>, noun: String, asPrinted: String
  ) {
    if word.hasPrefix("0x") || word.hasPrefix("0X") {
      report(
        .prefixInAPQN, at: range, "an APQN is hexadecimal without 0x, as in sysfs",
        write: asPrinted)
    } else if word.utf8.count != asPrinted.utf8.count {
      report(
        .apqnWidth, at: range,
        "\(quoted(range)) is too \(word.utf8.count < asPrinted.utf8.count ? "short" : "long"): "
          + "\(noun) has \(asPrinted.utf8.count) digits, as in 05.0004", write: asPrinted)
    } else {
      report(
        .apqnCase, at: range, "hexadecimal digits are written in lower case, as in sysfs",
        write: asPrinted)
    }
  }
}
