import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Uevents

/// Plays a case with the agent on the simulated bus, and judges by the bus's own log of probes: at
/// every moment, and whenever the agent has settled.
///
/// The judge decides by rules and the machine as it is then, and by nothing of the planner's but the
/// refusals and the latent collateral that its plans have announced.
final class ArrivalRun {
  let bus: SimulatedBus
  private(set) var agent: Agent
  /// All moves that were reported.
  private(set) var history: [Agent.Move] = []
  private let kernel: ArrivalCase.Kernel
  private let reader: InventoryReader
  private(set) var violations: [ArrivalViolation] = []
  /// How many queues have come and gone, and how often one was given to `vfio_ap`.
  private(set) var counts = (arrivals: 0, departures: 0, probes: 0)
  private(set) var step = 0
  private let time = TestTime()

  private var rules: RuleSet
  /// Whether the rules are all gone without anybody having asked for that: what is reserved stays so.
  private var rulesAreMissing = false
  /// The decisions for one card as it is, by the rules in force.
  private var decisions: [(card: Card, table: DecisionTable)] = []
  /// The decisions without any card, by the rules in force.
  private var blindDecisions: DecisionTable?
  private var pending: [Uevent] = []
  private var isAgentAtWork = false

  /// On `vfio_ap` before the agent worked first, and ever since.
  private var adopted: Set<APQN> = []
  /// Bits of masks that another process has cleared.
  private var foreignAdapters = APMask()
  private var foreignDomains = APMask()
  /// Given to `vfio_ap` by the kernel of 2018 by itself, although the rules decide for the host.
  private var boundByKernel: Set<APQN> = []
  /// Arrivals of which the plan before said that they would be taken.
  private var announced: Set<APQN> = []
  /// The machine when the agent settled last.
  private var settled = Inventory.empty
  /// Queues without rule that were taken when they came, and are to be reported or given back.
  private var takenUnasked: Set<APQN> = []
  /// Queues without rule that the agent's writes have taken since it began to work.
  private var takenByAgent: Set<APQN> = []
  /// Queues that the activities have named as moved or taken, since the last step.
  private var reported: Set<APQN> = []
  /// The adapters and domains of this system when the mechanism was chosen.
  private var choice: (mechanism: Mechanism, adapters: APMask, domains: APMask)?
  /// Requests that were refused, with the queues that were here and because of which, by the row and
  /// by the column.
  private var refused: [APQN: (row: Set<APQN>, column: Set<APQN>)] = [:]
  /// Adapters of which the hardware last seen was too old for `vfio_ap`.
  private var olderAdapters = APMask()

  /// The machine at the start, before the agent works.
  init(_ start: ArrivalCase) throws {
    kernel = start.kernel
    bus = SimulatedBus(behavior: kernel.behavior)
    reader = InventoryReader(sysfs: bus)
    rules = try Stage.rules(ArrivalCase.text(of: start.rules))
    for domain in start.domains { bus.addDomain(domain, quietly: true) }
    for adapter in start.adapters { bus.plug(card: adapter.card, quietly: true) }
    for apqn in start.silent { bus.unplugQueue(apqn, quietly: true) }
    bus.scan()
    for module in start.modules { bus.loadModule(module) }
    agent = Agent(
      sysfs: bus, rules: rules, settings: Agent.Settings(mechanism: kernel.mechanism),
      time: time)
    adopted = Set(try reader.read().queues.filter { $0.owner == .vfioAP }.map(\.apqn))
    agent = newAgent(ownership: Ownership())
    bus.onUevent = { [unowned self] in note($0) }
    bus.onCallback = { [unowned self] in judge($0) }
    try settle()
  }

  /// Plays all of it; the violations, in their order.
  static func violations(in course: ArrivalCase) throws -> [ArrivalViolation] {
    let run = try ArrivalRun(course)
    for step in course.steps { try run.play(step) }
    return run.violations
  }

