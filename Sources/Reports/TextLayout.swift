package import APBus

/// Rows with aligned columns.
struct TextTable {
  /// A text in a row, with its colour.
  struct Cell {
    var text: String
    var ink: Ink?

    init(_ text: String, _ ink: Ink? = nil) {
      self.text = text
      self.ink = ink
    }
  }

  private(set) var rows: [[Cell]] = []

  init(headings: [String] = []) {
    if !headings.isEmpty { rows.append(headings.map { Cell($0, .heading) }) }
  }

  mutating func append(_ row: [Cell]) { rows.append(row) }

  /// The lines for a terminal if the text goes to one, and else as long as they are.
  func lines(indentation: String = "", gap: Int = 2, fitting style: TextStyle) -> [String] {
    style.width.map { lines(indentation: indentation, gap: gap, width: $0, style: style) }
      ?? lines(indentation: indentation, gap: gap, style: style)
  }

  /// The same in lines of at most `width` characters: the last cell of a row continues below itself,
  /// or below the row where the other columns leave too little room.
  func lines(
    indentation: String = "", gap: Int = 2, width: Int, style: TextStyle
  ) -> [String] {
    let others = widths(of: rows.map { Array($0.dropLast()) })
    let start = indentation.count + others.reduce(0) { $0 + $1 + gap }
    let isBelow = width - start < Self.narrowest
    let room = width - (isBelow ? indentation.count + Self.hanging : start)
    return rows.flatMap { row -> [String] in
      guard let last = row.last else { return [""] }
      var line = indentation
      for (cell, width) in zip(row.dropLast(), others) {
        line += style.paint(cell.text, in: cell.ink)
        line += String(repeating: " ", count: width - cell.text.count + gap)
      }
      if last.text.isEmpty {
        while line.last == " " { line.removeLast() }
        return [line]
      }
      let parts = last.text.wrapped(to: room).map { style.paint($0, in: last.ink) }
      let below = String(repeating: " ", count: isBelow ? indentation.count + Self.hanging : start)
      if isBelow {
        while line.last == " " { line.removeLast() }
        return [line] + parts.map { below + $0 }
      }
      return parts.enumerated().map { ($0 == 0 ? line : below) + $1 }
    }
  }

  /// With less room than this the last column is below the others.
  private static let narrowest = 32
  /// How far it is indented there.
  private static let hanging = 4

  private func widths(of rows: [[Cell]]) -> [Int] {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.text.count)
      }
    }
    return widths
  }

  /// The lines, each after `indentation`, without trailing blanks.
  func lines(indentation: String = "", gap: Int = 2, style: TextStyle) -> [String] {
    let widths = widths(of: rows)
    return rows.map { row in
      let end = row.lastIndex { !$0.text.isEmpty } ?? -1
      var line = indentation
      for (column, cell) in row.enumerated().prefix(end + 1) {
        line += style.paint(cell.text, in: cell.ink)
        guard column < end else { break }
        line += String(repeating: " ", count: widths[column] - cell.text.count + gap)
      }
      return line
    }
  }
}

/// A colour by what it means.
package enum Ink: Hashable, Sendable {
  /// A queue with the host.
  case host
  /// A queue on `vfio_ap`.
  case vfioAP
  /// A queue without a driver.
  case unbound
  /// Something that is refused or has failed.
  case problem
  case heading
  /// What matters less.
  case faint

  /// The colour of an owner.
  package init(_ owner: Owner) {
    self =
      switch owner {
      case .host: .host
      case .vfioAP: .vfioAP
      case .none: .unbound
      }
  }

  /// The parameters of the terminal's "select graphic rendition" sequence: only colours that can be read
  /// on dark and on light backgrounds, so no yellow, no blue, no white.
  fileprivate var rendition: String {
    switch self {
    case .host: "36"
    case .vfioAP: "1;35"
    case .unbound: "4"
    case .problem: "1;31"
    case .heading: "1"
    case .faint: "2"
    }
  }
}

/// How a text is laid out: whether it has colours, and for which width.
///
/// Nothing is shown by colour alone, so that a plain text says the same.
package struct TextStyle: Equatable, Sendable {
  package var isColored: Bool
  /// How many characters a line of the terminal has; nil where the text does not go to a terminal, and sentences are not
  /// wrapped.
  package var width: Int?

  /// Without any colour, for no terminal.
  package static let plain = TextStyle(isColored: false)

  package init(isColored: Bool, width: Int? = nil) {
    self.isColored = isColored
    self.width = width.map { min(max($0, Self.narrowest), Self.widest) }
  }

  /// The width of what must be laid out for some width.
  var columns: Int { width ?? 80 }

  private static let narrowest = 40
  private static let widest = 400

  /// The text in that colour.
  package func paint(_ text: String, in ink: Ink?) -> String {
    guard isColored, let ink, !text.isEmpty else { return text }
    return "\u{1b}[\(ink.rendition)m\(text)\u{1b}[0m"
  }

  /// A text after `first`, which stands before its first line only. On a terminal its further lines are indented by
  /// `hanging` blanks.
  package func lines(_ text: String, after first: String = "  ", hanging: Int = 4) -> [String] {
    guard let width else { return [first + text] }
    return text.wrapped(to: width - max(first.shownCount, hanging)).enumerated().map {
      ($0 == 0 ? first : String(repeating: " ", count: hanging)) + $1
    }
  }
}

extension String {
  /// The text, padded with blanks to `width` characters.
  func padded(to width: Int) -> String {
    self + String(repeating: " ", count: Swift.max(0, width - count))
  }

  /// The text with blanks before it up to `width` characters.
  func aligned(to width: Int) -> String {
    String(repeating: " ", count: Swift.max(0, width - count)) + self
  }

  /// The text in lines of at most `width` characters, broken at blanks. A longer word has a line of its own: a person
  /// can copy it from there.
  package func wrapped(to width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    var count = 0
    for word in split(separator: " ", omittingEmptySubsequences: false) {
      let wordCount = word.shownCount
      if !line.isEmpty, count + 1 + wordCount <= width {
        line += " " + word
        count += 1 + wordCount
      } else {
        if !line.isEmpty { lines.append(line) }
        line = String(word)
        count = wordCount
      }
    }
    return line.isEmpty && !lines.isEmpty ? lines : lines + [line]
  }
}

extension StringProtocol {
  /// How many characters a terminal shows of it: all but the sequences that select colours.
  fileprivate var shownCount: Int {
    var count = 0
    var isSequence = false
    for character in self {
      if character == "\u{1b}" { isSequence = true }
      if !isSequence { count += 1 }
      if isSequence, character == "m" { isSequence = false }
    }
    return count
  }
}
