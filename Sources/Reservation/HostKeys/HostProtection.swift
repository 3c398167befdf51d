package import APBus

/// Why master keys of the host are protected.
package enum KeyNeed: Hashable, Sendable {
  /// Something on the host has secure keys, or may have some.
  case user(SecureKeyUser)
  /// An administrator wants it.
  case requested

  /// What a queue must be to serve it.
  fileprivate var key: SecureKey {
    switch self {
    case .user(let user): user.key
    case .requested: .unknown
    }
  }

  fileprivate func canUse(_ apqn: APQN, mode: QueueMode?, type: HardwareType) -> Bool {
    switch self {
    case .user(let user): user.canUse(apqn, mode: mode, type: type)
    case .requested: key.suits(mode: mode, type: type)
    }
  }

  /// The more is known of it, the earlier a sentence gives it as the reason.
  fileprivate var rank: Int {
    switch self {
    case .user(let user):
      switch user.origin {
      case .unreadable: 3
      default: user.key.kind == nil ? 2 : user.key.masterKeys.isEmpty ? 1 : 0
      }
    case .requested: 4
    }
  }

  /// Whether it is restricted to queues that a file names.
  fileprivate var isRestricted: Bool {
    if case .user(let user) = self { user.isRestricted } else { false }
  }

  /// The files that name the queues.
  static func listings(of needs: [KeyNeed]) -> String {
    needs.compactMap { need in
      if case .user(let user) = need { user.listing } else { nil }
    }.shortList(of: 3)
  }

  /// Whose keys are known to need such a queue; nil for a need that is none of this queue in particular.
  private var knownPlace: String? {
    guard case .user(let user) = self, user.key.kind != nil else { return nil }
    return user.place
  }

  /// The part of a sentence that says what needs a queue, for all that do.
  static func clause(of needs: [KeyNeed]) -> String {
    let places = needs.compactMap(\.knownPlace)
    if !places.isEmpty { return "needed by \(places.shortList(of: 3))" }
    return "and \(statement(of: needs))"
  }

  /// The same as a statement about the host.
  static func statement(of needs: [KeyNeed]) -> String {
    switch needs.first {
    case .user(let user):
      if case .unreadable(let path) = user.origin {
        return
          "\(path.printable) cannot be read, so that the host may have secure keys (try again as "
          + "root)"
      }
      return "the host has secure keys (\(user.evidence))"
    case .requested, nil: return "the host is protected by ProtectHost=yes"
    }
  }
}

extension PlanningContext {
  /// What is protected now, first that of which most is known; none while nothing is.
  package var keyNeeds: [KeyNeed] {
    guard isOn(.protectHost), needsKeys else { return [] }
    let needs = configuration.secureKeyUsers.map(KeyNeed.user)
    return ranked(policy.protectHost == .yes ? needs + [.requested] : needs)
  }

  private func ranked(_ needs: [KeyNeed]) -> [KeyNeed] {
    (0...4).flatMap { rank in needs.filter { $0.rank == rank } }
  }

  /// Whether the host's last queue with a master key is protected now.
  package var protectsHost: Bool { !keyNeeds.isEmpty }

  /// Whether the host may need master keys, protected or not.
  var needsKeys: Bool {
    switch policy.protectHost {
    case .yes: true
    case .no: false
    case .auto: !configuration.secureKeyUsers.isEmpty
    }
  }
}