  /// Lets something happen, and the agent settle.
  func play(_ happening: ArrivalCase.Step) throws {
    step += 1
    time.now += .seconds(100)
    reported = []
    switch happening {
    case .plug(let adapter): bus.plug(card: adapter.card)
    case .unplug(let number): bus.unplug(card: number)
    case .replug(let adapter):
      bus.unplug(card: adapter.number)
      bus.plug(card: adapter.card)
    case .addDomain(let number): bus.addDomain(number)
    case .removeDomain(let number): bus.removeDomain(number)
    case .plugQueue(let apqn): bus.plugQueue(apqn)
    case .unplugQueue(let apqn): bus.unplugQueue(apqn)
    case .configure(let number, let isOn): bus.setConfigured(card: number, to: isOn)
    case .load(let module): bus.loadModule(module)
    case .assign(let apqn): assign(apqn)
    case .removeMediatedDevice:
      try? bus.write("1", to: SysfsPath(.mediatedDevice(Self.device), "remove"))
    case .clearAdapterBit(let number):
      foreignAdapters.insert(number)
      try? bus.write("-\(number)", to: .bus("apmask"))
    case .clearDomainBit(let number):
      foreignDomains.insert(number)
      try? bus.write("-\(number)", to: .bus("aqmask"))
    case .replaceRules(let lines):
      rules = try Stage.rules(ArrivalCase.text(of: lines))
      decisions = []
      blindDecisions = nil
      boundByKernel = []
      refused = [:]
      rulesAreMissing = rules.rules.isEmpty
      agent.replaceRules(rules)
    case .reload(let isExplicit):
      if isExplicit { refused = [:] }
      rulesAreMissing = rules.rules.isEmpty && !isExplicit
      agent.replaceRules(rules, isExplicit: isExplicit)
    case .restart:
      refused = [:]
      rulesAreMissing = rules.rules.isEmpty
      agent = newAgent(ownership: agent.ownership)
    }
    try settle()
  }

  private static let device = "11111111-2222-3333-4444-555555555555"

  private func assign(_ apqn: APQN) {
    guard bus.driver(of: apqn) == DriverName.vfioAP else { return }
    try? bus.write(Self.device, to: SysfsPath(.mediatedDeviceType, "create"))
    for (file, number) in [("assign_adapter", apqn.adapter), ("assign_domain", apqn.domain)] {
      try? bus.write("\(number)", to: SysfsPath(.mediatedDevice(Self.device), file))
    }
  }

  // MARK: - What the agent reports

  private func newAgent(ownership: Ownership) -> Agent {
    Agent(
      sysfs: bus, rules: rules, settings: Agent.Settings(mechanism: kernel.mechanism),
      ownership: ownership, time: time, report: { [unowned self] in note($0) })
  }

  private func note(_ event: Agent.Event) {
    history += event.moves
    switch event {
    case .moved(let moves), .movedByOthers(let moves), .takenOnArrival(let moves):
      reported.formUnion(moves.map(\.apqn))
    default: break
    }
  }

  /// Lets the agent work until no event is left, and what has failed has been tried again.
  private func settle() throws {
    var tries = 0
    for _ in 0..<40 {
      let events = pending
      pending = []
      for event in events { agent.handle(event) }
      isAgentAtWork = true
      defer { isAgentAtWork = false }
      do {
        try agent.reconcile().get()
      } catch {
        violations.append(ArrivalViolation(kind: .error, step: step, detail: "\(error)"))
        return
      }
      judgeTakenByAgent()
      guard pending.isEmpty else { continue }
      if agent.status.phase == .retrying, tries < 4, let due = agent.nextDue {
        tries += 1
        time.now = max(time.now, due)
        continue
      }
      isAgentAtWork = false
      noteChoice()
      try judgeSettled()
      return
    }
    violations.append(ArrivalViolation(kind: .restless, step: step))
  }

  private func noteChoice() {
    guard let mechanism = agent.keptChoice?.mechanism, choice?.mechanism != mechanism else {
      return
    }
    choice = (mechanism, bus.configuredAdapters, bus.usageDomains)
  }

  // MARK: - What the kernel says

  private func note(_ event: Uevent) {
    pending.append(event)
    guard case .queue(let apqn) = BusObject(path: event.devicePath) else { return }
    switch event.action {
    case .add:
      counts.arrivals += 1
      announced.remove(apqn)
      if let latent = agent.status.plan?.latentCollateral,
        latent.adapters.contains(apqn.adapter) || latent.domains.contains(apqn.domain)
      {
        announced.insert(apqn)
      }
    case .remove:
      counts.departures += 1
      adopted.remove(apqn)
      boundByKernel.remove(apqn)
      takenUnasked.remove(apqn)
    default: break
    }
  }

