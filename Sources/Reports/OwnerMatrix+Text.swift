import APBus

extension OwnerMatrix {
  private static let domainsPerBlock = 16
  private static let labelWidth = 15

  /// The grid in blocks of 16 domains, each narrow enough for 80 columns, and its legend.
  package func text(style: TextStyle) -> String {
    guard !rows.isEmpty else { return "no cards on the AP bus\n" }
    guard !domains.isEmpty else {
      return "\(counted(rows.count, "card")), no queues on the AP bus\n"
    }
    var lines: [String] = []
    for start in stride(from: 0, to: domains.count, by: Self.domainsPerBlock) {
      lines += block(start..<min(start + Self.domainsPerBlock, domains.count), style)
      lines.append("")
    }
    lines += legend(style)
    return lines.map { $0 + "\n" }.joined()
  }

  private func block(_ range: Range<Int>, _ style: TextStyle) -> [String] {
    let hex = domains[range].map { "  " + Hex.text($0, digits: 2) }.joined()
    let decimal = domains[range].map { String($0).aligned(to: 4) }.joined()
    var lines = [
      style.paint("domain".aligned(to: Self.labelWidth) + hex, .heading),
      style.paint("adapter     HMC" + decimal, .faint),
    ]
    for row in rows {
      var line = Hex.text(row.adapter, digits: 2)
      line += style.paint(String(row.adapter).aligned(to: 5), .faint)
      line += "  " + (row.type ?? "?").padded(to: 6)
      var blanks = 0
      for cell in row.cells[range] {
        let symbol = cell.symbol
        guard !symbol.isEmpty else {
          blanks += 4
          continue
        }
        // Moves take a character more; it stands before the column's.
        let lead = cell.owner == nil ? 3 : 2 - (symbol.count > 2 ? 1 : 0)
        line += String(repeating: " ", count: blanks + lead)
        if let owner = cell.owner { line += style.paint(owner.symbol, Ink(owner)) }
        line += style.paint(String(symbol.dropFirst(cell.owner == nil ? 0 : 1)), cell.ink)
        blanks = 4 - lead - symbol.count
      }
      lines.append(line)
    }
    return lines
  }

  private func legend(_ style: TextStyle) -> [String] {
    var owners = Set<Owner>()
    var marks = Set<Mark>()
    for cell in cells {
      if let owner = cell.owner { owners.insert(owner) }
      if let mark = cell.mark { marks.insert(mark) }
    }
    let shown = Owner.allCases.filter(owners.contains).map {
      "\(style.paint($0.symbol, Ink($0))) \($0.meaning)"
    }
    var lines = [shown.joined(separator: "   ")]
    for mark in Mark.allCases where marks.contains(mark) {
      lines.append("\(mark.isMove ? ">" : "")\(mark.symbol)".padded(to: 3) + mark.meaning)
    }
    return lines
  }
}

extension OwnerMatrix.Cell {
  /// The colour of what stands behind the owner.
  fileprivate var ink: Ink? {
    switch mark {
    case .toVfioAP, .collateral: .vfioAP
    case .toHost: .host
    case .toNone: .unbound
    case let mark?: mark.isProblem ? .problem : .heading
    case nil: nil
    }
  }
}
