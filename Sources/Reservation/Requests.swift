package import APBus
package import ReservationRules

/// The queues that are requested for guests, and what has become of each request.
///
/// A queue need not be present to be requested: a guest that is to have it fails just as well without it.
/// Requested are
/// - queues that rules reserve, or may reserve, and that are present, or have been since boot (`Ownership`),
/// - queues that a rule names one by one with the key `APQN`, or by the guest whose definition assigns them,
/// - queues that a mediated device assigns that is active or defined to start automatically.
package struct Requests: Equatable, Sendable {
  /// All requested queues.
  package private(set) var queues = APQNSet()
  /// The requests that are not fulfilled, ascending.
  package private(set) var open: [OpenRequest] = []
  /// How many requests are in each state; states without any are left out.
  package private(set) var counts: [State: Int] = [:]

  /// What has become of a request.
  package enum State: String, Hashable, Sendable, CaseIterable {
    /// The queue is on `vfio_ap` and can be used.
    case reserved
    /// The queue is about to be moved, or that has failed and is tried again.
    case pending
    /// Something else has to happen first: a driver, a lock, or requests that the queue has to finish.
    case waiting
    /// The request cannot be fulfilled.
    case refused
    /// The queue is left alone, because another process keeps moving it back.
    case contended
    case missing
    /// The queue is on `vfio_ap`, and its hardware is on standby or check-stopped.
    case unusable
    /// What decides about the queue cannot be read now.
    case undecidable
    /// The queue, its card or the whole bus cannot be read.
    case unreadable

    /// Whether nothing but a person, or hardware, will change it.
    package var isStuck: Bool {
      switch self {
      case .reserved, .pending, .waiting: false
      case .refused, .contended, .missing, .unusable, .undecidable, .unreadable: true
      }
    }
  }

  package init() {}

  /// How many queues are requested.
  package var count: Int { counts.values.reduce(0, +) }

  /// How many of them are on `vfio_ap` and can be used.
  package var reserved: Int { counts[.reserved] ?? 0 }

  /// Whether all of them are.
  package var isFulfilled: Bool { open.isEmpty }

  /// The state of a queue's request; nil if it is not requested.
  package func state(of apqn: APQN) -> State? {
    queues.contains(apqn) ? reason(for: apqn)?.state ?? .reserved : nil
  }

  /// Why a request is not fulfilled; nil if it is, or if there is none.
  package func reason(for apqn: APQN) -> OpenRequest.Reason? {
    let place = open.partitioningIndex { $0.apqn >= apqn }
    return place < open.count && open[place].apqn == apqn ? open[place].reason : nil
  }

  /// One line: `22 of 24 queues reserved, 2 missing`.
  package var summary: String {
    let open = State.allCases.filter { $0 != .reserved }.compactMap { state in
      counts[state].map { "\($0) \(state.rawValue)" }
    }
    return (["\(reserved) of \(count) queues reserved"] + open).joined(separator: ", ")
  }

  /// The requests for some of the queues.
  package func selecting(_ selected: APQNSet) -> Requests {
    var requests = Requests()
    requests.queues = APQNSet(queues.filter(selected.contains))
    requests.open = open.filter { selected.contains($0.apqn) }
    for request in requests.open { requests.counts[request.state, default: 0] += 1 }
    let reserved = requests.queues.count - requests.open.count
    if reserved > 0 { requests.counts[.reserved] = reserved }
    return requests
  }

  /// The same requests while another process holds the lock for the configuration of the bus.
  package var waitingForLock: Requests {
    var requests = self
    for index in open.indices where open[index].reason == .planned {
      requests.open[index].reason = .lock
    }
    requests.counts = [:]
    for request in requests.open { requests.counts[request.state, default: 0] += 1 }
    requests.counts[.reserved] = counts[.reserved]
    return requests
  }

  /// The same requests on a bus that cannot be read.
  package func unreadable(because sentence: String) -> Requests {
    var requests = Requests()
    requests.queues = queues
    requests.open = queues.map { OpenRequest($0, .unreadable(sentence)) }
    if !requests.open.isEmpty { requests.counts = [.unreadable: requests.open.count] }
    return requests
  }
}