  private func judge(_ callback: DriverCallback) {
    guard case .queue(let apqn) = callback.device, callback.refusal == nil,
      callback.driver == DriverName.vfioAP
    else { return }
    guard callback.function == .probe else {
      boundByKernel.remove(apqn)
      takenUnasked.remove(apqn)
      return
    }
    counts.probes += 1
    let (isOutside, cleared) = mask(around: apqn)
    // Where another process has cleared a bit, it is that process's doing.
    guard !isTakenByOthers(apqn) else { return }
    switch decision(for: apqn)?.reserve {
    case .host: judgeHost(apqn)
    case .unmanaged: judgeUnmanaged(apqn, cleared)
    case .vfioAP where isOutside: judgeRequest(apqn, cleared)
    case .vfioAP, nil: break
    }
  }

  private func judgeHost(_ apqn: APQN) {
    let kind: ArrivalViolation.Kind
    if isAgentAtWork {
      kind = .hostTakenByAgent
    } else if kernel == .bind2018 {
      boundByKernel.insert(apqn)
      return
    } else if isOfAnotherCard(apqn) {
      return
    } else if isKeptOutByGuests(apqn) {
      takenUnasked.insert(apqn)
      return
    } else if blind(apqn).reserve == .host {
      kind = .hostTakenOnArrival
    } else {
      kind = .hostTakenByAttribute
    }
    violations.append(ArrivalViolation(kind: kind, apqn: apqn, step: step))
  }

  private func judgeUnmanaged(_ apqn: APQN, _ cleared: (row: Bool, column: Bool)) {
    // On the kernel of 2018 whoever is there first has it.
    guard isAgentAtWork || kernel != .bind2018 else { return }
    // Prepared for vfio_ap by the rules there were, the queue is not taken by that driver's coming.
    guard !(rulesAreMissing && hasOverride(apqn)) else { return }
    guard !isAccepted(apqn, cleared) else { return }
    if isAgentAtWork, !takenUnasked.contains(apqn) {
      takenByAgent.insert(apqn)
      return
    }
    // Masks stay as they are when the rules are all gone and nobody has asked for that, and when a
    // guest has what they keep from the host: the kernel accepts no override until all bits are set.
    let keepsMasks = rulesAreMissing && choice?.mechanism == .mask || areMasksHeldByGuests
    // It was there before, and masks could not give it back, as a plan has said.
    let isReturn =
      settled.queue(apqn)?.owner == .vfioAP
      && agent.status.plan?.refusals.contains { $0.apqn == apqn } == true
    if !kernel.hasOnlyMasks, !keepsMasks, !isReturn, !isOfAnotherCard(apqn),
      blind(apqn).reserve != nil,
      let choice,
      choice.mechanism == .override
        || choice.adapters.contains(apqn.adapter) && choice.domains.contains(apqn.domain)
    {
      violations.append(ArrivalViolation(kind: .unmanagedTakenByChoice, apqn: apqn, step: step))
      return
    }
    // A plan cannot announce that another adapter comes in the place of one that is here.
    if !announced.contains(apqn), settled.queue(apqn) == nil, !isOfAnotherCard(apqn) {
      violations.append(ArrivalViolation(kind: .unmanagedUnannounced, apqn: apqn, step: step))
    }
    takenUnasked.insert(apqn)
  }

  /// Whether a rule accepts that the row or the column is cleared in which the queue is taken.
  private func isAccepted(_ apqn: APQN, _ cleared: (row: Bool, column: Bool)) -> Bool {
    let row = (UInt8.min...UInt8.max).lazy.map { APQN(adapter: apqn.adapter, domain: $0) }
    let column = (UInt8.min...UInt8.max).lazy.map { APQN(adapter: $0, domain: apqn.domain) }
    func accepts(_ other: APQN) -> Bool {
      let decision = decision(for: other) ?? blind(other)
      return decision.reserve == .vfioAP && decision.collateral == .accept
    }
    return cleared.row && row.contains(where: accepts)
      || cleared.column && column.contains(where: accepts)
  }

