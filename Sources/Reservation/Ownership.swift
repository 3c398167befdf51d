package import APBus
package import ReservationRules

/// What apreserve has reserved, and so may give back, and which queues have been present.
///
/// What apreserve did not reserve it does not release: a queue that was on `vfio_ap` when first seen
/// is the work of others.
package struct Ownership: Equatable, Sendable {
  /// Queues that apreserve bound to `vfio_ap`, or whose override it set.
  package var queues: Set<APQN>
  /// Bits of `apmask` that it cleared.
  package var adapters: APMask
  /// Bits of `aqmask` that it cleared.
  package var domains: APMask
  /// Queues of the host that it switched off, to take them when they have no requests left.
  package var offline: Set<APQN>
  /// The mechanism that was chosen; nil before the choice.
  package var mechanism: Mechanism?
  /// Queues that were present since boot, whether they are present now or not: what was not to be taken
  /// while it was present is not to be taken when it is added again.
  package var seen: APQNSet
  /// The adapters of `seen` whose hardware `vfio_ap` does not take.
  package var olderAdapters: APMask
  /// Queues that rules reserved when they were last present: what is absent now is missed even if rules
  /// compare what only a present card shows.
  package var requested: APQNSet
  /// Those of `requested` that were on `vfio_ap` at the last scan: where one is with the host at the next, another
  /// process has moved it, be that after a restart.
  package var reserved: APQNSet
  /// Whether `vfio_ap` was not loaded at the last scan: what is prepared and on `vfio_ap` at the next was bound by
  /// the kernel in between.
  package var lacksVfioAP: Bool
  /// The mechanism that a person has changed over to; nil if nobody has. It outlives the boot.
  package var changeover: Mechanism?
  /// Queues that masks reserved when a person changed over to overrides, and that no override reserves yet: on the
  /// way the host has them, and loses nothing when they are taken again.
  package var passing: APQNSet

  /// A record; a new one owns nothing.
  package init(
    queues: Set<APQN> = [], adapters: APMask = [], domains: APMask = [], offline: Set<APQN> = [],
    mechanism: Mechanism? = nil, seen: APQNSet = APQNSet(), olderAdapters: APMask = [],
    requested: APQNSet = APQNSet(), reserved: APQNSet = APQNSet(), lacksVfioAP: Bool = false,
    changeover: Mechanism? = nil, passing: APQNSet = APQNSet()
  ) {
    self.queues = queues
    self.adapters = adapters
    self.domains = domains
    self.offline = offline
    self.mechanism = mechanism
    self.seen = seen
    self.olderAdapters = olderAdapters
    self.requested = requested
    self.reserved = reserved
    self.lacksVfioAP = lacksVfioAP
    self.changeover = changeover
    self.passing = passing
  }

  /// The masks as far as apreserve has cleared them; nil if it has not.
  package var masks: MaskPair? {
    guard !adapters.isEmpty || !domains.isEmpty else { return nil }
    return MaskPair(adapters: adapters.complement, domains: domains.complement)
  }

  /// Whether the queue is reserved by apreserve alone: it moved the queue itself, or every cleared bit of the
  /// masks that keeps it from the host is owned. Where another process has cleared one too, it is that
  /// process's.
  package func covers(_ apqn: APQN, under bus: BusState) -> Bool {
    guard let masks = bus.masks, !masks.isInHostPool(apqn) else { return queues.contains(apqn) }
    return (masks.adapters.contains(apqn.adapter) || adapters.contains(apqn.adapter))
      && (masks.domains.contains(apqn.domain) || domains.contains(apqn.domain))
  }

  /// The change that takes back another one which was made to this record.
  package func undoing(_ change: OwnershipChange) -> OwnershipChange? {
    switch change {
    case .mechanism: nil
    case .adapters: .adapters(adapters)
    case .domains: .domains(domains)
    case .queue(let apqn, _): .queue(apqn, isOwned: queues.contains(apqn))
    case .offline(let apqn, _): .offline(apqn, isOwned: offline.contains(apqn))
    case .seen, .requested, .reserved, .vfioAP, .changeover, .passing: nil
    }
  }

  package mutating func apply(_ change: OwnershipChange) {
    switch change {
    case .mechanism(let mechanism): self.mechanism = mechanism
    case .adapters(let mask): adapters = mask
    case .domains(let mask): domains = mask
    case .queue(let apqn, true): queues.insert(apqn)
    case .queue(let apqn, false): queues.remove(apqn)
    case .offline(let apqn, true): offline.insert(apqn)
    case .offline(let apqn, false): offline.remove(apqn)
    case .seen(let adapter, let domains, let isReservable):
      seen[adapter] = domains
      if isReservable { olderAdapters.remove(adapter) } else { olderAdapters.insert(adapter) }
    case .requested(let adapter, let domains): requested[adapter] = domains
    case .reserved(let adapter, let domains): reserved[adapter] = domains
    case .vfioAP(let isLoaded): lacksVfioAP = !isLoaded
    case .changeover(let mechanism): changeover = mechanism
    case .passing(let adapter, let domains): passing[adapter] = domains
    }
  }

  /// What a step makes owned that is not owned yet; to be recorded before the step's write is done, since a
  /// write that is recorded and did not happen does no harm, and the reverse would be forgotten.
  ///
  /// `inventory` is the machine as it was before the first step of the same plan.
  package func change(by step: Step, on inventory: Inventory) -> OwnershipChange? {
    switch step {
    case .setAdapterMask(let mask):
      let cleared = inventory.bus.masks?.adapters.subtracting(mask) ?? []
      return cleared.isSubset(of: adapters) ? nil : .adapters(adapters.union(cleared))
    case .setDomainMask(let mask):
      let cleared = inventory.bus.masks?.domains.subtracting(mask) ?? []
      return cleared.isSubset(of: domains) ? nil : .domains(domains.union(cleared))
    case .setOverride(let apqn, DriverName.vfioAP), .bind(let apqn, DriverName.vfioAP):
      // What is on vfio_ap already is only kept there from now on: apreserve does not own it.
      guard inventory.queue(apqn)?.owner != .vfioAP, !queues.contains(apqn) else { return nil }
      return .queue(apqn, isOwned: true)
    case .unbind(let apqn, let driver) where driver != DriverName.vfioAP:
      // Outside the host's pool it is the masks that reserve it, whoever has set them.
      guard !inventory.bus.isKeptFromHost(apqn) else { return nil }
      return queues.contains(apqn) ? nil : .queue(apqn, isOwned: true)
    case .setOnline(let apqn, false):
      return offline.contains(apqn) ? nil : .offline(apqn, isOwned: true)
    case .setOverride, .bind, .unbind, .probe, .requireUnassigned, .setOnline, .awaitIdle:
      return nil
    }
  }

  /// What is not owned any more: bits that are set again, queues that have left `vfio_ap` for the host
  /// or were removed, with no override left on them, and queues that are not switched off any more.
  package func changes(against inventory: Inventory) -> [OwnershipChange] {
    var changes: [OwnershipChange] = []
    if let mask = inventory.bus.masks?.adapters, !adapters.isDisjoint(with: mask) {
      changes.append(.adapters(adapters.subtracting(mask)))
    }
    if let mask = inventory.bus.masks?.domains, !domains.isDisjoint(with: mask) {
      changes.append(.domains(domains.subtracting(mask)))
    }
    let left = queues.filter { apqn in
      guard let queue = inventory.queue(apqn) else { return true }
      return queue.owner == .host && queue.driverOverride != DriverName.vfioAP
    }
    changes += left.sorted().map { .queue($0, isOwned: false) }
    let switched = offline.filter { apqn in
      guard let queue = inventory.queue(apqn) else { return true }
      return queue.owner != .host || queue.isOnline != false
    }
    changes += switched.sorted().map { .offline($0, isOwned: false) }
    return changes
  }

  /// Queues that were absent before.
  package func newlySeen(on inventory: Inventory) -> [OwnershipChange] {
    let present = inventory.apqns
    return inventory.cards.compactMap { card in
      let known = seen[card.adapter]
      let domains = known.union(present[card.adapter])
      let isReservable = card.hardwareType.isReservable
      guard
        domains != known || !known.isEmpty && isReservable == olderAdapters.contains(card.adapter)
      else { return nil }
      return .seen(adapter: card.adapter, domains: domains, isReservable: isReservable)
    }
  }

  /// Whether `vfio_ap` is loaded, where that has changed.
  package func newlyLoaded(on bus: BusState) -> [OwnershipChange] {
    let isLoaded = bus.hasDriver(DriverName.vfioAP)
    return isLoaded == lacksVfioAP ? [.vfioAP(isLoaded: isLoaded)] : []
  }

  /// Queues that are requested, or reserved as requested, now and were not before, or the other way round. Where
  /// rules cannot be decided without an absent card, what they decided while it was present still holds.
  package func newlyRequested(
    on inventory: Inventory, by decisions: DecisionTable
  ) -> [OwnershipChange] {
    let present = inventory.apqns
    var changes: [OwnershipChange] = []
    for adapter in present.adapters.union(requested.adapters).union(reserved.adapters) {
      let row = decisions.row(adapter)
      let undecided = row.undecidable.intersection(requested[adapter])
      let domains = present[adapter].union(requested[adapter]).intersection(row.vfioAP)
        .union(undecided)
      if domains != requested[adapter] {
        changes.append(.requested(adapter: adapter, domains: domains))
      }
      let onVfioAP = APMask(
        inventory.queues(ofCard: adapter).lazy.filter { $0.owner == .vfioAP }.map(\.apqn.domain))
      if onVfioAP.intersection(domains) != reserved[adapter] {
        changes.append(.reserved(adapter: adapter, domains: onVfioAP.intersection(domains)))
      }
    }
    return changes
  }

  /// What is on record before the first write of a changeover, so that whoever goes on after an interruption knows
  /// where to. The bits of masks are owned from then on, whoever has cleared them.
  package func changes(
    toChangeOverTo mechanism: Mechanism, on inventory: Inventory, by decisions: DecisionTable
  ) -> [OwnershipChange] {
    var changes: [OwnershipChange] = [.mechanism(mechanism), .changeover(mechanism)]
    guard mechanism == .override, let masks = inventory.bus.masks, masks != .all else {
      return changes
    }
    let cleared = MaskPair(
      adapters: masks.adapters.complement, domains: masks.domains.complement)
    if !cleared.adapters.isSubset(of: adapters) {
      changes.append(.adapters(adapters.union(cleared.adapters)))
    }
    if !cleared.domains.isSubset(of: domains) {
      changes.append(.domains(domains.union(cleared.domains)))
    }
    for card in inventory.cards where card.hardwareType.isReservable {
      let reserved = APMask(
        inventory.queues(ofCard: card.adapter).lazy.map(\.apqn).filter {
          !masks.isInHostPool($0)
        }.map(\.domain))
      let passing = reserved.intersection(decisions.row(card.adapter).vfioAP)
      if !passing.isEmpty {
        changes.append(.passing(adapter: card.adapter, domains: passing))
      }
    }
    return changes
  }

  /// Queues that are not on their way from masks to overrides any more: an override reserves them, no rule does, or
  /// they are gone.
  package func noLongerPassing(
    on inventory: Inventory, by decisions: DecisionTable
  ) -> [OwnershipChange] {
    passing.adapters.compactMap { adapter in
      let wanted = changeover == .override ? decisions.row(adapter).vfioAP : []
      let left = APMask(
        inventory.queues(ofCard: adapter).lazy.filter { queue in
          queue.owner != .vfioAP || queue.driverOverride == nil && inventory.bus.masks != .all
        }.map(\.apqn.domain)
      ).intersection(wanted).intersection(passing[adapter])
      return left == passing[adapter] ? nil : .passing(adapter: adapter, domains: left)
    }
  }

  /// What was present and is of adapters or domains that this system is not configured for any more.
  package func noLongerConfigured(on bus: BusState) -> [OwnershipChange] {
    guard let adapters = bus.configuredAdapters, let domains = bus.configuredDomains else {
      return []
    }
    func configured(_ queues: APQNSet, of adapter: UInt8) -> APMask {
      adapters.contains(adapter) ? queues[adapter].intersection(domains) : []
    }
    var changes: [OwnershipChange] = []
    for adapter in seen.adapters {
      let left = configured(seen, of: adapter)
      guard left != seen[adapter] else { continue }
      changes.append(
        .seen(adapter: adapter, domains: left, isReservable: !olderAdapters.contains(adapter)))
    }
    for adapter in requested.adapters {
      let left = configured(requested, of: adapter)
      if left != requested[adapter] {
        changes.append(.requested(adapter: adapter, domains: left))
      }
    }
    return changes
  }
}