/// A request that is not fulfilled.
package struct OpenRequest: Hashable, Sendable {
  package var apqn: APQN
  package var reason: Reason

  package init(_ apqn: APQN, _ reason: Reason) {
    self.apqn = apqn
    self.reason = reason
  }

  package var state: Requests.State { reason.state }

  /// Why it is not.
  package enum Reason: Hashable, Sendable {
    case planned
    /// The plan is not written, or not read back yet.
    case unfinished
    /// Moving the queue has failed; it is tried again.
    case failed(String)
    /// Moving the queue has failed for good.
    case failedFinally(String)
    /// This driver is not registered.
    case driver(String)
    /// Another process holds the lock that protects the configuration of the bus.
    case lock
    /// The queue finishes its pending requests first.
    case draining
    /// A request of rules that is refused.
    case refusal(Refusal.Reason)
    /// Only this mediated device requests the queue, and no rule reserves it. A rule, `FILE:LINE`, may keep
    /// it for the host.
    case notReserved(mediatedDevice: MediatedDeviceName, rule: String?)
    /// Neither a rule nor a mediated device requests the queue: only who asks about it does.
    case notRequested
    case adapterAbsent(UInt8)
    /// The adapter is present and has no queue in this domain.
    case domainAbsent(UInt8)
    /// This system is not configured for the adapter (`ap_adapter_mask`).
    case adapterNotConfigured(UInt8)
    /// This system is not configured for the domain (`ap_usage_domain_mask`).
    case domainNotConfigured(UInt8)
    /// Card or queue are on standby (`config`).
    case deconfigured
    /// Card or queue are check-stopped (`chkstop`).
    case checkStopped
    /// What the rules compare cannot be read.
    case undecidable
    /// The queue, its card or the whole bus cannot be read.
    case unreadable(String)

    /// The state that it amounts to.
    package var state: Requests.State {
      switch self {
      case .planned, .unfinished, .failed: .pending
      case .driver, .lock, .draining: .waiting
      case .refusal(let refusal): refusal.state
      case .failedFinally, .notReserved, .notRequested: .refused
      case .adapterAbsent, .domainAbsent, .adapterNotConfigured, .domainNotConfigured: .missing
      case .deconfigured, .checkStopped: .unusable
      case .undecidable: .undecidable
      case .unreadable: .unreadable
      }
    }
  }
}

extension OpenRequest.Reason {
  /// A clause without the queue's name, such as `adapter 0x06 is absent`; nil for a refusal, whose sentence
  /// names the queue (`Refusal`).
  package var clause: String? {
    switch self {
    case .planned: "about to be moved to vfio_ap"
    case .unfinished: "not moved yet"
    case .failed(let sentence): "\(sentence); tried again"
    case .failedFinally(let sentence): sentence
    case .driver(let driver): "\(driver) is not loaded"
    case .lock: "another process holds the lock for the configuration of the bus"
    case .draining: "the queue has pending requests to finish"
    case .refusal: nil
    case .notReserved(let device, nil):
      "mediated device \(device) includes it, and no rule reserves it"
    case .notReserved(let device, let rule?):
      "mediated device \(device) includes it, and \(rule) keeps it for the host"
    case .notRequested: "neither a rule nor a mediated device requests it"
    case .adapterAbsent(let adapter): "adapter 0x\(Hex.text(adapter, digits: 2)) is absent"
    case .domainAbsent(let domain):
      "the adapter has no queue in domain 0x\(Hex.text(domain, digits: 4))"
    case .adapterNotConfigured(let adapter):
      "this system is not configured for adapter 0x\(Hex.text(adapter, digits: 2))"
    case .domainNotConfigured(let domain):
      "this system is not configured for domain 0x\(Hex.text(domain, digits: 4))"
    case .deconfigured: "deconfigured"
    case .checkStopped: "check-stopped"
    case .undecidable: "a rule compares something that cannot be read now"
    case .unreadable(let sentence): sentence
    }
  }
}