  /// Whether masks cannot leave the APQN to the host because of what mediated devices have (SimulatedBus
  /// documentation, "Masks"). What is taken then must be reported.
  private func isKeptOutByGuests(_ apqn: APQN) -> Bool {
    guard let devices = try? reader.readMediatedDevices() else { return false }
    let cleared = mask(around: apqn).cleared
    // Newer kernels let nobody set a bit of what a mediated device has, whatever the other mask is.
    guard !kernel.behavior.hasOverrides else {
      return devices.contains { device in
        !device.adapters.isEmpty && !device.domains.isEmpty
          && (cleared.row && device.adapters.contains(apqn.adapter)
            || cleared.column && device.domains.contains(apqn.domain))
      }
    }
    // On older ones the device's queue could be kept from the host by its other bit, if that took nothing
    // from the host.
    let held = devices.flatMap { device in
      device.adapters.flatMap { adapter in
        device.domains.map { APQN(adapter: adapter, domain: $0) }
      }
    }
    func isOfHost(_ queue: Queue) -> Bool {
      !mask(around: queue.apqn).isOutside && decision(for: queue.apqn)?.reserve != .vfioAP
    }
    let needsRow = held.contains { held in
      held.adapter == apqn.adapter
        && settled.queues.contains { $0.apqn.domain == held.domain && isOfHost($0) }
    }
    let needsColumn = held.contains { held in
      held.domain == apqn.domain && settled.queues(ofCard: held.adapter).contains(where: isOfHost)
    }
    return cleared.row && needsRow || cleared.column && needsColumn
  }

  /// Whether a mediated device has a queue that masks keep from the host.
  private var areMasksHeldByGuests: Bool {
    guard let devices = try? reader.readMediatedDevices() else { return false }
    return devices.contains { device in
      device.adapters.contains { adapter in
        device.domains.contains { mask(around: APQN(adapter: adapter, domain: $0)).isOutside }
      }
    }
  }

  /// Judges what the agent's writes have taken by the masks that they led to: with two masks to write,
  /// the first can take what a rule accepts only because of the second.
  private func judgeTakenByAgent() {
    for apqn in takenByAgent.sorted() where !isAccepted(apqn, mask(around: apqn).cleared) {
      violations.append(ArrivalViolation(kind: .unmanagedTakenByAgent, apqn: apqn, step: step))
    }
    takenByAgent = []
  }

  private func hasOverride(_ apqn: APQN) -> Bool {
    (try? reader.readQueue(apqn))?.driverOverride == DriverName.vfioAP
  }

  private func judgeRequest(_ apqn: APQN, _ cleared: (row: Bool, column: Bool)) {
    guard let blocking = refused[apqn] else { return }
    let collateral = decision(for: apqn)?.collateral ?? .refuse
    func isGone(_ queue: APQN) -> Bool {
      guard !bus.hasDevice(of: queue) else { return false }
      // What another process has taken from the host is not in the way any more, here or not.
      guard !isTakenByOthers(queue) else { return false }
      let decision = decision(for: queue) ?? blind(queue)
      // It was undecidable, and now the request accepts it, here or not.
      guard decision.reserve != .unmanaged || collateral == .refuse else { return false }
      // Another card in its place may be one that rules want.
      return decision.reserve != .vfioAP || olderAdapters.contains(queue.adapter)
    }
    let byRow = cleared.row && !blocking.row.contains(where: isGone)
    let byColumn = cleared.column && !blocking.column.contains(where: isGone)
    guard !byRow, !byColumn else {
      // Fulfilled with all that was in the way still here, it is a reservation as any other.
      refused[apqn] = nil
      return
    }
    let gone = blocking.row.union(blocking.column).filter(isGone).sorted()
    violations.append(
      ArrivalViolation(
        kind: .fulfilledByAbsence, apqn: apqn, step: step, detail: "without \(gone)"))
    refused[apqn] = nil
  }

  /// Whether a bit that another process has cleared keeps the APQN from the host.
  private func isTakenByOthers(_ apqn: APQN) -> Bool {
    let cleared = mask(around: apqn).cleared
    return cleared.row && foreignAdapters.contains(apqn.adapter)
      || cleared.column && foreignDomains.contains(apqn.domain)
  }

  // MARK: - When the agent has settled

