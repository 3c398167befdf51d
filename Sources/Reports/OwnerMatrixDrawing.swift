import APBus

extension OwnerMatrix {
  /// The grid as a self-contained SVG document.
  ///
  /// The colours can be distinguished with any kind of colour vision (Okabe and Ito's set) and by their
  /// brightness alone, as on paper; every cell has its letter, and a text for pointers and screen readers.
  package func svg(title: String, isFull: Bool = false) -> String {
    MatrixDrawing(matrix: self, title: title, isFull: isFull).document
  }
}

/// Places the grid's parts on a sheet: blocks of 32 domains, one below the other, and the legend.
private struct MatrixDrawing {
  let matrix: OwnerMatrix
  let title: String
  let columns: [OwnerMatrix.Column]

  init(matrix: OwnerMatrix, title: String, isFull: Bool) {
    self.matrix = matrix
    self.title = title
    columns = matrix.columns(room: Self.domainsPerBlock, isFull: isFull)
    // A range in decimal, `100-103`, needs more room.
    cell = (width: columns.contains { $0.name.count > 2 } ? 56 : 36, height: 26)
  }

  private let cell: (width: Int, height: Int)
  private let left = 172
  private let blockTop = 84
  private static let domainsPerBlock = 32
  private let legendLine = 28

  private var blocks: [Range<Int>] {
    let count = columns.count
    return stride(from: 0, to: count, by: Self.domainsPerBlock).map {
      $0..<min($0 + Self.domainsPerBlock, count)
    }
  }

  private var blockHeight: Int { matrix.rows.count * cell.height + 56 }

  private var width: Int {
    max(left + min(columns.count, Self.domainsPerBlock) * cell.width + 24, 640)
  }