extension OpenRequest {
  /// What a person can do so that the queues of requests that are open for the same reason can be used, as a clause;
  /// nil where nothing needs to be done, and where it depends on the rules.
  package static func remedy(for apqns: [APQN], reason: Reason) -> String? {
    let numbers = Set(apqns.map(\.adapter)).sorted()
    let adapters =
      (numbers.count == 1 ? "adapter " : "adapters ")
      + numbers.map { "0x\(Hex.text($0, digits: 2)) (\($0) on the HMC)" }.shortList()
    let controls = "in its image profile, or on the HMC with \"Change LPAR Cryptographic Controls\""
    switch reason {
    case .planned, .unfinished, .failed, .lock, .draining: return nil
    case .refusal, .notRequested, .undecidable, .unreadable: return nil
    case .notReserved(let device, nil):
      return "add the rule \(device.rule), or take the queue out of the definition"
    case .failedFinally: return "run apreserve reload after mending it"
    case .driver(let driver): return "run modprobe \(driver)"
    case .notReserved(_, let rule?):
      return "change the rule \(rule), or take the queue out of the definition"
    case .adapterNotConfigured: return "assign \(adapters) to this LPAR \(controls)"
    case .domainNotConfigured(let domain):
      return "assign usage \(Self.name(ofDomain: domain)) to this LPAR \(controls)"
    case .adapterAbsent: return "configure \(adapters) on for this LPAR"
    case .domainAbsent(let domain):
      return "check \(Self.name(ofDomain: domain)) in this LPAR's Cryptographic Controls"
    case .deconfigured:
      let cards = numbers.map { Hex.text($0, digits: 2) }.joined(separator: " ")
      return "run chzcrypt --config-on \(cards), or configure \(adapters) on for this LPAR"
    case .checkStopped:
      return "look at the hardware messages for \(adapters) on the support element"
    }
  }

  private static func name(ofDomain domain: UInt8) -> String {
    "domain 0x\(Hex.text(domain, digits: 4)) (\(domain) on the HMC)"
  }
}

extension OpenRequest: CustomStringConvertible {
  /// One sentence: `06.0004 is missing: adapter 0x06 is absent`.
  package var description: String { Self.sentence(for: [apqn], reason: reason) }

  /// One sentence about requests that are open for the same reason.
  package static func sentence(for apqns: [APQN], reason: Reason) -> String {
    if case .refusal(let refusal) = reason, let first = apqns.first {
      let others = apqns.dropFirst()
      return Refusal(first, refusal).description
        + (others.isEmpty ? "" : "; likewise \(others.shortList())")
    }
    return "\(apqns.shortList()) \(apqns.count == 1 ? "is" : "are") \(reason.state.rawValue)"
      + (reason.clause.map { ": \($0)" } ?? "")
  }

  /// Requests that are open for the same reason.
  package struct Group: Equatable, Sendable {
    package var apqns: [APQN]
    package var reason: Reason

    /// One sentence about all of them.
    package var sentence: String { OpenRequest.sentence(for: apqns, reason: reason) }

    /// What a person can do about all of them, as a clause (`OpenRequest.remedy`).
    package var remedy: String? { OpenRequest.remedy(for: apqns, reason: reason) }
  }

  /// The requests by reason, in the order of their first queues.
  package static func groups(of requests: [OpenRequest]) -> [Group] {
    requests.grouped(by: \.reason).map { Group(apqns: $0.elements.map(\.apqn), reason: $0.value) }
  }
}

/// How far the agent has come with its plan; nothing where there is no agent.
package struct RequestProgress: Equatable, Sendable {
  /// Queues that finish their pending requests before they are moved.
  package var draining: Set<APQN>
  /// What failed, by queue.
  package var failures: [APQN: Failure]
  /// Queues that the plan's operations have moved to `vfio_ap` since the machine was read.
  package var moved: Set<APQN>
  /// Whether another process holds the lock for the configuration of the bus.
  package var isLocked: Bool
  /// Why nothing can be decided or done; nil while something can.
  package var obstacle: String?

  /// What failed when a queue was to be moved.
  package enum Failure: Equatable, Sendable {
    /// It is tried again.
    case retried(String)
    /// Trying again cannot help.
    case final(String)
  }

  package init(
    draining: Set<APQN> = [], failures: [APQN: Failure] = [:], moved: Set<APQN> = [],
    isLocked: Bool = false, obstacle: String? = nil
  ) {
    self.draining = draining
    self.failures = failures
    self.moved = moved
    self.isLocked = isLocked
    self.obstacle = obstacle
  }
}

