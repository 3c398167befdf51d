extension String {
  /// The text as part of a message or a table: on one line, and without anything that a terminal would
  /// act on or hide. Control characters, which names of files, processes and guests may hold, are
  /// escaped, a line feed as `\n`.
  package var printable: String { escaped { _ in true } }

  /// The same for a text of several lines that is meant to have them.
  package var printableLines: String { escaped { $0 != "\n" && $0 != "\t" } }

  private func escaped(where isSpecial: (Unicode.Scalar) -> Bool) -> String {
    func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
      // Nearly all text is of these.
      if (0x20..<0x7f).contains(scalar.value) { return false }
      return switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: isSpecial(scalar)
      default: false
      }
    }
    guard unicodeScalars.contains(where: isHarmful) else { return self }
    var text = ""
    for scalar in unicodeScalars {
      if isHarmful(scalar) {
        text += scalar.escaped(asASCII: true)
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text
  }
}