/// Finds the queues that a plan must leave to the host so that its secure keys stay usable.
///
/// A queue may be taken if each key that it can serve can be served by another one, which stays with the host
/// and is usable there. What can serve a key is a queue of its mode whose domain has its master key, and for a
/// key of which the master key is not known, one queue of that mode for each set of master keys. One whose own
/// master keys cannot be read may hold the only ones, and is never taken; an accelerator, and a queue without a
/// valid master key, holds none (SimulatedBus documentation, "Host use").
package struct HostProtection {
  /// Queues that nothing distinguishes as far as secure keys are concerned.
  private struct Kind: Hashable {
    let mode: QueueMode?
    let type: HardwareType
    let keys: MasterKeyPattern
  }

  /// Queues of which one must stay usable.
  private struct Group {
    let queues: [Queue]
    let mode: QueueMode?
    let keys: MasterKeyPattern
    var needs: [KeyNeed]
  }

  private let inventory: Inventory
  private var groups: [Group] = []
  /// Where each group is, by its queues.
  private var places: [[APQN]: Int] = [:]
  /// Queues whose master keys cannot be read or compared, with what they may be needed for.
  private var unknown: [APQN: [KeyNeed]] = [:]
  /// What no queue of the host can serve.
  private(set) var unserved: [KeyNeed] = []

  /// What there is to protect on a machine whose queues show their master keys. `others` only pass through the host.
  package init(_ inventory: Inventory, needs: [KeyNeed], except others: APQNSet = APQNSet()) {
    self.inventory = inventory
    var unread: [Queue] = []
    var valid: [(kind: Kind, queue: Queue)] = []
    for card in inventory.cards where card.mode != .accelerator {
      for queue in inventory.queues(ofCard: card.adapter)
      where queue.owner == .host && !others.contains(queue.apqn) {
        guard let keys = queue.masterKeys else {
          unread.append(queue)
          continue
        }
        guard !keys.registers.isEmpty else { continue }
        valid.append((Kind(mode: card.mode, type: card.hardwareType, keys: keys), queue))
      }
    }
    let kinds = valid.grouped(by: \.kind).map { ($0.value, $0.elements.map(\.queue)) }
    for need in needs {
      let isUnread = !unread.filter { noteUnknown($0, need) }.isEmpty
      var suitable: [(kind: Kind, queues: [Queue])] = []
      for (kind, queues) in kinds {
        let queues = queues.filter { need.canUse($0.apqn, mode: kind.mode, type: kind.type) }
        if !queues.isEmpty { suitable.append((kind, queues)) }
      }
      if need.key.masterKeys.isEmpty {
        protectEach(suitable, for: need)
      } else {
        for register in need.key.masterKeys {
          let isServed = protect(register, on: suitable, for: need)
          if !isServed, !isUnread, !unserved.contains(need) { unserved.append(need) }
        }
      }
    }
    // With the smallest first, one queue that stays for it may be enough for the others.
    groups.sort { ($0.queues.count, $0.queues[0].apqn) < ($1.queues.count, $1.queues[0].apqn) }
    places = [:]
  }

  /// Notes a queue whose master keys are unknown, if it may serve a need.
  private mutating func noteUnknown(_ queue: Queue, _ need: KeyNeed) -> Bool {
    guard let card = inventory.card(queue.apqn.adapter),
      need.canUse(queue.apqn, mode: card.mode, type: card.hardwareType)
    else { return false }
    unknown[queue.apqn, default: []].append(need)
    return true
  }

  /// Protects one queue of each mode and set of current master keys.
  private mutating func protectEach(_ kinds: [(kind: Kind, queues: [Queue])], for need: KeyNeed) {
    struct Identity: Hashable {
      let mode: QueueMode?
      let registers: [String]
    }
    let identities = kinds.grouped {
      Identity(mode: $0.kind.mode, registers: $0.kind.keys.registers)
    }
    for (identity, kinds) in identities {
      add(
        kinds.flatMap(\.queues), mode: identity.mode,
        keys: MasterKeyPattern(registers: identity.registers), for: need)
    }
  }

  /// Protects one queue with the master key of this register. False if there is none.
  private mutating func protect(
    _ register: String, on kinds: [(kind: Kind, queues: [Queue])], for need: KeyNeed
  ) -> Bool {
    let matches = kinds.map { (match: MasterKeyMatch(register, in: $0.kind.keys), kind: $0) }
    let incomparable = matches.filter { $0.match == .unknown }.flatMap(\.kind.queues)
    for queue in incomparable where unknown[queue.apqn]?.contains(need) != true {
      unknown[queue.apqn, default: []].append(need)
    }
    // A key that is already enciphered under the new master key can be used once that is set.
    for match in [MasterKeyMatch.now, .later] {
      let served = matches.filter { $0.match == match }.map(\.kind)
      guard let first = served.first else { continue }
      add(
        served.flatMap(\.queues), mode: first.kind.mode,
        keys: MasterKeyPattern(registers: [register]), for: need)
      return true
    }
    return !incomparable.isEmpty
  }

  private mutating func add(
    _ queues: [Queue], mode: QueueMode?, keys: MasterKeyPattern, for need: KeyNeed
  ) {
    let queues = queues.sorted { $0.apqn < $1.apqn }
    let apqns = queues.map(\.apqn)
    if let place = places[apqns] {
      groups[place].needs.append(need)
    } else {
      places[apqns] = groups.count
      groups.append(Group(queues: queues, mode: mode, keys: keys, needs: [need]))
    }
  }

  /// Queues that the host gets when its driver is loaded, which must stay because until then nothing shows
  /// their master keys: as in an initrd, before udev has loaded anything. Those of `ownership` have left
  /// the host already.
  static func beforeDrivers(
    on inventory: Inventory, ownership: Ownership, needs: [KeyNeed]
  ) -> [APQN: Refusal.Reason] {
    guard !inventory.bus.hasDriver(DriverName.cex4queue) else { return [:] }
    var kept: [APQN: Refusal.Reason] = [:]
    for card in inventory.cards {
      for queue in inventory.queues(ofCard: card.adapter)
      where queue.driverOverride != DriverName.vfioAP && !inventory.bus.isKeptFromHost(queue.apqn)
        && !ownership.covers(queue.apqn, under: inventory.bus)
        && !ownership.passing.contains(queue.apqn)
      {
        let needs = needs.filter {
          $0.canUse(queue.apqn, mode: card.mode, type: card.hardwareType)
        }
        if !needs.isEmpty { kept[queue.apqn] = .guarded(.masterKeysUnknown(needs)) }
      }
    }
    return kept
  }

  /// The queues of `changes` that must stay, each with the reason.
  ///
  /// Of several that could stay, one that no rule asked for stays rather than one that a rule wants,
  /// and else the last: what rules want is fulfilled in the order of the queues.
  func protected(from changes: [OwnerChange]) -> [APQN: Refusal.Reason] {
    var causes: [APQN: OwnerChange.Cause] = [:]
    for change in changes { causes[change.apqn] = change.cause }
    var protected: [APQN: Refusal.Reason] = [:]
    for (apqn, needs) in unknown where causes[apqn] != nil {
      let unanswered = inventory.card(apqn.adapter)?.unanswered
      protected[apqn] = .guarded(.masterKeysUnknown(needs, unanswered: unanswered))
    }
    for group in groups {
      let taken = group.queues.filter { causes[$0.apqn] != nil }
      guard
        !group.queues.contains(where: { queue in
          (causes[queue.apqn] == nil || protected[queue.apqn] != nil) && isUsable(queue)
        })
      else { continue }
      let usable = taken.filter(isUsable)
      let reason = Refusal.Reason.guarded(
        group.needs.allSatisfy(\.isRestricted)
          ? .lastNamed(group.needs)
          : .lastWithMasterKeys(group.mode, group.keys, group.needs))
      guard let last = usable.last(where: { causes[$0.apqn] != .wanted }) ?? usable.last else {
        // None is usable now, so which one will be first is unknown.
        for queue in taken where protected[queue.apqn] == nil { protected[queue.apqn] = reason }
        continue
      }
      protected[last.apqn] = reason
    }
    return protected
  }

  /// For each key that some queue of `taken` serves: the host's other queues that stay and serve it, of which
  /// one must be usable. `leaving` are all queues that leave the host.
  package func substitutes(for taken: [APQN], leaving: Set<APQN>) -> [[APQN]] {
    let taken = Set(taken)
    return groups.compactMap { group in
      let apqns = group.queues.map(\.apqn)
      guard apqns.contains(where: taken.contains) else { return nil }
      return apqns.filter { !leaving.contains($0) }
    }
  }

  private func isUsable(_ queue: Queue) -> Bool {
    queue.isUsable(on: inventory.card(queue.apqn.adapter))
  }
}