/// Which requests a person asks about. All conditions must hold.
package struct RequestFilter: Equatable, Sendable {
  /// Queues of this pattern. Those that it names one by one must be requested.
  package var queues: APQNPattern?
  /// Queues that a rule with this label decides about.
  package var label: String?
  /// Queues of this mediated device, active or only defined: its UUID, or the virtual machine that uses it.
  package var guest: String?

  package init(queues: APQNPattern? = nil, label: String? = nil, guest: String? = nil) {
    self.queues = queues
    self.label = label
    self.guest = guest
  }
}

/// What is to be said of the requests that a person asks about.
package struct RequestAnswer: Equatable, Sendable {
  /// How many there are.
  package var count: Int
  /// Those that are not fulfilled, ascending.
  package var open: [OpenRequest]
  /// What else is wrong with them: why a guest cannot get all that it is meant to have, and adapters that do not
  /// answer; each a sentence.
  package var problems: [String] = []
}

extension Requests {
  /// The requests that match a filter. The rest is what these requests were made of.
  package func matching(
    _ filter: RequestFilter, on inventory: Inventory, by decisions: DecisionTable,
    ownership: Ownership, configuration: HostConfiguration
  ) -> RequestAnswer {
    let devices = filter.guest.map { configuration.mediatedDevices(of: $0, on: inventory) }
    // Those of a device that is only defined are no requests otherwise, so that no plan is about them.
    let wider = devices.map { devices in
      Requests(
        inventory: inventory, decisions: decisions, ownership: ownership,
        configuration: configuration, plan: Plan(mechanism: .bind), devices: devices)
    }
    let all = wider ?? self
    let matching = all.queues.filter { apqn in
      filter.queues?.contains(apqn) != false && devices?.contains { $0.holds(apqn) } != false
        && (filter.label == nil || filter.label == decisions.decision(for: apqn).name)
    }
    var open = matching.compactMap { apqn in
      // Only these know how far the agent has come.
      (queues.contains(apqn) ? self : all).reason(for: apqn).map { OpenRequest(apqn, $0) }
    }
    let named = filter.queues?.singleQueues.filter { !all.queues.contains($0) } ?? []
    open += named.map { apqn in
      // Rules reserve a queue that has been absent since boot as well, which is no request of theirs unless they name it.
      let isReserved = decisions.row(apqn.adapter).vfioAP.contains(apqn.domain)
      return OpenRequest(apqn, isReserved ? inventory.absence(of: apqn) : .notRequested)
    }
    let guest = filter.guest.map { configuration.problems(of: $0, on: inventory) } ?? []
    // Of a queue whose adapter does not answer it is unknown whether it would serve a guest.
    let silent = APMask(matching.map(\.adapter)).compactMap { inventory.card($0)?.silence }
    return RequestAnswer(
      count: matching.count + named.count, open: open.sorted { $0.apqn < $1.apqn },
      problems: guest + silent)
  }
}

extension HostConfiguration {
  /// The UUIDs of a guest that a person names: by a virtual machine, by the name with which it was defined, or by the
  /// UUID or its beginning.
  package func mediatedDeviceNames(of guest: String, on inventory: Inventory) -> Set<String> {
    let machines = virtualMachines.filter { $0.name == guest }
    guard machines.isEmpty else { return Set(machines.flatMap(\.mediatedDevices)) }
    let label = GuestAssignments.uuid(forLabel: guest)
    let known =
      inventory.mediatedDevices.map(\.uuid) + definitions.map(\.device.uuid)
      + virtualMachines.flatMap(\.mediatedDevices)
    return Set(
      known.filter {
        $0 == label || guest.utf8.count >= 8 && $0.hasPrefix(guest.lowercased())
      })
  }

