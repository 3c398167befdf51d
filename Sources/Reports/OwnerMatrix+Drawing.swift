import AdjunctProcessor

extension OwnerMatrix {
  /// The grid as a self-contained SVG document.
  ///
  /// The colours are told apart with any kind of colour vision (Okabe and Ito's set), and every cell
  /// has its letter and a text for pointers and screen readers as well.
  package func svg(title: String) -> String {
    let drawing = MatrixDrawing(matrix: self, title: title)
    return drawing.document
  }
}

/// Places the grid's parts on a sheet.
private struct MatrixDrawing {
  let matrix: OwnerMatrix
  let title: String

  private let cell = (width: 34, height: 24)
  private let left = 112
  private let top = 84

  private var width: Int { max(left + matrix.domains.count * cell.width + 24, 480) }
  private var bottom: Int { top + matrix.rows.count * cell.height }

  private var owners: [Owner] {
    let present = Set(matrix.cells.compactMap(\.owner))
    return Owner.allCases.filter(present.contains)
  }

  private var marks: [OwnerMatrix.Mark] {
    let present = Set(matrix.cells.compactMap(\.mark))
    return OwnerMatrix.Mark.allCases.filter(present.contains)
  }

  var document: String {
    let height = bottom + 24 + (owners.count + marks.count) * 22 + 12
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(width)\" height=\"\(height)\" "
        + "viewBox=\"0 0 \(width) \(height)\" role=\"img\" aria-labelledby=\"title\">",
      "<title id=\"title\">\(escaped(title))</title>",
      "<style>",
      "text { font: 12px sans-serif; fill: #222 }",
      ".hex { font: 12px monospace } .decimal { font: 10px monospace; fill: #666 }",
      ".letter { font: bold 12px monospace; text-anchor: middle }",
      ".host { fill: #56b4e9 } .vfio_ap { fill: #e69f00 } .none { fill: #fff }",
      ".nothing { fill: #f4f4f4 } rect { stroke: #888 } .nothing { stroke: #ddd }",
      ".problem { stroke: #d55e00; stroke-width: 3 }",
      "</style>",
      "<rect width=\"\(width)\" height=\"\(height)\" style=\"fill: #fff; stroke: none\"/>",
      "<text x=\"16\" y=\"28\" style=\"font: bold 16px sans-serif\">\(escaped(title))</text>",
      "<text x=\"16\" y=\"\(top - 26)\">domain</text>",
      "<text x=\"16\" y=\"\(top - 10)\" class=\"decimal\">adapter, HMC in decimal</text>",
    ]
    for (column, domain) in matrix.domains.enumerated() {
      let middle = left + column * cell.width + cell.width / 2
      lines.append(label(LowerHex.text(domain, digits: 2), "hex", x: middle, y: top - 26))
      lines.append(label(String(domain), "decimal", x: middle, y: top - 10))
    }
    for (index, row) in matrix.rows.enumerated() { lines += line(row, at: index) }
    lines += legend + ["</svg>"]
    return lines.map { $0 + "\n" }.joined()
  }

  private func line(_ row: OwnerMatrix.Row, at index: Int) -> [String] {
    let y = top + index * cell.height
    let hex = LowerHex.text(row.adapter, digits: 2)
    var lines = [
      "<text x=\"16\" y=\"\(y + 17)\" class=\"hex\">\(hex)</text>",
      "<text x=\"36\" y=\"\(y + 17)\" class=\"decimal\">\(row.adapter)</text>",
      "<text x=\"62\" y=\"\(y + 17)\">\(row.type ?? "?")</text>",
    ]
    for (column, place) in row.cells.enumerated() {
      lines.append(draw(place, x: left + column * cell.width, y: y))
    }
    return lines
  }

  private func draw(_ place: OwnerMatrix.Cell, x: Int, y: Int) -> String {
    let kind = place.owner?.rawValue ?? "nothing"
    let problem = place.mark?.isProblem == true ? " problem" : ""
    let owner = place.owner?.meaning ?? "no queue"
    let mark = place.mark.map { ", \($0.meaning)" } ?? ""
    let apqn = place.apqn
    return "<g><title>\(apqn) (HMC: adapter \(apqn.adapter), domain \(apqn.domain)): "
      + "\(owner)\(mark)</title><rect x=\"\(x + 1)\" y=\"\(y + 1)\" "
      + "width=\"\(cell.width - 2)\" height=\"\(cell.height - 2)\" rx=\"3\" "
      + "class=\"\(kind)\(problem)\"/>"
      + label(place.symbol, "letter", x: x + cell.width / 2, y: y + 16) + "</g>"
  }

  private var legend: [String] {
    var lines: [String] = []
    var y = bottom + 24
    for owner in owners {
      lines.append(
        "<rect x=\"16\" y=\"\(y)\" width=\"32\" height=\"16\" rx=\"3\" "
          + "class=\"\(owner.rawValue)\"/>"
          + label(owner.symbol, "letter", x: 32, y: y + 12)
          + "<text x=\"58\" y=\"\(y + 12)\">\(owner.meaning)</text>")
      y += 22
    }
    for mark in marks {
      lines.append(
        label((mark.isMove ? ">" : "") + mark.symbol, "letter", x: 32, y: y + 12)
          + "<text x=\"58\" y=\"\(y + 12)\">\(mark.meaning)</text>")
      y += 22
    }
    return lines
  }

  private func label(_ text: String, _ kind: String, x: Int, y: Int) -> String {
    guard !text.isEmpty else { return "" }
    return "<text x=\"\(x)\" y=\"\(y)\" class=\"\(kind)\" text-anchor=\"middle\">"
      + "\(escaped(text))</text>"
  }

  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text.printable {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      default: result.append(character)
      }
    }
    return result
  }
}
