package import APBus
package import JSONText
package import Reservation

/// The grid of adapters x domains that are present: who has each queue, and what is to become of it.
package struct OwnerMatrix: Equatable, Sendable {
  /// What a cell shows besides the owner.
  package enum Mark: String, Hashable, Sendable, CaseIterable {
    /// The plan moves it to `vfio_ap`.
    case toVfioAP = "to-vfio_ap"
    /// The plan moves it to `vfio_ap` although no rule asks for it: masks take it along.
    case collateral
    /// The plan moves it to the host.
    case toHost = "to-host"
    /// The plan leaves it unbound.
    case toNone = "to-none"
    case refused
    /// The queue is left alone, because another process keeps moving it back.
    case contended
    /// The request waits for a driver.
    case waiting
    /// The rules cannot be decided now.
    case undecidable
    /// On `vfio_ap`, wanted elsewhere, and not owned.
    case adopted
    /// Requested for guests, and absent.
    case missing
    /// Requested, and its hardware is on standby or check-stopped.
    case unusable
    /// Requested, and it cannot be read.
    case unreadable
  }

  /// One place in the grid.
  package struct Cell: Equatable, Sendable {
    package var apqn: APQN
    /// Who has the queue; nil where there is none.
    package var owner: Owner?
    /// What else there is to say.
    package var mark: Mark?
  }

  /// One adapter's line.
  package struct Row: Equatable, Sendable {
    package var adapter: UInt8
    /// Product and mode, `CEX8C`; nil where unknown.
    package var type: String?
    /// A cell for each of the grid's domains.
    package var cells: [Cell]
  }

  /// The domains that have a queue, or miss one, on some adapter, ascending.
  package let domains: [UInt8]
  /// The adapters that have a card, or miss one, ascending.
  package let rows: [Row]

  /// The grid of a machine without any marks.
  package init(inventory: Inventory) {
    self.init(inventory: inventory, marks: [:])
  }

  /// The grid of an assessed machine.
  package init(_ assessment: Assessment) {
    self.init(
      inventory: assessment.inventory, marks: Self.marks(assessment.plan, assessment.requests))
  }

  private init(inventory: Inventory, marks: [APQN: Mark]) {
    let missing = marks.lazy.filter { $0.value == .missing }.map(\.key)
    let domains = Array(
      APMask(inventory.queues.lazy.map(\.apqn.domain)).union(APMask(missing.map(\.domain))))
    self.domains = domains
    rows = inventory.adapters.union(APMask(missing.map(\.adapter))).map { adapter in
      let owners = Dictionary(
        uniqueKeysWithValues: inventory.queues(ofCard: adapter).map { ($0.apqn, $0.owner) })
      let cells = domains.map { domain in
        let apqn = APQN(adapter: adapter, domain: domain)
        return Cell(apqn: apqn, owner: owners[apqn], mark: marks[apqn])
      }
      return Row(adapter: adapter, type: inventory.card(adapter)?.typeName, cells: cells)
    }
  }

  /// The marks of a plan and of requests; what is stuck outweighs the rest.
  private static func marks(_ plan: Plan, _ requests: Requests) -> [APQN: Mark] {
    var marks: [APQN: Mark] = [:]
    for apqn in plan.adopted { marks[apqn] = .adopted }
    for apqn in plan.undecidable { marks[apqn] = .undecidable }
    for waiting in plan.waiting { marks[waiting.apqn] = .waiting }
    for change in plan.changes {
      marks[change.apqn] =
        switch change.to {
        case .vfioAP: change.cause == .collateral ? .collateral : .toVfioAP
        case .host: .toHost
        case .none: .toNone
        }
    }
    for refusal in plan.refusals { marks[refusal.apqn] = .refused }
    for request in requests.open {
      if let mark = Mark(stuck: request.state) { marks[request.apqn] = mark }
    }
    return marks
  }

  /// The cells of all rows.
  var cells: some Sequence<Cell> { rows.lazy.flatMap(\.cells) }
}

extension OwnerMatrix.Mark {
  /// The mark of a request that is stuck; nil for any other.
  fileprivate init?(stuck state: Requests.State) {
    switch state {
    case .reserved, .pending, .waiting: return nil
    case .refused: self = .refused
    case .contended: self = .contended
    case .missing: self = .missing
    case .unusable: self = .unusable
    case .undecidable: self = .undecidable
    case .unreadable: self = .unreadable
    }
  }

  /// The character after the owner's.
  var symbol: String {
    switch self {
    case .toVfioAP: "V"
    case .collateral: "c"
    case .toHost: "h"
    case .toNone: "-"
    case .refused: "!"
    case .waiting: "~"
    case .undecidable: "?"
    case .adopted: "*"
    case .contended: "x"
    case .missing: "+"
    case .unusable: "#"
    case .unreadable: "/"
    }
  }

