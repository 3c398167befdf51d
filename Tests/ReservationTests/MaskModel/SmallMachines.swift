import TestSupport

/// Small machines one after the other: all of a kind, or random ones of every kind.
enum SmallMachines {
  /// What a place in the grid can be: no queue there, or a queue with one of the requests.
  private static let contents: [SmallMachine.Request?] = [nil] + SmallMachine.Request.allCases

  /// Every content of every cell of a grid of cards of type 13, all bits set, the rest unmanaged.
  ///
  /// Of grids that differ by the order of rows and columns alone there is one: to the kernel's masks one
  /// id is like another. (Random machines have any order.)
  static func grids(rows: Int, columns: Int) -> some Sequence<SmallMachine> {
    let cells = SmallMachine(rows: rows, columns: columns).cells
    let count = cells.reduce(1) { count, _ in count * contents.count }
    let orders = orders(rows: rows, columns: columns)
    return (0..<count).lazy.filter { isFirst($0, of: orders) }.map { number in
      var machine = SmallMachine(rows: rows, columns: columns)
      fill(&machine, number)
      return machine
    }
  }

  /// For each order of rows and columns: which cell comes to each cell's place, by number.
  private static func orders(rows: Int, columns: Int) -> [[Int]] {
    permutations(rows).flatMap { rowOrder in
      permutations(columns).map { columnOrder in
        rowOrder.flatMap { row in columnOrder.map { row * columns + $0 } }
      }
    }
  }

  private static func permutations(_ count: Int) -> [[Int]] {
    guard count > 0 else { return [[]] }
    return permutations(count - 1).flatMap { shorter in
      (0...shorter.count).map { place in
        var longer = shorter
        longer.insert(count - 1, at: place)
        return longer
      }
    }
  }

  /// Whether no order of rows and columns makes a smaller number of it.
  private static func isFirst(_ number: Int, of orders: [[Int]]) -> Bool {
    var digits: [Int] = []
    var rest = number
    for _ in orders[0] {
      digits.append(rest % contents.count)
      rest /= contents.count
    }
    return orders.allSatisfy { order in
      order.reversed().reduce(0) { $0 * contents.count + digits[$1] } >= number
    }
  }

  private static func fill(_ machine: inout SmallMachine, _ number: Int) {
    var number = number
    for cell in machine.cells {
      let content = contents[number % contents.count]
      number /= contents.count
      guard let content else { continue }
      machine.requests[cell.row][cell.column] = content
      if machine.types[cell.row] != nil { machine.queues.insert(cell) }
    }
  }

  /// A grid with each of these: hardware types, masks with owned and other' bits, both eras of the
  /// veto, no mediated device or any one.
  static func states(of grid: SmallMachine) -> [SmallMachine] {
    types(of: grid).flatMap(masks).flatMap(devices)
  }

  /// A card of type 13, of type 9, or none, for each adapter.
  static func types(of grid: SmallMachine) -> [SmallMachine] {
    (0..<grid.rows).reduce([grid]) { machines, row in
      machines.flatMap { machine in
        ([13, 9, nil] as [UInt8?]).map { type in
          var machine = machine
          machine.types[row] = type
          if type == nil { machine.queues = machine.queues.filter { $0.row != row } }
          return machine
        }
      }
    }
  }

  /// Every set of queues that have gone, where there were queues on every place.
  static func departures(of grid: SmallMachine) -> [SmallMachine] {
    let queues = grid.queues.sorted { ($0.row, $0.column) < ($1.row, $1.column) }
    return (0..<(1 << queues.count)).map { number in
      var machine = grid
      for (index, cell) in queues.enumerated() where number >> index & 1 == 1 {
        machine.queues.remove(cell)
        machine.seen.insert(cell)
      }
      return machine
    }
  }

  /// Each bit set, cleared by another process, or cleared by us.
  static func masks(of machine: SmallMachine) -> [SmallMachine] {
    let rows = machine.rows
    return (0..<power(3, rows + machine.columns)).map { number in
      var machine = machine
      var number = number
      for index in 0..<(rows + machine.columns) {
        let bit = 1 << (index < rows ? index : index - rows)
        if number % 3 > 0 {
          if index < rows { machine.adapters &= ~bit } else { machine.domains &= ~bit }
        }
        if number % 3 == 2 {
          if index < rows { machine.ourAdapters |= bit } else { machine.ourDomains |= bit }
        }
        number /= 3
      }
      return machine
    }
  }

  private static func devices(of machine: SmallMachine) -> [SmallMachine] {
    var machines = [machine]
    for adapters in 1..<(1 << machine.rows) {
      for domains in 1..<(1 << machine.columns) {
        var machine = machine
        machine.devices = [SmallMachine.Device(adapters: adapters, domains: domains)]
        guard machine.isConsistent else { continue }
        machines.append(machine)
        machine.asksWide = true
        machines.append(machine)
      }
    }
    return machines
  }

  private static func power(_ base: Int, _ exponent: Int) -> Int {
    (0..<exponent).reduce(1) { product, _ in product * base }
  }

  /// A machine of any kind, up to 3 x 3.
  static func random(seed: UInt64) -> SmallMachine {
    var generator = SeededGenerator(seed: seed)
    func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    var machine = SmallMachine(rows: number(1...3), columns: number(1...3))
    for row in 0..<machine.rows where generator.chance(35) {
      machine.types[row] = generator.chance(50) ? nil : 9
    }
    let requests = SmallMachine.Request.allCases
    for row in 0...machine.rows {
      let whole = generator.chance(30) ? requests[number(0...3)] : nil
      for column in 0...machine.columns {
        machine.requests[row][column] =
          whole
          ?? (row == machine.rows || column == machine.columns
            ? generator.chance(25) ? requests[number(0...3)] : .unmanaged : requests[number(0...3)])
      }
    }
    if generator.chance(5) { machine.requests = machine.requests.map { $0.map { _ in .vfioAP } } }
    for cell in machine.cells where machine.types[cell.row] != nil && generator.chance(85) {
      machine.queues.insert(cell)
    }
    for row in 0...machine.rows where generator.chance(row < machine.rows ? 35 : 8) {
      machine.adapters &= ~(1 << row)
      if generator.chance(60) { machine.ourAdapters |= 1 << row }
    }
    for column in 0...machine.columns where generator.chance(column < machine.columns ? 35 : 8) {
      machine.domains &= ~(1 << column)
      if generator.chance(60) { machine.ourDomains |= 1 << column }
    }
    machine.asksWide = generator.chance(40)
    machine.hasVfioAP = generator.chance(85)
    for _ in 0..<number(0...2) {
      machine.devices.append(
        SmallMachine.Device(
          adapters: number(0...(1 << machine.rows - 1)),
          domains: number(0...(1 << machine.columns - 1))))
      if !machine.isConsistent { machine.devices.removeLast() }
    }
    for cell in machine.cells where !machine.queues.contains(cell) && generator.chance(30) {
      machine.seen.insert(cell)
    }
    for cell in machine.cells where machine.queues.contains(cell) && machine.isReservable(cell) {
      let isInPool = machine.adapters >> cell.row & machine.domains >> cell.column & 1 == 1
      if isInPool, generator.chance(5) { machine.unbound.insert(cell) }
    }
    return machine
  }
}
