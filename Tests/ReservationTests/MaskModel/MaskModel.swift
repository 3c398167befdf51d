/// What the kernel's masks can do on a small machine, by trying every pair of them.
///
/// Written from the SimulatedBus documentation, "Masks" and "Mask arithmetic", and the wording of the
/// mechanisms alone, and sharing nothing with the planner, so that both cannot be wrong in the same
/// way.
struct MaskModel {
  typealias Cell = SmallMachine.Cell

  /// `apmask` and `aqmask` by index.
  struct Pair: Hashable {
    var adapters: Int
    var domains: Int

    func hasInHostPool(_ cell: Cell) -> Bool {
      adapters >> cell.row & 1 == 1 && domains >> cell.column & 1 == 1
    }
  }

  /// Where a queue is to be.
  enum Place { case hostPool, outside }

  /// How good a pair is among those that do the same: less latent collateral, then fewer changed bits.
  struct Cost: Comparable {
    var latent: Int
    var changedBits: Int

    static func < (one: Cost, other: Cost) -> Bool {
      (one.latent, one.changedBits) < (other.latent, other.changedBits)
    }
  }

  let machine: SmallMachine
  let current: Pair
  /// Where each queue that is here should be.
  let goals: [Cell: Place]
  /// Places without a queue that must be in the host's pool, whoever comes there: those that rules decide
  /// for the host, and those whose queue was here and was the host's.
  let absentHosts: Set<Cell>
  /// Requests that no masks could fulfil: hardware too old, a queue that a mediated device has.
  let hopeless: Set<Cell>
  /// Every pair that may be written: nobody else's bits set, claimed ids prepared, no veto.
  let allowed: [Pair]

  init(_ machine: SmallMachine) {
    self.machine = machine
    let current = Pair(adapters: machine.adapters, domains: machine.domains)
    self.current = current
    var goals: [Cell: Place] = [:]
    var hopeless: Set<Cell> = []
    for cell in machine.queues {
      let place: Place = current.hasInHostPool(cell) ? .hostPool : .outside
      goals[cell] = place
      if machine.request(cell).isReserved {
        if machine.isReservable(cell) { goals[cell] = .outside } else { hopeless.insert(cell) }
      } else if place == .outside, Self.isOwned(cell, machine) {
        let isHeld = machine.devices.contains {
          $0.adapters >> cell.row & 1 == 1 && $0.domains >> cell.column & 1 == 1
        }
        if isHeld { hopeless.insert(cell) } else { goals[cell] = .hostPool }
      }
    }
    self.goals = goals
    self.hopeless = hopeless
    absentHosts = Set(
      machine.allCells.filter { cell in
        guard !machine.queues.contains(cell) else { return false }
        let wasHosts = machine.seen.contains(cell) && !machine.request(cell).isReserved
        if current.hasInHostPool(cell) { return machine.request(cell) == .host || wasHosts }
        return machine.request(cell) == .host && Self.isOwned(cell, machine)
      })
    let settable = Pair(
      adapters: machine.adapters | machine.ourAdapters,
      domains: machine.domains | machine.ourDomains)
    let claimed = Self.claimed(machine)
    var allowed: [Pair] = []
    for adapters in 0..<(1 << (machine.rows + 1)) {
      for domains in 0..<(1 << (machine.columns + 1)) {
        let pair = Pair(adapters: adapters, domains: domains)
        guard adapters & ~settable.adapters == 0, domains & ~settable.domains == 0,
          adapters & claimed.adapters == 0, domains & claimed.domains == 0,
          !Self.isVetoed(from: current, to: pair, machine)
        else { continue }
        allowed.append(pair)
      }
    }
    self.allowed = allowed
  }

  /// A queue outside the pool is owned if no bit of another process keeps it there.
  private static func isOwned(_ cell: Cell, _ machine: SmallMachine) -> Bool {
    (machine.adapters | machine.ourAdapters) >> cell.row & 1 == 1
      && (machine.domains | machine.ourDomains) >> cell.column & 1 == 1
  }

  /// Ids that are not here and of which every APQN is wanted.
  private static func claimed(_ machine: SmallMachine) -> Pair {
    var claimed = Pair(adapters: 0, domains: 0)
    for row in 0...machine.rows where row == machine.rows || machine.types[row] == nil {
      if machine.requests[row].allSatisfy(\.isReserved) { claimed.adapters |= 1 << row }
    }
    for column in 0...machine.columns where !machine.queues.contains(where: { $0.column == column })
    {
      if machine.requests.allSatisfy({ $0[column].isReserved }) { claimed.domains |= 1 << column }
    }
    return claimed
  }

  /// Whether the kernel would refuse a write on the flicker-free way (SimulatedBus documentation,
  /// "Masks" and "Mask arithmetic").
  private static func isVetoed(from old: Pair, to new: Pair, _ machine: SmallMachine) -> Bool {
    let staying = old.adapters & new.adapters
    return machine.devices.contains { device in
      let newDomains = new.domains & ~old.domains & device.domains
      let newAdapters = new.adapters & ~old.adapters & device.adapters
      let adaptersAsked = machine.asksWide ? device.adapters : device.adapters & staying
      let domainsAsked = machine.asksWide ? device.domains : device.domains & new.domains
      return newDomains != 0 && adaptersAsked != 0 || newAdapters != 0 && domainsAsked != 0
    }
  }

  /// The pairs that do everything that is requested, move nothing else, and leave to the host what is not
  /// here and is the host's.
  var exact: [Pair] {
    allowed.filter { pair in
      goals.allSatisfy { isAt($1, $0, under: pair) } && absentHosts.allSatisfy(pair.hasInHostPool)
    }
  }

  func isAt(_ place: Place, _ cell: Cell, under pair: Pair) -> Bool {
    pair.hasInHostPool(cell) == (place == .hostPool)
  }

  /// Whether the rules accept that an unmanaged queue is outside the pool: its row or column is cleared
  /// with some reserved queue there that accepts it.
  func isAcceptedCollateral(_ cell: Cell, under pair: Pair) -> Bool {
    machine.queues.contains { isCollateral(cell, of: $0, under: pair) }
  }

  /// Whether a queue may be outside the pool for the sake of a request.
  func isCollateral(_ cell: Cell, of request: Cell, under pair: Pair) -> Bool {
    machine.request(cell) == .unmanaged
      && (machine.seen.contains(cell) || machine.isReservable(cell))
      && machine.request(request) == .accepting && machine.isReservable(request)
      && (request.row == cell.row && pair.adapters >> cell.row & 1 == 0
        || request.column == cell.column && pair.domains >> cell.column & 1 == 0)
  }

  func cost(of pair: Pair) -> Cost {
    var latent = 0
    for row in 0...machine.rows {
      for column in 0...machine.columns {
        let cell = Cell(row: row, column: column)
        guard !machine.queues.contains(cell), !machine.request(cell).isReserved,
          !pair.hasInHostPool(cell)
        else { continue }
        latent += machine.weight(row, column)
      }
    }
    let changed = [
      (pair.adapters ^ current.adapters, machine.rows),
      (pair.domains ^ current.domains, machine.columns),
    ].reduce(0) { sum, side in
      let (bits, inPlay) = side
      let rest = bits >> inPlay & 1
      return sum + (bits & (1 << inPlay - 1)).nonzeroBitCount + rest * (256 - inPlay)
    }
    return Cost(latent: latent, changedBits: changed)
  }
}