  private func judgeSettled() throws {
    let inventory = try reader.read()
    for queue in inventory.queues where queue.owner != .host { judgeSettled(queue, inventory) }
    for card in inventory.cards {
      if card.hardwareType.isReservable {
        olderAdapters.remove(card.adapter)
      } else {
        olderAdapters.insert(card.adapter)
      }
    }
    // What stays reserved since there are no rules at all is not taken by anybody when vfio_ap comes.
    let kept = Set(
      agent.status.plan?.refusals.filter { $0.reason == .guarded(.rulesMissing) }.map(\.apqn) ?? [])
    for apqn in takenUnasked.subtracting(kept).sorted() {
      let isInHistory = history.contains {
        $0.apqn == apqn && $0.to == .vfioAP && time.wallTime - $0.time < .seconds(100)
      }
      guard !isInHistory || !reported.contains(apqn) else { continue }
      violations.append(
        ArrivalViolation(
          kind: .unmanagedUnreported, apqn: apqn, step: step,
          detail: isInHistory ? "in the history only" : ""))
    }
    takenUnasked = []
    settled = inventory
    guard let plan = agent.status.plan else { return }
    for refusal in plan.refusals {
      guard case .inexpressible(let row, let column) = refusal.reason else { continue }
      var blocking = refused[refusal.apqn] ?? ([], [])
      blocking.row.formUnion(row.present)
      blocking.column.formUnion(column.present)
      refused[refusal.apqn] = blocking
    }
  }

  private func judgeSettled(_ queue: Queue, _ inventory: Inventory) {
    let apqn = queue.apqn
    guard let decision = decision(for: apqn), decision.reserve == .host else { return }
    guard queue.owner == .vfioAP || inventory.bus.masks?.isInHostPool(apqn) == false else { return }
    // Given back as soon as the host has a driver for it, and for its card.
    guard inventory.card(apqn.adapter)?.driver != nil else { return }
    if queue.owner == .vfioAP {
      guard inventory.bus.hasDriver(DriverName.cex4queue) else { return }
    }
    guard !foreignAdapters.contains(apqn.adapter), !foreignDomains.contains(apqn.domain) else {
      return
    }
    // What a mediated device holds stays, and so do others where the kernel vetoes the mask for it.
    guard inventory.mediatedDevices.allSatisfy({ $0.adapters.isEmpty && $0.domains.isEmpty }) else {
      return
    }
    guard !violations.contains(where: { $0.apqn == apqn && $0.step == step }) else { return }
    if kernel == .bind2018 {
      guard boundByKernel.contains(apqn) || decision.rule?.reserve.locks == true else { return }
    } else {
      guard !adopted.contains(apqn) else { return }
    }
    violations.append(
      ArrivalViolation(
        kind: queue.owner == .vfioAP ? .hostNotGivenBack : .hostKeptOut, apqn: apqn, step: step))
  }

  // MARK: - What the rules say

  /// The decision for a queue whose card is here.
  private func decision(for apqn: APQN) -> Decision? {
    guard let card = try? reader.readCard(apqn.adapter) else { return nil }
    return decision(for: apqn, of: card)
  }

  private func decision(for apqn: APQN, of card: Card) -> Decision {
    if let known = decisions.first(where: { $0.card == card }) {
      return known.table.decision(for: apqn)
    }
    var inventory = Inventory.empty
    inventory.setCard(card, adapter: card.adapter)
    let table = DecisionTable(rules: rules, inventory: inventory, host: HostIdentity())
    decisions.append((card, table))
    return table.decision(for: apqn)
  }

  /// Whether another card, of which the rules want something else, has taken the place of one that was
  /// here. No mask can distinguish it from the one before, and nobody has seen that one go: what matters is that
  /// its queues are given back, or reported.
  private func isOfAnotherCard(_ apqn: APQN) -> Bool {
    guard let card = settled.card(apqn.adapter) else { return false }
    return decision(for: apqn, of: card).reserve != decision(for: apqn)?.reserve
  }

  /// The decision for a queue as long as its card is not here.
  private func blind(_ apqn: APQN) -> Decision {
    let table =
      blindDecisions ?? DecisionTable(rules: rules, inventory: .empty, host: HostIdentity())
    blindDecisions = table
    return table.decision(for: apqn)
  }

  /// Whether masks keep the queue from the host, and by which bits.
  private func mask(around apqn: APQN) -> (isOutside: Bool, cleared: (row: Bool, column: Bool)) {
    guard let masks = try? reader.readBus().masks else { return (false, (false, false)) }
    let cleared = (!masks.adapters.contains(apqn.adapter), !masks.domains.contains(apqn.domain))
    return (cleared.0 || cleared.1, cleared)
  }
}
