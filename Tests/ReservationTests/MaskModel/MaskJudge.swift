import APBus
import Reservation

/// Holds a plan against the model, and says in sentences where they differ.
struct MaskJudge {
  typealias Cell = SmallMachine.Cell
  typealias Pair = MaskModel.Pair

  let machine: SmallMachine
  let model: MaskModel
  let plan: Plan
  private(set) var complaints: [String] = []
  /// The pairs of masks that the writes go through, the first being today's.
  private var way: [Pair]
  /// Whether a write on the way makes a mask of zeros of one that was none.
  private var emptiesMask = false
  private var refused: Set<Cell>

  private var final: Pair { way[way.count - 1] }

  init(_ machine: SmallMachine, _ plan: Plan) {
    self.machine = machine
    self.plan = plan
    model = MaskModel(machine)
    way = [model.current]
    let refusedNames = Set(plan.refusals.map(\.apqn))
    refused = machine.queues.filter { refusedNames.contains(machine.apqn($0)) }
    followWrites()
    judgeOutcome()
    judgeCost()
    judgeWay()
    judgeMoves()
  }

  /// Reads the masks back from the texts that would be written.
  private mutating func followWrites() {
    for step in plan.steps {
      guard let path = step.path else { continue }
      let text = step.text
      var pair = final
      switch path {
      case .bus("apmask"):
        pair.adapters = bits(
          text, SmallMachine.adapterIDs, machine.rows, isLast: step == plan.steps.lastAdapterMask)
        emptiesMask = emptiesMask || step.clearsMask && final.adapters != 0
      case .bus("aqmask"):
        pair.domains = bits(text, SmallMachine.domainIDs, machine.columns)
        emptiesMask = emptiesMask || step.clearsMask && final.domains != 0
      case .bus("drivers_probe"):
        judgeProbe(text)
        continue
      default:
        complaints.append("writes \(step), which is neither a mask nor a probe")
        continue
      }
      way.append(pair)
    }
  }

  /// Only what is wanted, has no driver and is outside the pool is looked at by itself.
  private mutating func judgeProbe(_ name: String) {
    let isMeant = machine.unbound.contains { cell in
      machine.apqn(cell).description == name && machine.request(cell).isReserved
        && !final.hasInHostPool(cell)
    }
    if !isMeant { complaints.append("probes \(name) without need") }
  }

  /// The set bits by index, from a full mask as the kernel reads it (SimulatedBus documentation, "Bus
  /// attributes"). One that is not the last may have a single bit of an id that is not here, so that it
  /// is not all zeros.
  private mutating func bits(
    _ text: String, _ ids: [UInt8], _ inPlay: Int, isLast: Bool = true
  ) -> Int {
    let digits = text.dropFirst(2).filter { $0 != "\n" }.compactMap(\.hexDigitValue)
    guard text.hasPrefix("0x"), digits.count == 64 else {
      complaints.append("writes \(text), which is no full mask")
      return 0
    }
    let set = Set((0...255).filter { digits[$0 / 4] & 8 >> ($0 % 4) != 0 })
    var result = 0
    for index in 0..<inPlay where set.contains(Int(ids[index])) { result |= 1 << index }
    let rest = set.subtracting(ids.prefix(inPlay).map(Int.init)).count
    if rest == 256 - inPlay {
      result |= 1 << inPlay
    } else if rest != 0, isLast || rest != 1 || result != 0 {
      complaints.append("treats ids differently that no rule distinguishes")
    }
    return result
  }

  /// What was asked for is done, refused, or accepted collateral; and refused only what must be.
  private mutating func judgeOutcome() {
    for (cell, goal) in model.goals {
      // A reservation that is refused may have to go to the host.
      if refused.contains(cell), machine.request(cell).isReserved,
        !model.current.hasInHostPool(cell)
      {
        continue
      }
      let place = refused.contains(cell) ? currentPlace(cell) : goal
      guard !model.isAt(place, cell, under: final) else { continue }
      if !model.isAcceptedCollateral(cell, under: final) {
        complaints.append("leaves \(machine.apqn(cell)) neither where it should be nor refused")
      } else if !model.exact.isEmpty {
        complaints.append("takes \(machine.apqn(cell)) along without need")
      }
    }
    for cell in model.absentHosts where !final.hasInHostPool(cell) {
      if model.current.hasInHostPool(cell) {
        guard !model.isAcceptedCollateral(cell, under: final) else { continue }
        complaints.append("takes \(machine.apqnText(cell)), which is not here, from the host")
      } else if canBeHosts(cell) {
        complaints.append("keeps \(machine.apqnText(cell)), which is not here, from the host")
      }
    }
    for (cell, goal) in model.goals
    where goal == .hostPool && machine.request(cell) == .host && !final.hasInHostPool(cell) {
      if canBeHosts(cell) { complaints.append("keeps \(machine.apqn(cell)) from the host") }
    }
    if !model.hopeless.isSubset(of: refused) {
      complaints.append("is silent on a hopeless request")
    }
    for cell in refused.subtracting(model.hopeless) where isPossible(cell) {
      complaints.append(
        "refuses \(machine.apqn(cell)) although it can be had with all that it does")
    }
    if !model.exact.isEmpty, !refused.subtracting(model.hopeless).isEmpty {
      complaints.append("refuses although there are exact masks")
    }
    if !model.allowed.contains(final), final != model.current {
      complaints.append("ends with masks that may not be written")
    }
  }