/// One change of what apreserve owns.
package enum OwnershipChange: Equatable, Sendable {
  case mechanism(Mechanism)
  /// The owned bits of `apmask` are these now.
  case adapters(APMask)
  /// The owned bits of `aqmask` are these now.
  case domains(APMask)
  /// A queue is owned from now on, or is not any more.
  case queue(APQN, isOwned: Bool)
  /// A queue was switched off by apreserve, or is not any more.
  case offline(APQN, isOwned: Bool)
  /// The queues of this adapter that were present since boot are those of these domains; `isReservable`
  /// says whether its hardware is of type 10 or newer.
  case seen(adapter: UInt8, domains: APMask, isReservable: Bool)
  /// The queues of this adapter that rules reserved when they were last present are those of these domains.
  case requested(adapter: UInt8, domains: APMask)
  /// Those of them that were on `vfio_ap` at the last scan are those of these domains.
  case reserved(adapter: UInt8, domains: APMask)
  /// `vfio_ap` was loaded at the last scan, or was not.
  case vfioAP(isLoaded: Bool)
  /// A person has changed over to this mechanism.
  case changeover(Mechanism)
  /// The queues of this adapter that are on their way from masks to overrides are those of these domains.
  case passing(adapter: UInt8, domains: APMask)
}

/// The record of what is owned as lines of text, each of which adds to or takes from what the lines
/// before it say, so that a change is recorded by appending to the file.
///
/// The first line names the boot that the record belongs to. A last line without its newline was not
/// written to the end and counts for nothing: the write that it was to precede was not done.
package enum OwnershipText {
  private static let title = "apreserve-ownership 1"

  /// Why a record cannot be used.
  package struct Damage: Error, Equatable, CustomStringConvertible {
    /// The line, from 1 on.
    package var line: Int
    package var text: String

    package var description: String {
      "line \(line) of the ownership record is invalid: \"\(text)\""
    }
  }

  /// A whole record.
  package static func text(_ ownership: Ownership, boot: String) -> String {
    var changes: [OwnershipChange] = []
    if let mechanism = ownership.mechanism { changes.append(.mechanism(mechanism)) }
    if !ownership.adapters.isEmpty { changes.append(.adapters(ownership.adapters)) }
    if !ownership.domains.isEmpty { changes.append(.domains(ownership.domains)) }
    changes += ownership.queues.sorted().map { .queue($0, isOwned: true) }
    changes += ownership.offline.sorted().map { .offline($0, isOwned: true) }
    changes += ownership.seen.adapters.map { adapter in
      .seen(
        adapter: adapter, domains: ownership.seen[adapter],
        isReservable: !ownership.olderAdapters.contains(adapter))
    }
    changes += ownership.requested.adapters.map { adapter in
      .requested(adapter: adapter, domains: ownership.requested[adapter])
    }
    changes += ownership.reserved.adapters.map { adapter in
      .reserved(adapter: adapter, domains: ownership.reserved[adapter])
    }
    if ownership.lacksVfioAP { changes.append(.vfioAP(isLoaded: false)) }
    if let mechanism = ownership.changeover { changes.append(.changeover(mechanism)) }
    changes += ownership.passing.adapters.map { adapter in
      .passing(adapter: adapter, domains: ownership.passing[adapter])
    }
    return "\(title) boot=\(boot)\n" + text(changes)
  }

  /// The lines of some changes.
  package static func text(_ changes: [OwnershipChange]) -> String {
    changes.map { change in
      switch change {
      case .mechanism(let mechanism): "mechanism \(mechanism.rawValue)\n"
      case .adapters(let mask): "adapters \(mask)\n"
      case .domains(let mask): "domains \(mask)\n"
      case .queue(let apqn, let isOwned): "\(isOwned ? "+" : "-")queue \(apqn)\n"
      case .offline(let apqn, let isOwned): "\(isOwned ? "+" : "-")offline \(apqn)\n"
      case .seen(let adapter, let domains, let isReservable):
        "\(isReservable ? "seen" : "seen-older") \(BusObject.cardName(adapter))=\(domains)\n"
      case .requested(let adapter, let domains):
        "requested \(BusObject.cardName(adapter))=\(domains)\n"
      case .reserved(let adapter, let domains):
        "reserved \(BusObject.cardName(adapter))=\(domains)\n"
      case .vfioAP(let isLoaded): "vfio_ap \(isLoaded ? "loaded" : "absent")\n"
      case .changeover(let mechanism): "changeover \(mechanism.rawValue)\n"
      case .passing(let adapter, let domains):
        "passing \(BusObject.cardName(adapter))=\(domains)\n"
      }
    }.joined()
  }

  /// What a record says; nil where it belongs to another boot.
  ///
  /// `boot` is the boot that runs now.
  /// - Throws: `Damage` at the first line that is invalid.
  package static func read(_ bytes: [UInt8], boot: String) throws(Damage) -> Ownership? {
    // A record is never without its first line: it is whole before it gets its name.
    guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
      throw Damage(line: 1, text: String(decoding: bytes.prefix(80), as: UTF8.self))
    }
    let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    var ownership = Ownership()
    for (index, line) in lines.enumerated() {
      let text = String(decoding: line, as: UTF8.self)
      let words = text.split(separator: " ", omittingEmptySubsequences: false)
      if index == 0 {
        guard text.hasPrefix(title + " boot=") else { throw Damage(line: 1, text: text) }
        if words.last != "boot=\(boot)" { return nil }
        continue
      }
      guard words.count == 2, let change = OwnershipChange(word: words[0], value: String(words[1]))
      else {
        throw Damage(line: index + 1, text: text)
      }
      ownership.apply(change)
    }
    return ownership
  }
}