  /// The mediated devices of a guest, as they are and as they are defined.
  package func mediatedDevices(of guest: String, on inventory: Inventory) -> [MediatedDevice] {
    let uuids = mediatedDeviceNames(of: guest, on: inventory)
    return (inventory.mediatedDevices + definitions.map(\.device)).filter {
      uuids.contains($0.uuid)
    }
  }

  /// Why a guest's mediated devices cannot be started as they are meant to be, each a sentence.
  fileprivate func problems(of guest: String, on inventory: Inventory) -> [String] {
    let known = Set((inventory.mediatedDevices + definitions.map(\.device)).map(\.uuid))
    let unknown = virtualMachines.filter { $0.name == guest }.flatMap(\.mediatedDevices)
      .filter { !known.contains($0) }
    let uuids = mediatedDeviceNames(of: guest, on: inventory)
    return unknown.map { "\(name(ofMediatedDevice: $0)) is neither active nor defined" }
      + inventory.mediatedDevices.filter { uuids.contains($0.uuid) }.compactMap(shortfall)
      + definitions.filter { uuids.contains($0.device.uuid) }.flatMap { definition in
        invalidDefinition(definition).map(\.description)
      }
  }
}

extension HostConfiguration {
  /// What an active device lacks of its definition, which its guest does not get before the device is started
  /// again.
  private func shortfall(of device: MediatedDevice) -> String? {
    let missing = definitions.filter { $0.device.uuid == device.uuid }
      .flatMap { $0.device.queues(beyond: device) }
    guard !missing.isEmpty else { return nil }
    return "\(name(ofMediatedDevice: device.uuid)) is active without \(missing.shortList(of: 8)), "
      + "which its definition assigns; stop its guest, and start the device again"
  }
}

extension Requests {
  /// The requests of a machine under rules, and what a plan does about each. `devices` request queues as well.
  package init(
    inventory: Inventory, decisions: DecisionTable, ownership: Ownership,
    configuration: HostConfiguration, plan: Plan, progress: RequestProgress = RequestProgress(),
    devices: [MediatedDevice] = []
  ) {
    let guests = GuestRequests(
      inventory: inventory, configuration: configuration, further: devices)
    let judge = RequestJudge(
      inventory: inventory, decisions: decisions, guests: guests, plan: plan, progress: progress)
    let present = inventory.apqns
    let single = decisions.rules.singlyNamed
    let ofGuests = decisions.reservedForGuests
    let adapters = [present, ownership.seen, ownership.requested, single, ofGuests, guests.queues]
      .reduce(into: APMask()) { $0.formUnion($1.adapters) }
    for adapter in adapters {
      let row = decisions.row(adapter)
      let known = present[adapter].union(ownership.seen[adapter])
      let requested = known.intersection(row.vfioAP)
        .union(present[adapter].intersection(row.undecidable))
        .union(ownership.requested[adapter].intersection(row.vfioAP.union(row.undecidable)))
        .union(single[adapter].intersection(row.vfioAP.union(row.undecidable)))
        .union(ofGuests[adapter])
        .union(guests.queues[adapter])
      guard !requested.isEmpty else { continue }
      queues[adapter] = requested
      // Nearly all requests of a large machine are fulfilled, so these are counted row by row.
      let card = inventory.card(adapter)
      let usable = APMask(
        inventory.queues(ofCard: adapter).lazy
          .filter { $0.owner == .vfioAP && $0.isWorking(on: card) }.map(\.apqn.domain))
      for domain in requested.subtracting(usable) {
        let apqn = APQN(adapter: adapter, domain: domain)
        guard let reason = judge.reason(for: apqn) else { continue }
        open.append(OpenRequest(apqn, reason))
      }
    }
    for request in open { counts[request.state, default: 0] += 1 }
    let reserved = queues.count - open.count
    if reserved > 0 { counts[.reserved] = reserved }
  }
}