  private func currentPlace(_ cell: Cell) -> MaskModel.Place {
    model.current.hasInHostPool(cell) ? .hostPool : .outside
  }

  /// Whether some pair gives the host this place and all that the plan gives it because rules say so, and
  /// takes nothing from whoever has it without being asked. What rules want reserved is no reason against.
  private func canBeHosts(_ wanted: Cell) -> Bool {
    model.allowed.contains { pair in
      pair.hasInHostPool(wanted)
        && machine.allCells.allSatisfy { cell in
          if machine.request(cell) == .host || model.absentHosts.contains(cell) {
            return pair.hasInHostPool(cell) || !final.hasInHostPool(cell)
          }
          guard let goal = model.goals[cell] else { return true }
          let isStay = goal == currentPlace(cell)
          return machine.request(cell).isReserved && machine.isReservable(cell) || !isStay
            || model.isAt(goal, cell, under: pair)
        }
    }
  }

  /// Whether some pair does what the plan does and fulfils this refused request too, with collateral in
  /// its own row or column where it accepts that.
  private func isPossible(_ request: Cell) -> Bool {
    guard let goal = model.goals[request] else { return false }
    return model.allowed.contains { pair in
      model.isAt(goal, request, under: pair)
        && machine.queues.union(model.absentHosts).allSatisfy { cell in
          cell == request || pair.hasInHostPool(cell) == final.hasInHostPool(cell)
            || model.isCollateral(cell, of: request, under: pair)
        }
    }
  }

  /// Least latent collateral first, fewest changed bits second, among all that do the same.
  private mutating func judgeCost() {
    let cost = model.cost(of: final)
    let alike = model.allowed.filter { pair in
      machine.queues.union(model.absentHosts)
        .allSatisfy { pair.hasInHostPool($0) == final.hasInHostPool($0) }
    }
    if let best = alike.map(model.cost).min(), best < cost {
      complaints.append("ends with \(cost), where \(best) does the same")
    }
    if plan.latentCollateral.count != cost.latent {
      complaints.append("reports \(plan.latentCollateral.count) latent, there are \(cost.latent)")
    }
  }

  /// No queue moves that does not move in the end, and the host is never left without anything.
  private mutating func judgeWay() {
    for pair in way.dropFirst() {
      for cell in machine.queues
      where model.current.hasInHostPool(cell) == final.hasInHostPool(cell)
        && pair.hasInHostPool(cell) != final.hasInHostPool(cell)
      {
        complaints.append("lets \(machine.apqn(cell)) change its pool for a moment")
      }
    }
    let isHosts = machine.queues.contains { cell in
      final.hasInHostPool(cell)
        || model.current.hasInHostPool(cell) && !machine.request(cell).isReserved
    }
    if emptiesMask, isHosts {
      complaints.append("writes a mask of zeros although not every queue is requested away")
    }
    if way.count > 1, zip(way, way.dropFirst()).contains(where: { $0 == $1 }) {
      complaints.append("writes a mask that is there already")
    }
  }

  /// What the kernel moves once the last mask is written (SimulatedBus documentation, "Masks").
  private mutating func judgeMoves() {
    guard way.count > 1 else {
      if plan.changes.contains(where: { $0.from != .none }) {
        complaints.append("shows moves without a write")
      }
      return
    }
    var expected: [APQN: [Owner]] = [:]
    let owners = Dictionary(
      uniqueKeysWithValues: machine.inventory.queues.map { ($0.apqn, $0.owner) })
    for cell in machine.queues {
      guard let before = owners[machine.apqn(cell)] else { continue }
      let after = owner(of: cell, before)
      if after != before { expected[machine.apqn(cell)] = [before, after] }
    }
    let shown = Dictionary(plan.changes.map { ($0.apqn, [$0.from, $0.to]) }) { one, _ in one }
    if shown != expected {
      complaints.append("shows moves \(plan.moves), the kernel will do \(expected)")
    }
  }

  private func owner(of cell: Cell, _ before: Owner) -> Owner {
    // Which drivers old hardware finds depends on the kernel.
    guard machine.isReservable(cell) else { return before }
    if final.hasInHostPool(cell) { return .host }
    let isTaken = before != .none || machine.request(cell).isReserved
    return isTaken && machine.hasVfioAP ? .vfioAP : .none
  }
}

extension [Step] {
  /// The write that says which adapters are the host's in the end.
  fileprivate var lastAdapterMask: Step? { last { $0.path == .bus("apmask") } }
}

extension Step {
  /// Whether it writes a mask without any bit.
  fileprivate var clearsMask: Bool { text.dropFirst(2).allSatisfy { $0 == "0" } }
}
