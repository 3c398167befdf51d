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

  /// What is out of the ordinary with a queue itself.
  package enum Condition: String, Hashable, Sendable, CaseIterable {
    case offline
    case deconfigured = "deconfig"
    case checkStopped = "chkstop"
    /// A guest that is running has it.
    case inUse = "in use"

    fileprivate init?(_ state: QueueState) {
      switch state {
      case .offline: self = .offline
      case .deconfigured: self = .deconfigured
      case .checkStopped: self = .checkStopped
      case .inUse: self = .inUse
      case .online, .unassigned, .assigned, .unbound, .unknown: return nil
      }
    }

    /// Whether the queue cannot be used.
    var isProblem: Bool { self != .inUse }
  }

  /// One place in the grid.
  package struct Cell: Equatable, Sendable {
    package var apqn: APQN
    /// Who has the queue; nil where there is none.
    package var owner: Owner?
    /// What is out of the ordinary with it; nil where nothing is.
    package var condition: Condition?
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
    self.init(
      inventory: inventory, marks: [:], queues: inventory.apqns, adapters: inventory.adapters)
  }

  /// The grid of the queues of an assessed machine that are selected.
  package init(_ assessment: Assessment, _ selection: QueueSelection = QueueSelection()) {
    let queues = selection.queues(of: assessment)
    // A card without queues is a line, too.
    let cards = selection.isEverything ? assessment.inventory.adapters : []
    self.init(
      inventory: assessment.inventory, marks: Self.marks(assessment.plan, assessment.requests),
      queues: queues, adapters: queues.adapters.union(cards))
  }

  private init(inventory: Inventory, marks: [APQN: Mark], queues: APQNSet, adapters: APMask) {
    let marked = APQNSet(marks.lazy.filter { $0.value == .missing }.map(\.key))
    let shown = APQNSet(queues.filter { inventory.queue($0) != nil || marked.contains($0) })
    let domains = Array(shown.domains)
    self.domains = domains
    rows = adapters.map { adapter in
      let present = Dictionary(
        uniqueKeysWithValues: inventory.queues(ofCard: adapter).map { ($0.apqn, $0) })
      let cells = domains.map { domain in
        let apqn = APQN(adapter: adapter, domain: domain)
        guard shown.contains(apqn) else { return Cell(apqn: apqn) }
        let queue = present[apqn]
        return Cell(
          apqn: apqn, owner: queue?.owner,
          condition: queue.flatMap { Condition(QueueState($0, in: inventory)) }, mark: marks[apqn])
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
    case .refused: "refused"
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
  /// The character in a grid: small letters for the host, capitals for `vfio_ap`.
  func symbol(_ condition: OwnerMatrix.Condition?) -> String {
    switch (self, condition) {
    case (.none, _): "-"
    case (.host, nil), (.host, .inUse?): "h"
    case (.host, .offline?): "o"
    case (.host, .deconfigured?): "d"
    case (.host, .checkStopped?): "k"
    case (.vfioAP, nil), (.vfioAP, .offline?): "V"
    case (.vfioAP, .inUse?): "U"
    case (.vfioAP, .deconfigured?): "D"
    case (.vfioAP, .checkStopped?): "K"
    }
  }

  /// What it means, for the legend.
  func meaning(_ condition: OwnerMatrix.Condition? = nil) -> String {
    let owner =
      switch self {
      case .host: "host"
      case .vfioAP: "vfio_ap"
      case .none: "unbound"
      }
    return switch condition {
    case nil: owner
    case .offline?: "\(owner), offline"
    case .deconfigured?: "\(owner), deconfigured"
    case .checkStopped?: "\(owner), check-stopped"
    case .inUse?: "\(owner), in use by a guest"
    }
  }
}

extension OwnerMatrix.Cell {
  /// Up to three characters: `h`, `h>V`, `h!`; empty where there is nothing.
  var symbol: String {
    let tail = mark.map { ($0.isMove ? ">" : "") + $0.symbol } ?? ""
    return (owner?.symbol(condition) ?? "") + tail
  }

  /// Whether another cell looks the same.
  func looks(like other: OwnerMatrix.Cell) -> Bool {
    owner == other.owner && condition == other.condition && mark == other.mark
  }

  /// What a legend explains of the owner.
  var state: OwnerMatrix.State? { owner.map { OwnerMatrix.State(owner: $0, condition: condition) } }

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
  /// An owner and what is out of the ordinary with the queue: one letter of the grid.
  struct State: Hashable {
    var owner: Owner
    var condition: Condition?

    var symbol: String { owner.symbol(condition) }
    var meaning: String { owner == .none ? owner.meaning() : owner.meaning(condition) }
  }

  /// The states that the grid shows, each letter once.
  var states: [State] {
    let present = Set(cells.compactMap(\.state))
    let conditions = [nil] + Condition.allCases.map(Optional.some)
    var symbols: Set<String> = []
    return Owner.allCases.flatMap { owner in conditions.map { State(owner: owner, condition: $0) } }
      .filter { present.contains($0) && symbols.insert($0.symbol).inserted }
  }

  /// The marks that the grid shows.
  var marks: [Mark] {
    let present = Set(cells.compactMap(\.mark))
    return Mark.allCases.filter(present.contains)
  }

  /// Domains next to each other in which all adapters look the same, as ranges of indices of `domains`.
  private var folds: [Range<Int>] {
    var folds: [Range<Int>] = []
    for index in domains.indices {
      if let last = folds.last, domains[index] == domains[index - 1] + 1,
        rows.allSatisfy({ $0.cells[index].looks(like: $0.cells[index - 1]) })
      {
        folds[folds.count - 1] = last.lowerBound..<index + 1
      } else {
        folds.append(index..<index + 1)
      }
    }
    return folds
  }

  /// The columns of the grid: a domain each, or, where more than `room` would be needed, a range of domains that
  /// look the same.
  func columns(room: Int, isFull: Bool) -> [Column] {
    let single = domains.indices.map { Column($0..<$0 + 1, of: domains) }
    return isFull || single.count <= room ? single : folds.map { Column($0, of: domains) }
  }

  /// Domains that are shown in one column.
  struct Column {
    /// The index of the first one.
    var index: Int
    /// `04`, or `04-1b`.
    var name: String
    /// The same in decimal, as the HMC has it.
    var decimal: String

    fileprivate init(_ range: Range<Int>, of domains: [UInt8]) {
      index = range.lowerBound
      let ends = range.count == 1 ? [range.lowerBound] : [range.lowerBound, range.upperBound - 1]
      name = ends.map { Hex.text(domains[$0], digits: 2) }.joined(separator: "-")
      decimal = ends.map { "\(domains[$0])" }.joined(separator: "-")
    }

    /// The characters of a column, the blank before it included.
    fileprivate var width: Int { name.count > 2 ? max(name.count, decimal.count) + 2 : 4 }
  }

  private static let labelWidth = 15

  /// The grid in blocks that are as wide as the terminal, and its legend. Where it needs more than one block,
  /// domains next to each other that look the same are one column, unless it `isFull`.
  package func text(isFull: Bool = false, style: TextStyle) -> String {
    guard !rows.isEmpty else { return "no cards on the AP bus\n" }
    guard !domains.isEmpty else {
      return "\(counted(rows.count, "card")), no queues on the AP bus\n"
    }
    var lines: [String] = []
    let room = style.columns - Self.labelWidth
    var rest = columns(room: room / 4, isFull: isFull)[...]
    while !rest.isEmpty {
      var width = 0
      let block = rest.prefix { column in
        width += column.width
        return width <= room
      }
      // One column fits on any terminal.
      let columns = block.isEmpty ? rest.prefix(1) : block
      lines += self.block(columns, style: style)
      lines.append("")
      rest = rest.dropFirst(columns.count)
    }
    lines += legend(style)
    return lines.map { $0 + "\n" }.joined()
  }

  private func block(_ columns: ArraySlice<Column>, style: TextStyle) -> [String] {
    let hex = columns.map { $0.name.aligned(to: $0.width) }.joined()
    let decimal = columns.map { $0.decimal.aligned(to: $0.width) }.joined()
    var lines = [
      style.paint("domain".aligned(to: Self.labelWidth) + hex, in: .heading),
      style.paint("adapter     HMC" + decimal, in: .faint),
    ]
    for row in rows {
      var line = Hex.text(row.adapter, digits: 2)
      line += style.paint(String(row.adapter).aligned(to: 5), in: .faint)
      line += "  " + (row.type ?? "?").padded(to: 6)
      var blanks = 0
      for column in columns {
        let cell = row.cells[column.index]
        let symbol = cell.symbol
        guard !symbol.isEmpty else {
          blanks += column.width
          continue
        }
        // The arrow of a move is one more character, before the column.
        let lead = column.width - 4 + (cell.owner == nil ? 3 : 2 - (symbol.count > 2 ? 1 : 0))
        line += String(repeating: " ", count: blanks + lead)
        if let owner = cell.owner {
          let ink = cell.condition?.isProblem == true ? Ink.problem : Ink(owner)
          line += style.paint(owner.symbol(cell.condition), in: ink)
        }
        line += style.paint(String(symbol.dropFirst(cell.owner == nil ? 0 : 1)), in: cell.ink)
        blanks = column.width - lead - symbol.count
      }
      lines.append(line)
    }
    return lines
  }

  private func legend(_ style: TextStyle) -> [String] {
    var lines: [String] = []
    var width = 0
    for state in states {
      let text = "\(style.paint(state.symbol, in: Ink(state.owner))) \(state.meaning)"
      let length = state.meaning.count + 2
      if !lines.isEmpty, width + 3 + length <= style.columns {
        lines[lines.count - 1] += "   " + text
        width += 3 + length
      } else {
        lines.append(text)
        width = length
      }
    }
    for mark in marks {
      lines.append("\(mark.isMove ? ">" : "")\(mark.symbol)".padded(to: 3) + mark.meaning)
    }
    return lines
  }
}

extension OwnerMatrix {
  /// The grid for programs: the axes, and each place that has a queue or a mark.
  package static let layout = JSONLayout<Headed<OwnerMatrix>>.report(
    "matrix", "The grid of adapters and domains: who has each queue, and what is to become of it."
  ) {
    $0.add("adapters", .list(of: .object(Row.layout)), "The lines of the grid.", \.report.rows)
    $0.add("domains", .list(of: .object(domainLayout)), "The columns.", \.report.domains)
    $0.add("queues", .list(of: .object(Cell.layout)), "The places that have, or miss, a queue.") {
      $0.report.cells.filter { $0.owner != nil || $0.mark != nil }
    }
  }

  package var json: JSONValue { Self.layout.json(Headed(self)) }

  package func json(under heading: MachineHeading?) -> JSONValue {
    Self.layout.json(Headed(self, under: heading))
  }

  private static let domainLayout = JSONLayout<UInt8>("Domain", "A domain.") {
    $0.add("name", .text("^00[0-9a-f]{2}$"), "The domain, as names of queues have it.") {
      Hex.text($0, digits: 4)
    }
    $0.add("number", .integer, "The same in decimal, as the HMC shows it.") { $0 }
  }
}

extension OwnerMatrix.Row {
  fileprivate static let layout = JSONLayout<OwnerMatrix.Row>("Adapter", "An adapter.") {
    $0.add("name", .card, "The card, as sysfs names it.", \.adapter)
    $0.add("number", .integer, "The adapter in decimal, as the HMC shows it.", \.adapter)
    $0.add("type", .text, "Product and mode, such as CEX8C.", \.type)
  }
}

extension OwnerMatrix.Cell {
  fileprivate static let layout = JSONLayout<OwnerMatrix.Cell>("Cell", "A place in the grid.") {
    $0.add("name", .queue, "The queue, as sysfs names it.", \.apqn)
    $0.add("owner", .word, "Who has it; missing if it is absent.", \.owner)
    $0.add("state", .word, "What is out of the ordinary with it.", \.condition)
    $0.add("mark", .word, "What the plan does with it, or why it does nothing.", \.mark)
  }
}
