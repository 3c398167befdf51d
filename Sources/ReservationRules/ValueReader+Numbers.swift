import APBus

extension ValueReader {
  /// The ranges of ADAPTER, DOMAIN or HWTYPE.
  mutating func numberRanges() -> [ClosedRange<UInt8>]? {
    guard let alternatives = plainAlternatives() else { return nil }
    let faultsBefore = faults.count
    let ranges = alternatives.compactMap { numberRange($0) }
    return faults.count == faultsBefore ? ranges : nil
  }

  private mutating func numberRange(_ range: Range<Int>) -> ClosedRange<UInt8>? {
    guard let dash = bytes[range].firstIndex(of: UInt8(ascii: "-")) else {
      return number(range).map { $0...$0 }
    }
    if range.count == 1 {
      fault(.openRange, range, "a range needs its beginning and its end, as 4-9")
      return nil
    }
    if dash == range.lowerBound {
      let rest = text(dash + 1..<range.upperBound)
      let isType = key == .hardwareType && UInt8(rest) != nil
      fault(
        .negativeNumber, range,
        "\(text(range)) is negative; numbers go from 0 to 255"
          + (isType ? ", and a range needs its beginning" : ""),
        isType ? ["0" + text(range)] : [])
      return nil
    }
    let low = number(range.lowerBound..<dash)
    if dash + 1 == range.upperBound {
      guard key == .hardwareType else {
        fault(
          .openRange, range, "a range of \(key.rawValue) needs its end", [text(range) + "0xff"])
        return nil
      }
      return low.map { $0...UInt8.max }
    }
    guard let high = number(dash + 1..<range.upperBound), let low else { return nil }
    guard low <= high else {
      let fix = text(dash + 1..<range.upperBound) + "-" + text(range.lowerBound..<dash)
      fault(.reversedRange, range, "the range begins above its end and is empty", [fix])
      return nil
    }
    return low...high
  }

  private mutating func number(_ range: Range<Int>) -> UInt8? {
    let word = text(range)
    if key == .hardwareType { return decimalNumber(word, range) }
    if word.utf8.count == 1, let number = UInt8(word) { return number }
    if word.hasPrefix("0x"), let number = Self.number(word.dropFirst(2), radix: 16) {
      return inRange(number, word, range)
    }
    if word == "*" {
      fault(
        .invalidNumber, range,
        "\(key.rawValue) takes numbers; leave the clause out, or write APQN==\"*\" if the rule is "
          + "for every queue")
    } else if word.hasPrefix("0X"), let number = Self.number(word.dropFirst(2), radix: 16) {
      fault(
        .invalidNumber, range, "the x of a hexadecimal number is written in lower case",
        number <= 255 ? [Self.hexadecimal(number)] : [])
    } else if let hexadecimal = Self.number(word[...], radix: 16) {
      unprefixed(word, range, hexadecimal)
    } else {
      fault(
        .invalidNumber, range,
        "\(Printable.quoted(word)) is no number; write 0 to 9, or 0x0a to 0xff")
    }
    return nil
  }

  /// A number of several digits, or with letters, that lacks its `0x`.
  private mutating func unprefixed(_ word: String, _ range: Range<Int>, _ hexadecimal: Int) {
    guard let decimal = Self.number(word[...], radix: 10) else {
      fault(
        .invalidNumber, range, "\(Printable.quoted(word)) lacks the 0x of a hexadecimal number",
        hexadecimal <= 255 ? [Self.hexadecimal(hexadecimal)] : [])
      return
    }
    if decimal > 255 {
      _ = inRange(decimal, word, range)
    } else if decimal == hexadecimal {
      fault(
        .ambiguousNumber, range, "numbers below ten are written with one digit", ["\(decimal)"])
    } else {
      let readings = [decimal, hexadecimal].filter { $0 <= 255 }.map(Self.hexadecimal)
      fault(
        .ambiguousNumber, range,
        "\(Printable.quoted(word)) can be decimal, as on the HMC, or hexadecimal, as in sysfs; "
          + "from ten on write 0x", readings)
    }
  }

  private mutating func decimalNumber(_ word: String, _ range: Range<Int>) -> UInt8? {
    if let number = Self.number(word[...], radix: 10) { return inRange(number, word, range) }
    if word.hasPrefix("0x"), let number = Self.number(word.dropFirst(2), radix: 16) {
      fault(
        .hexadecimalHardwareType, range, "HWTYPE is decimal, as sysfs prints hwtype",
        number <= 255 ? ["\(number)"] : [])
    } else if word.hasPrefix("CEX"), let generation = word.utf8.dropFirst(3).first,
      UInt8(ascii: "4")...UInt8(ascii: "8") ~= generation
    {
      fault(
        .invalidNumber, range, "HWTYPE is the card's decimal hwtype; names are asked as TYPE",
        ["\(generation - UInt8(ascii: "0") + 6)"])
    } else {
      fault(
        .invalidNumber, range, "\(Printable.quoted(word)) is no decimal number; CEX4 is 10")
    }
    return nil
  }

  private mutating func inRange(_ number: Int, _ word: String, _ range: Range<Int>) -> UInt8? {
    guard let small = UInt8(exactly: number) else {
      let limit = key == .hardwareType ? "255" : "0xff (255)"
      fault(.numberTooLarge, range, "\(Printable.quoted(word)) is too large; \(limit) is the last")
      return nil
    }
    return small
  }

  /// The number, at most 65,536 however many digits there are; nil where there is any other character
  /// or none.
  static func number(_ digits: some StringProtocol, radix: Int) -> Int? {
    guard !digits.isEmpty else { return nil }
    var number = 0
    for byte in digits.utf8 {
      let folded = UInt8(ascii: "A")...UInt8(ascii: "F") ~= byte ? byte + 32 : byte
      guard let digit = LowerHex.value(of: folded), digit < radix else { return nil }
      number = min(number * radix + Int(digit), 65_536)
    }
    return number
  }

  private static func hexadecimal(_ number: Int) -> String {
    "0x" + LowerHex.text(number, digits: 2)
  }
}
