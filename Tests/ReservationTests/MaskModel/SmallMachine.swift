/// A machine small enough that every pair of masks can be tried: a few adapters and domains by index,
/// and behind them one index each for all the other ids, which are not here.
///
/// Sets of indices are plain bits: bit 0 is the first adapter or domain in play, the last bit is the
/// rest. Nothing here uses the types of the planner.
struct SmallMachine: Hashable {
  /// What the rules want for an APQN.
  enum Request: String, Hashable, CaseIterable {
    case unmanaged
    case host
    case vfioAP = "vfio_ap"
    /// On `vfio_ap`, and unmanaged queues beside it may come along.
    case accepting

    var isReserved: Bool { self == .vfioAP || self == .accepting }
  }

  /// A mediated device's adapters and domains.
  struct Device: Hashable {
    var adapters: Int
    var domains: Int
  }

  /// A place in the grid, which may be the rest's.
  struct Cell: Hashable {
    var row: Int
    var column: Int
  }

  /// The hardware type of each adapter in play; nil where there is no card.
  var types: [UInt8?]
  /// How many domains are in play.
  var columns: Int
  /// The queues that are here.
  var queues: Set<Cell> = []
  /// One more row and column than are in play.
  var requests: [[Request]]
  /// Bits of `apmask` that are set.
  var adapters: Int
  /// Bits of `aqmask` that are set.
  var domains: Int
  /// Cleared bits that are owned.
  var ourAdapters = 0
  var ourDomains = 0
  var devices: [Device] = []
  /// Whether the kernel asks mediated devices about the new bit alone (`__verify_card_reservations`, 6.19).
  var asksWide = false
  /// Whether `vfio_ap` is loaded.
  var hasVfioAP = true
  /// Queues of the host's pool that no driver has.
  var unbound: Set<Cell> = []
  /// Places that are empty and had a queue before.
  var seen: Set<Cell> = []

  /// Cards of type 13 and no queues, all bits set, nothing requested.
  init(rows: Int, columns: Int) {
    types = Array(repeating: 13, count: rows)
    self.columns = columns
    requests = Array(
      repeating: Array(repeating: .unmanaged, count: columns + 1), count: rows + 1)
    adapters = 1 << (rows + 1) - 1
    domains = 1 << (columns + 1) - 1
  }

  var rows: Int { types.count }
  /// All cells of adapters and domains in play.
  var cells: [Cell] {
    (0..<rows).flatMap { row in (0..<columns).map { Cell(row: row, column: $0) } }
  }

  /// All cells, those of the rest too.
  var allCells: [Cell] {
    (0...rows).flatMap { row in (0...columns).map { Cell(row: row, column: $0) } }
  }

  func request(_ cell: Cell) -> Request { requests[cell.row][cell.column] }
  func isReservable(_ cell: Cell) -> Bool { types[cell.row].map { $0 >= 10 } ?? false }

  /// How many APQNs a cell stands for.
  func weight(_ row: Int, _ column: Int) -> Int {
    (row == rows ? 256 - rows : 1) * (column == columns ? 256 - columns : 1)
  }

  /// Whether this can be: queues below cards, no device with a queue of the host's pool
  /// (EADDRNOTAVAIL; SimulatedBus documentation, "Mediated devices"), unbound queues in the pool.
  var isConsistent: Bool {
    queues.allSatisfy { types[$0.row] != nil }
      && unbound.isSubset(of: queues) && seen.isDisjoint(with: queues)
      && ourAdapters & adapters == 0 && ourDomains & domains == 0
      && devices.allSatisfy { $0.adapters & adapters == 0 || $0.domains & domains == 0 }
  }
}

extension SmallMachine: CustomStringConvertible {
  /// The grid with requests (capitals where a queue is, in parentheses where one was), then masks (`o` cleared by us, `-` by others).
  var description: String {
    func bit(_ index: Int, _ mask: Int, _ owned: Int) -> String {
      mask >> index & 1 == 1 ? "1" : owned >> index & 1 == 1 ? "o" : "-"
    }
    let heads = (0...columns).map { bit($0, domains, ourDomains) }.joined()
    let lines = (0...rows).map { row in
      let letters = (0...columns).map { column in
        let cell = Cell(row: row, column: column)
        let letter = String(request(cell).rawValue.prefix(1))
        return unbound.contains(cell)
          ? "?"
          : queues.contains(cell)
            ? letter.uppercased() : seen.contains(cell) ? "(\(letter))" : letter
      }
      let type = row < rows ? types[row].map { "\($0)" } ?? "no card" : "rest"
      return bit(row, adapters, ourAdapters) + " " + letters.joined() + " \(type)"
    }
    let mediated = devices.map {
      "device \(String($0.adapters, radix: 2))x\(String($0.domains, radix: 2))"
    }
    return
      (["", "  " + heads] + lines + mediated
      + [asksWide ? "asks wide" : "", hasVfioAP ? "" : "no vfio_ap"].filter { !$0.isEmpty })
      .joined(separator: "\n")
  }
}