  var document: String {
    let bottom = blockTop + blocks.count * blockHeight
    let height = bottom + (matrix.states.count + matrix.marks.count) * legendLine + 16
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
        + "viewBox=\"0 0 \(width) \(height)\" aria-labelledby=\"title\">",
      "<title id=\"title\">\(escaped(title))</title>",
      "<style>",
      "text { font: 13px sans-serif; fill: #222 } .faint { fill: #666 }",
      ".mono { font: 13px monospace } .decimal { font: 11px monospace; fill: #666 }",
      ".letter { font: bold 13px monospace }",
      ".host { fill: #d3e9f7 } .vfio_ap { fill: #e69f00 } .none, .nothing { fill: #fff }",
      ".frame { fill: none; stroke: #777 } .frame.none { stroke-dasharray: 4 2 }",
      ".frame.nothing { stroke: #ddd }",
      ".frame.problem { stroke: #b22; stroke-width: 3; stroke-dasharray: none }",
      ".fault { stroke: #222; stroke-width: 1.5 }",
      "</style>",
      "<rect width=\"\(width)\" height=\"\(height)\" style=\"fill: #fff\"/>",
      "<text x=\"16\" y=\"30\" style=\"font: bold 18px sans-serif\">\(escaped(title))</text>",
      "<text x=\"16\" y=\"52\" class=\"faint\">\(summary)</text>",
    ]
    for (index, block) in blocks.enumerated() {
      lines += draw(block, y: blockTop + index * blockHeight)
    }
    lines += legend(y: bottom)
    return (lines + ["</svg>"]).map { $0 + "\n" }.joined()
  }

  /// How many queues there are, and who has them.
  private var summary: String {
    let queues = matrix.cells.compactMap(\.owner)
    let parts = Owner.allCases.filter(queues.contains).map { owner in
      let count = queues.count { $0 == owner }
      return switch owner {
      case .host: "\(count) with the host"
      case .vfioAP: "\(count) on vfio_ap"
      case .none: "\(count) unbound"
      }
    }
    return "\(counted(matrix.rows.count, "adapter")), \(counted(queues.count, "queue")): "
      + parts.joined(separator: ", ")
  }

  private func draw(_ block: Range<Int>, y: Int) -> [String] {
    var lines = [
      text("domain", class: "", x: left - 10, y: y + 14, anchor: "end"),
      text("HMC", class: "decimal", x: left - 10, y: y + 30, anchor: "end"),
      text("adapter", class: "", x: 16, y: y + 30), text("HMC", class: "decimal", x: 74, y: y + 30),
    ]
    for column in block {
      let middle = left + (column - block.lowerBound) * cell.width + cell.width / 2
      lines.append(
        text(columns[column].name, class: "mono", x: middle, y: y + 14, anchor: "middle"))
      lines.append(
        text(columns[column].decimal, class: "decimal", x: middle, y: y + 30, anchor: "middle"))
    }
    for (index, row) in matrix.rows.enumerated() {
      let top = y + 38 + index * cell.height
      lines.append(text(Hex.text(row.adapter, digits: 2), class: "mono", x: 16, y: top + 18))
      lines.append(text(String(row.adapter), class: "decimal", x: 74, y: top + 18))
      lines.append(text(row.type ?? "?", class: "", x: 104, y: top + 18))
      for column in block {
        let x = left + (column - block.lowerBound) * cell.width
        lines.append(draw(row.cells[columns[column].index], of: columns[column], x: x, y: top))
      }
    }
    return lines
  }

  private func draw(
    _ place: OwnerMatrix.Cell, of column: OwnerMatrix.Column, x: Int, y: Int
  ) -> String {
    let owner = place.state?.meaning ?? "no queue"
    let mark = place.mark.map { ", \($0.meaning)" } ?? ""
    let apqn = place.apqn
    let isRange = column.name.count > 2
    let name =
      isRange ? "adapter \(Hex.text(apqn.adapter, digits: 2)), domains \(column.name)" : "\(apqn)"
    return "<g><title>\(name) (HMC: adapter \(apqn.adapter), domain\(isRange ? "s" : "") "
      + "\(column.decimal)): \(owner)\(mark)</title>" + shape(place, x: x, y: y) + "</g>"
  }

  /// A cell: what moves has the colour of its owner on the left, of the next one on the right; what cannot be used
  /// has a bar across it.
  private func shape(_ place: OwnerMatrix.Cell, x: Int, y: Int) -> String {
    let (x, y, width, height) = (x + 1, y + 1, cell.width - 2, cell.height - 2)
    let kind = place.owner?.rawValue ?? "nothing"
    var parts = "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" "
    parts += "class=\"\(kind)\"/>"
    if let next = place.mark?.nextOwner {
      parts +=
        "<path d=\"M\(x + width * 3 / 5) \(y) H\(x + width) V\(y + height) H\(x + width * 2 / 5) Z\" "
        + "class=\"\(next.rawValue)\"/>"
    }
    if place.condition?.isProblem == true {
      parts += "<path d=\"M\(x) \(y + height) L\(x + width) \(y)\" class=\"fault\"/>"
    }
    let problem = place.mark?.isProblem == true ? " problem" : ""
    parts += "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" "
    parts += "class=\"frame \(kind)\(problem)\"/>"
    return parts
      + text(place.symbol, class: "letter", x: x + width / 2, y: y + 17, anchor: "middle")
  }

  private func legend(y: Int) -> [String] {
    var lines: [String] = []
    var y = y
    func add(_ cell: OwnerMatrix.Cell, meaning: String) {
      lines.append(shape(cell, x: 16, y: y))
      lines.append(text(meaning, class: "", x: 24 + self.cell.width + 4, y: y + 18))
      y += legendLine
    }
    let apqn = APQN(adapter: 0, domain: 0)
    for state in matrix.states {
      add(
        OwnerMatrix.Cell(apqn: apqn, owner: state.owner, condition: state.condition),
        meaning: state.meaning)
    }
    for mark in matrix.marks {
      // As in the grid, where it is first.
      add(
        matrix.cells.first { $0.mark == mark } ?? OwnerMatrix.Cell(apqn: apqn, mark: mark),
        meaning: mark.meaning)
    }
    return lines
  }

  private func text(
    _ text: String, class kind: String, x: Int, y: Int, anchor: String = "start"
  ) -> String {
    guard !text.isEmpty else { return "" }
    return "<text x=\"\(x)\" y=\"\(y)\"" + (kind.isEmpty ? "" : " class=\"\(kind)\"")
      + (anchor == "start" ? "" : " text-anchor=\"\(anchor)\"") + ">\(escaped(text))</text>"
  }

  private func escaped(_ text: String) -> String { text.printable.escapedForXML }
}
