/// Rows whose columns stand below each other.
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

  /// A table below these headings.
  init(headings: [String] = []) {
    if !headings.isEmpty { rows.append(headings.map { Cell($0, .heading) }) }
  }

  mutating func append(_ row: [Cell]) { rows.append(row) }

  /// The same in lines of at most `width` characters: what stands last in a row goes on below itself,
  /// or below the row where the other columns leave too little room.
  func lines(indentation: String = "", width: Int, style: TextStyle) -> [String] {
    let gap = 2
    let others = widths(of: rows.map { Array($0.dropLast()) })
    let start = indentation.count + others.reduce(0) { $0 + $1 + gap }
    let isBelow = width - start < Self.narrowest
    let room = width - (isBelow ? indentation.count + Self.hanging : start)
    return rows.flatMap { row -> [String] in
      guard let last = row.last else { return [""] }
      var line = indentation
      for (cell, width) in zip(row.dropLast(), others) {
        line += style.paint(cell.text, cell.ink)
        line += String(repeating: " ", count: width - cell.text.count + gap)
      }
      let parts = last.text.wrapped(to: room).map { style.paint($0, last.ink) }
      let below = String(repeating: " ", count: isBelow ? indentation.count + Self.hanging : start)
      if isBelow {
        while line.last == " " { line.removeLast() }
        return [line] + parts.map { below + $0 }
      }
      return parts.enumerated().map { ($0 == 0 ? line : below) + $1 }
    }
  }

  /// With less room than this the last column stands below the others.
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

  /// The lines, each behind `indentation`, without blanks at their ends.
  func lines(indentation: String = "", gap: Int = 2, style: TextStyle) -> [String] {
    let widths = widths(of: rows)
    return rows.map { row in
      let end = row.lastIndex { !$0.text.isEmpty } ?? -1
      var line = indentation
      for (column, cell) in row.enumerated().prefix(end + 1) {
        line += style.paint(cell.text, cell.ink)
        guard column < end else { break }
        line += String(repeating: " ", count: widths[column] - cell.text.count + gap)
      }
      return line
    }
  }
}