extension OwnershipChange {
  /// The change of one line; nil where it is invalid.
  fileprivate init?(word: Substring, value: String) {
    switch word {
    case "mechanism", "changeover":
      guard let mechanism = Mechanism(rawValue: value) else { return nil }
      self = word == "mechanism" ? .mechanism(mechanism) : .changeover(mechanism)
    case "adapters", "domains":
      guard let mask = APMask(value) else { return nil }
      self = word == "adapters" ? .adapters(mask) : .domains(mask)
    case "+queue", "-queue", "+offline", "-offline":
      guard let apqn = APQN(value) else { return nil }
      let isOwned = word.hasPrefix("+")
      self =
        word.hasSuffix("queue") ? .queue(apqn, isOwned: isOwned) : .offline(apqn, isOwned: isOwned)
    case "vfio_ap":
      guard ["loaded", "absent"].contains(value) else { return nil }
      self = .vfioAP(isLoaded: value == "loaded")
    case "seen", "seen-older", "requested", "reserved", "passing":
      let parts = value.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, let adapter = BusObject.adapter(ofCardName: parts[0]),
        let domains = APMask(parts[1])
      else { return nil }
      self =
        switch word {
        case "requested": .requested(adapter: adapter, domains: domains)
        case "reserved": .reserved(adapter: adapter, domains: domains)
        case "passing": .passing(adapter: adapter, domains: domains)
        default: .seen(adapter: adapter, domains: domains, isReservable: word == "seen")
        }
    default: return nil
    }
  }
}
