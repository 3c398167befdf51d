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

  /// The lines, each behind `indentation`, without blanks at their ends.
  func lines(indentation: String = "", gap: Int = 2, style: TextStyle) -> [String] {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.text.count)
      }
    }
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
