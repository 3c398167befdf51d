/// Hex digits as sysfs has them: lower-case, with a fixed number of digits.
package enum Hex {
  /// The value of a digit; nil for any byte but `0`-`9` and `a`-`f`.
  package static func value(of byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  /// The same, for upper-case digits too.
  package static func value(ofAnyCase byte: UInt8) -> UInt8? {
    let isUpperCase = (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte)
    return value(of: isUpperCase ? byte | 0x20 : byte)
  }

  /// The digit of a value of 0...15, as ASCII.
  package static func digit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }

  /// `number` with leading zeros up to `digits` digits, without `0x`.
  package static func text(
    _ number: some BinaryInteger, digits: Int, uppercase: Bool = false
  ) -> String {
    let text = String(number, radix: 16, uppercase: uppercase)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
  }

  /// A number of 0 to 255 in exactly that many lower-case digits.
  package static func byte(_ text: some Collection<UInt8>, digits: Int) -> UInt8? {
    guard text.count == digits else { return nil }
    var number: UInt32 = 0
    for byte in text {
      guard let digit = value(of: byte), number < 0x100 else { return nil }
      number = number << 4 | UInt32(digit)
    }
    return UInt8(exactly: number)
  }
}

extension String {
  /// The text as part of a message or a table: on one line, and without anything that a terminal would
  /// act on or hide. Control characters, which names of files, processes and guests may hold, are
  /// escaped, a line feed as `\n`.
  package var printable: String { escaped { _ in true } }

  /// The same for a text of several lines that is meant to have them.
  package var printableLines: String { escaped { $0 != "\n" && $0 != "\t" } }

  /// The same for a line below which columns are marked: one `U+FFFD` for each scalar that would be
  /// escaped. Tabs stay.
  package var printableColumns: String {
    guard unicodeScalars.contains(where: \.isUnprintable) else { return self }
    var text = UnicodeScalarView()
    for scalar in unicodeScalars {
      text.append(scalar.isUnprintable && scalar != "\t" ? "\u{fffd}" : scalar)
    }
    return String(text)
  }

  private func escaped(where isSpecial: (Unicode.Scalar) -> Bool) -> String {
    guard unicodeScalars.contains(where: { $0.isUnprintable && isSpecial($0) }) else { return self }
    var text = ""
    for scalar in unicodeScalars {
      if scalar.isUnprintable && isSpecial(scalar) {
        text += scalar.escaped(asASCII: true)
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}

extension Unicode.Scalar {
  /// Whether a terminal would act on the scalar or hide it, or would show it like the blank that it is
  /// not.
  package var isUnprintable: Bool {
    // Nearly all text is of these.
    if (0x20..<0x7f).contains(value) { return false }
    return switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator: true
    default: false
    }
  }
}

extension String {
  /// The text in an element or an attribute of XML 1.0. Control characters, which it cannot have, are the caller's
  /// (`printable`).
  package var escapedForXML: String {
    var text = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": text += "&amp;"
      case "<": text += "&lt;"
      case ">": text += "&gt;"
      case "\"": text += "&quot;"
      case "'": text += "&apos;"
      case "\u{fffe}", "\u{ffff}": text += "\u{fffd}"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// Whether the text is a word for every shell, without anything that one expands.
  package var isShellWord: Bool {
    !isEmpty
      && utf8.allSatisfy { byte in
        "._+@:-".utf8.contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
      }
  }
}

extension Collection {
  /// The first elements with commas between them, and how many more there are: `a, b and 3 more`.
  package func shortList(of limit: Int = 8) -> String {
    let shown = prefix(limit)
    let text = shown.map { "\($0)" }.joined(separator: ", ")
    return shown.remainder(of: count).map { "\(text) \($0)" } ?? text
  }

  /// What follows these elements where they are the first of `total`: `and 3 more`; nil if they are all.
  package func remainder(of total: Int) -> String? {
    total > count ? "and \(total - count) more" : nil
  }
}

/// A number with its noun: `1 queue`, `2 queues`.
package func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
  "\(count) " + (count == 1 ? noun : plural ?? noun + "s")
}

extension Sequence {
  /// The elements with the same value of a property, in the order of their first elements.
  package func grouped<Value: Hashable>(
    by property: (Element) -> Value
  ) -> [(value: Value, elements: [Element])] {
    var places: [Value: Int] = [:]
    var groups: [(value: Value, elements: [Element])] = []
    for element in self {
      let value = property(element)
      if let place = places[value] {
        groups[place].elements.append(element)
      } else {
        places[value] = groups.count
        groups.append((value, [element]))
      }
    }
    return groups
  }
}