  /// What it means, for the legend.
  var meaning: String {
    switch self {
    case .toVfioAP: "to be moved to vfio_ap"
    case .collateral: "to be moved to vfio_ap as collateral, which no rule asks for"
    case .toHost: "to be moved to the host"
    case .toNone: "to be left unbound"
    case .refused: "request refused"
    case .waiting: "waiting for a driver"
    case .undecidable: "cannot be decided now"
    case .adopted: "not reserved by apreserve, so not given back"
    case .contended: "left alone, since another process keeps moving it back"
    case .missing: "requested for guests, missing"
    case .unusable: "reserved, and unusable: deconfigured or check-stopped"
    case .unreadable: "cannot be read"
    }
  }

  /// Whether it says something that will not be as the rules want it.
  var isProblem: Bool {
    switch self {
    case .refused, .contended, .missing, .unusable, .undecidable, .unreadable: true
    case .toVfioAP, .collateral, .toHost, .toNone, .waiting, .adopted: false
    }
  }

  /// Whether it shows a move, which has an arrow before it.
  var isMove: Bool { nextOwner != nil }

  /// Who has the queue after the move; nil where it is not moved.
  var nextOwner: Owner? {
    switch self {
    case .toVfioAP, .collateral: .vfioAP
    case .toHost: .host
    case .toNone: Owner.none
    case .refused, .contended, .waiting, .undecidable, .adopted, .missing, .unusable, .unreadable:
      nil
    }
  }
}

extension Owner {
  /// The character in a grid.
  var symbol: String {
    switch self {
    case .host: "h"
    case .vfioAP: "V"
    case .none: "-"
    }
  }

  /// What it means, for the legend.
  var meaning: String {
    switch self {
    case .host: "host"
    case .vfioAP: "vfio_ap"
    case .none: "unbound"
    }
  }
}

extension OwnerMatrix.Cell {
  /// Up to three characters: `h`, `h>V`, `h!`; empty where there is nothing.
  var symbol: String {
    let tail = mark.map { ($0.isMove ? ">" : "") + $0.symbol } ?? ""
    return (owner?.symbol ?? "") + tail
  }
}

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
      lines += block(start..<min(start + Self.domainsPerBlock, domains.count), style: style)
      lines.append("")
    }
    lines += legend(style)
    return lines.map { $0 + "\n" }.joined()
  }

  private func block(_ range: Range<Int>, style: TextStyle) -> [String] {
    let hex = domains[range].map { "  " + Hex.text($0, digits: 2) }.joined()
    let decimal = domains[range].map { String($0).aligned(to: 4) }.joined()
    var lines = [
      style.paint("domain".aligned(to: Self.labelWidth) + hex, in: .heading),
      style.paint("adapter     HMC" + decimal, in: .faint),
    ]
    for row in rows {
      var line = Hex.text(row.adapter, digits: 2)
      line += style.paint(String(row.adapter).aligned(to: 5), in: .faint)
      line += "  " + (row.type ?? "?").padded(to: 6)
      var blanks = 0
      for cell in row.cells[range] {
        let symbol = cell.symbol
        guard !symbol.isEmpty else {
          blanks += 4
          continue
        }
        // The arrow of a move is one more character, before the column.
        let lead = cell.owner == nil ? 3 : 2 - (symbol.count > 2 ? 1 : 0)
        line += String(repeating: " ", count: blanks + lead)
        if let owner = cell.owner { line += style.paint(owner.symbol, in: Ink(owner)) }
        line += style.paint(String(symbol.dropFirst(cell.owner == nil ? 0 : 1)), in: cell.ink)
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
      "\(style.paint($0.symbol, in: Ink($0))) \($0.meaning)"
    }
    var lines = [shown.joined(separator: "   ")]
    for mark in Mark.allCases where marks.contains(mark) {
      lines.append("\(mark.isMove ? ">" : "")\(mark.symbol)".padded(to: 3) + mark.meaning)
    }
    return lines
  }
}

extension OwnerMatrix.Cell {
  /// The colour of the mark after the owner.
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

extension OwnerMatrix {
  /// The grid for programs: the axes, and each place that has a queue or a mark.
  package var json: JSONValue {
    JSONObject.document("matrix") {
      $0.set("adapters", .array(rows.map(Self.json)))
      $0.set(
        "domains",
        .array(
          domains.map { domain in
            JSONObject.make {
              $0.set("name", text: Hex.text(domain, digits: 4))
              $0.set("number", number: domain)
            }
          }))
      let shown = cells.filter { $0.owner != nil || $0.mark != nil }
      $0.set("queues", .array(shown.map(Self.json)))
    }
  }

  private static func json(_ row: Row) -> JSONValue {
    JSONObject.make {
      $0.set("name", text: BusObject.cardName(row.adapter))
      $0.set("number", number: row.adapter)
      $0.set("type", text: row.type)
    }
  }

  private static func json(_ cell: Cell) -> JSONValue {
    JSONObject.make {
      $0.set("name", text: cell.apqn.description)
      $0.set("owner", text: cell.owner?.rawValue)
      $0.set("mark", text: cell.mark?.rawValue)
    }
  }
}
