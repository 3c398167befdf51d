import APBus

extension ValueReader {
  /// The alternatives of APQN.
  mutating func apqnRanges() -> [APQNRange]? {
    guard let alternatives = plainAlternatives() else { return nil }
    let faultsBefore = faults.count
    let ranges = alternatives.compactMap { apqnRange($0) }
    return faults.count == faultsBefore ? ranges : nil
  }

  private mutating func apqnRange(_ range: Range<Int>) -> APQNRange? {
    if text(range) == "*" { return APQNRange(adapters: 0...255, domains: 0...255) }
    let dots = bytes[range].indices.filter { bytes[$0] == UInt8(ascii: ".") }
    guard let dot = dots.first, dots.count == 1 else {
      let word = text(range)
      fault(
        .invalidAPQN, range,
        "\(Printable.quoted(word)) is no APQN; write adapter.domain as sysfs does, as 05.0004",
        Self.likelyAPQN(word).map { [$0] } ?? [])
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

  /// What stands before or behind the dot: `*`, a number, or a range.
  private mutating func part(_ range: Range<Int>, digits: Int) -> ClosedRange<UInt8>? {
    if text(range) == "*" { return 0...255 }
    guard let dash = bytes[range].firstIndex(of: UInt8(ascii: "-")) else {
      return number(range, digits).map { $0...$0 }
    }
    if range.count == 1 {
      fault(.openRange, range, "a range in an APQN needs its beginning and its end")
      return nil
    }
    if dash == range.lowerBound {
      fault(
        .negativeNumber, range,
        "\(text(range)) is negative; numbers go from \(Self.hexadecimal(0, digits)) to "
          + Self.hexadecimal(255, digits))
      return nil
    }
    let low = number(range.lowerBound..<dash, digits)
    if dash + 1 == range.upperBound {
      fault(
        .openRange, range, "a range in an APQN needs its end",
        [text(range) + Self.hexadecimal(255, digits)])
      return nil
    }
    guard let high = number(dash + 1..<range.upperBound, digits), let low else { return nil }
    guard low <= high else {
      fault(
        .reversedRange, range, "the range begins above its end and is empty",
        [Self.hexadecimal(Int(high), digits) + "-" + Self.hexadecimal(Int(low), digits)])
      return nil
    }
    return low...high
  }

  private mutating func number(_ range: Range<Int>, _ digits: Int) -> UInt8? {
    let word = text(range)
    let bare = word.hasPrefix("0x") || word.hasPrefix("0X") ? word.dropFirst(2) : word[...]
    let noun = digits == 2 ? "an adapter" : "a domain"
    guard let number = Self.number(bare, radix: 16) else {
      let isGlob = word.utf8.contains { "*?[".utf8.contains($0) }
      fault(
        .invalidAPQN, range.isEmpty ? clause.value : range,
        isGlob
          ? "\(Printable.quoted(word)) is no number; globs on the queue's name are asked as KERNEL"
          : "\(Printable.quoted(word)) is not \(noun) as sysfs prints it, "
            + "\(digits) hexadecimal digits")
      return nil
    }
    guard let small = UInt8(exactly: number) else {
      fault(
        .numberTooLarge, range,
        "\(Printable.quoted(word)) is too large; \(Self.hexadecimal(255, digits)) is the last")
      return nil
    }
    let asPrinted = Self.hexadecimal(number, digits)
    guard word == asPrinted || clause.ignoresCase && word.lowercased() == asPrinted else {
      spelling(word, range, noun, asPrinted)
      return nil
    }
    return small
  }

  /// Says what is wrong with a number that is spelt otherwise than in sysfs.
  private mutating func spelling(
    _ word: String, _ range: Range<Int>, _ noun: String, _ asPrinted: String
  ) {
    if word.hasPrefix("0x") || word.hasPrefix("0X") {
      fault(
        .prefixInAPQN, range, "an APQN is written as in sysfs, hexadecimal without 0x", [asPrinted])
    } else if word.utf8.count != asPrinted.utf8.count {
      fault(
        .apqnWidth, range,
        "\(Printable.quoted(word)) is too \(word.utf8.count < asPrinted.utf8.count ? "short" : "long"): "
          + "\(noun) has \(asPrinted.utf8.count) digits, as in 05.0004", [asPrinted])
    } else {
      fault(
        .apqnCase, range, "hexadecimal digits are written in lower case, as in sysfs", [asPrinted])
    }
  }

  private static func hexadecimal(_ number: Int, _ digits: Int) -> String {
    LowerHex.text(number, digits: digits)
  }
}