/// What mediated devices request: those that are active, and those that are defined to start automatically.
private struct GuestRequests {
  private(set) var queues = APQNSet()
  private let devices: [MediatedDevice]
  private let configuration: HostConfiguration

  init(inventory: Inventory, configuration: HostConfiguration, further: [MediatedDevice]) {
    let active = inventory.mediatedDevices
    // An active device may have less than it is defined with.
    let defined = configuration.definitions.lazy.filter(\.startsAutomatically).map(\.device)
    devices = active + defined + further
    self.configuration = configuration
    for device in devices {
      for adapter in device.adapters { queues[adapter].formUnion(device.domains) }
    }
  }

  /// The name of the device that requests the queue.
  func name(for apqn: APQN) -> MediatedDeviceName? {
    devices.first { $0.holds(apqn) }.map { configuration.mediatedDeviceName(of: $0.uuid) }
  }
}

/// Finds what has become of single requests.
private struct RequestJudge {
  let inventory: Inventory
  let decisions: DecisionTable
  let guests: GuestRequests
  let progress: RequestProgress
  private let refusals: [APQN: Refusal]
  private let drivers: [APQN: String]
  private let planned: Set<APQN>

  init(
    inventory: Inventory, decisions: DecisionTable, guests: GuestRequests, plan: Plan,
    progress: RequestProgress
  ) {
    self.inventory = inventory
    self.decisions = decisions
    self.guests = guests
    self.progress = progress
    refusals = Dictionary(plan.refusals.map { ($0.apqn, $0) }) { first, _ in first }
    drivers = Dictionary(plan.waiting.map { ($0.apqn, $0.driver) }) { first, _ in first }
    planned = Set(plan.changes.lazy.filter { $0.to == .vfioAP }.map(\.apqn))
  }

  /// Why the request is open; nil if it is fulfilled.
  func reason(for apqn: APQN) -> OpenRequest.Reason? {
    guard let queue = inventory.queue(apqn) else { return inventory.absence(of: apqn) }
    if queue.owner == .vfioAP || progress.moved.contains(apqn) { return flaw(of: queue) }
    if let obstacle = progress.obstacle { return .failed(obstacle) }
    if progress.draining.contains(apqn) { return .draining }
    switch progress.failures[apqn] {
    case .retried(let sentence): return .failed(sentence)
    case .final(let sentence): return .failedFinally(sentence)
    case nil: break
    }
    if let refusal = refusals[apqn] { return .refusal(refusal.reason) }
    if let driver = drivers[apqn] { return .driver(driver) }
    if planned.contains(apqn) { return progress.isLocked ? .lock : .planned }
    let row = decisions.row(apqn.adapter)
    if row.undecidable.contains(apqn.domain) {
      return decisions.silence(over: apqn).map { .unreadable($0) } ?? .undecidable
    }
    if row.vfioAP.contains(apqn.domain) { return progress.isLocked ? .lock : .unfinished }
    guard let device = guests.name(for: apqn) else { return .notRequested }
    let rule = row.host.contains(apqn.domain) ? decisions.decision(for: apqn).rule : nil
    return .notReserved(
      mediatedDevice: device, rule: rule.map { $0.location.fileAndLine.printable })
  }

  /// Why a queue on `vfio_ap` is of no use to a guest.
  private func flaw(of queue: Queue) -> OpenRequest.Reason? {
    let card = inventory.card(queue.apqn.adapter)
    return switch queue.hardwareFault(on: card) {
    case .deconfigured: .deconfigured
    case .checkStopped: .checkStopped
    case nil: nil
    }
  }
}

extension Inventory {
  /// Why a queue is not there.
  package func absence(of apqn: APQN) -> OpenRequest.Reason {
    if bus.configuredAdapters?.contains(apqn.adapter) == false {
      return .adapterNotConfigured(apqn.adapter)
    }
    if bus.configuredDomains?.contains(apqn.domain) == false {
      return .domainNotConfigured(apqn.domain)
    }
    return card(apqn.adapter) == nil ? .adapterAbsent(apqn.adapter) : .domainAbsent(apqn.domain)
  }
}
