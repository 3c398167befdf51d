import APBus
import ReservationRules

/// What masks are asked to do on a machine, sorted out: which queues must stay with the host, which
/// must be reserved, and which requests masks cannot fulfil.
///
/// What rules decide for the host has precedence over what they reserve, whether it is present or not. Only
/// what a mediated device has precedes both, since the kernel does not release it.
struct MaskRequests {
  /// APQNs that must be in the host's pool, present or not.
  private(set) var hosts = APQNSet()
  /// APQNs that must be outside it.
  private(set) var reserved = APQNSet()
  private(set) var refusals: [Refusal] = []
  /// APQNs that a mask may take, too, where a rule accepts collateral.
  private(set) var unmanaged: APQNSet

  /// Queues that wait to be reserved or are, and whose rules accept collateral.
  private var accepting = APQNSet()
  /// APQNs that no rule names and that stay with the host all the same.
  private let firm: APQNSet
  /// The queues that are present.
  private let present: APQNSet

  /// `kept` names queues that keep their owner, whatever their goal, each with its reason; `firm` those
  /// that no collateral is made of.
  init(
    inventory: Inventory, goals: [Goal], decisions: DecisionTable, ownership: Ownership,
    masks: MaskPair, hold: MediatedDeviceHold, kept: [APQN: Refusal.Reason], absent: AbsentQueues,
    firm: APQNSet = APQNSet()
  ) {
    self.firm = firm
    present = inventory.apqns
    unmanaged = absent.unmanaged
    hosts = absent.hosts
    reserved = hold.matrix
    var requests: [APQN] = []
    var fulfilled: [APQN] = []
    var yielding: [APQN] = []
    var releases = APQNSet()
    var hostReleases = absent.releases
    for (queue, goal) in zip(inventory.queues, goals) {
      let apqn = queue.apqn
      let row = decisions.row(apqn.adapter)
      if goal == .reserve, row.acceptsCollateral.contains(apqn.domain) { accepting.insert(apqn) }
      switch goal {
      case .reserve where masks.isInHostPool(apqn): requests.append(apqn)
      case .reserve: fulfilled.append(apqn)
      case .giveBack:
        // The kernel's own refusal first: no guard that is switched off changes it.
        let reason =
          hold.refusal(toGiveBack: apqn) ?? hold.refusal(toTake: apqn) ?? kept[apqn]
          ?? Self.obstacle(to: queue, on: inventory)
        if let reason {
          refusals.append(Refusal(apqn, reason))
          // It keeps its place, too.
          if !masks.isInHostPool(apqn) {
            reserved.insert(apqn)
          } else if queue.owner != .vfioAP {
            hosts.insert(apqn)
          }
        } else if row.host.contains(apqn.domain) {
          hostReleases.insert(apqn)
        } else {
          releases.insert(apqn)
        }
      // A queue keeps its place, bound or not: an unbound one goes to its pool's driver as soon as
      // that is loaded, and one that cannot be decided about must be where it was by then.
      case .stay where !masks.isInHostPool(apqn):
        let isOwned = ownership.covers(apqn, under: inventory.bus)
        let isReservable = inventory.card(apqn.adapter)?.hardwareType.isReservable == true
        if isOwned, row.undecidable.contains(apqn.domain) || !isReservable {
          yielding.append(apqn)
        } else {
          reserved.insert(apqn)
        }
      case .stay where queue.owner != .vfioAP: hosts.insert(apqn)
      case .stay: break
      }
      if row.unmanaged.contains(apqn.domain),
        inventory.card(apqn.adapter)?.hardwareType.isReservable == true, kept[apqn] == nil
      {
        unmanaged.insert(apqn)
      }
    }
    refuse(release(hostReleases), heldBy: hold)
    for apqn in yielding where canReserve(apqn) { reserved.insert(apqn) }
    for apqn in fulfilled {
      if canReserve(apqn) { reserved.insert(apqn) } else { requests.append(apqn) }
    }
    releases = release(releases)
    acceptCollateral(requests)
    reserve(requests)
    // Where collateral has left a row or column to the guests, more can be given back beside it.
    refuse(release(releases), heldBy: hold)
  }

  /// Refuses to give back what would take with it what must stay reserved.
  private mutating func refuse(_ releases: APQNSet, heldBy hold: MediatedDeviceHold) {
    for apqn in releases where present.contains(apqn) {
      let stays =
        reservedQueue(whereAdding: apqn, adapters: hosts.adapters, domains: hosts.domains) ?? apqn
      refusals.append(
        Refusal(apqn, hold.refusal(toTake: stays) ?? .releaseInexpressible(wouldTake: stays)))
      reserved.insert(apqn)
    }
  }

  /// Why a queue cannot be let into the host's pool, if so: below a card without driver no queue may be bound
  /// to `cex4queue`, which takes none of hardware below type 10 (SimulatedBus documentation,
  /// "Matching").
  private static func obstacle(to queue: Queue, on inventory: Inventory) -> Refusal.Reason? {
    guard inventory.bus.hasDriver(DriverName.cex4queue) else { return nil }
    guard let card = inventory.card(queue.apqn.adapter) else { return .cardUnbound }
    return card.driver == nil && card.hardwareType.isReservable ? .cardUnbound : nil
  }

  /// Moves `releases` to the host, but for those that would drag along what stays reserved; these are
  /// returned.
  ///
  /// One more host queue widens the host's rectangle by its row and column, and whatever else is to be
  /// given back there comes with it. What is refused once stays refused, since the rectangle only grows.
  private mutating func release(_ releases: APQNSet) -> APQNSet {
    var adapters = hosts.adapters
    var domains = hosts.domains
    var refused = APQNSet()
    for apqn in releases {
      guard reservedQueue(whereAdding: apqn, adapters: adapters, domains: domains) == nil else {
        refused.insert(apqn)
        continue
      }
      adapters.insert(apqn.adapter)
      domains.insert(apqn.domain)
      hosts.insert(apqn)
    }
    return refused
  }

  /// A queue that must stay reserved and that would be the host's with `apqn` given back.
  private func reservedQueue(
    whereAdding apqn: APQN, adapters: APMask, domains: APMask
  ) -> APQN? {
    if !adapters.contains(apqn.adapter) {
      let row = reserved[apqn.adapter].intersection(domains)
      if let domain = row.first { return APQN(adapter: apqn.adapter, domain: domain) }
    }
    guard !domains.contains(apqn.domain) else { return nil }
    let adapter = adapters.first { reserved[$0].contains(apqn.domain) }
    return adapter.map { APQN(adapter: $0, domain: apqn.domain) }
  }

  /// Lets go of unmanaged queues in the row or column of requests whose rules accept that, the cheaper
  /// of the two.
  private mutating func acceptCollateral(_ requests: [APQN]) {
    for apqn in requests where accepting.contains(apqn) {
      let row = hosts[apqn.adapter]
      let column = hosts.adapters(inDomain: apqn.domain)
      let rowIsFree = row.isSubset(of: unmanaged[apqn.adapter].subtracting(firm[apqn.adapter]))
      let columnIsFree = column.isSubset(
        of: unmanaged.adapters(inDomain: apqn.domain)
          .subtracting(firm.adapters(inDomain: apqn.domain)))
      if rowIsFree, !columnIsFree || row.count <= column.count {
        hosts[apqn.adapter] = []
      } else if columnIsFree {
        for adapter in column { hosts[adapter].remove(apqn.domain) }
      }
    }
  }

  /// Forgets refusals to give back what is where it belongs: an unmanaged queue that `masks` keep out
  /// of the host's pool together with one whose rule accepts that.
  mutating func forgetAcceptedCollateral(under masks: MaskPair) {
    let domains = accepting.domains.subtracting(masks.domains)
    refusals = refusals.filter { refusal in
      guard case .releaseInexpressible = refusal.reason, unmanaged.contains(refusal.apqn) else {
        return true
      }
      return !isAccepted(refusal.apqn, under: masks, domains)
    }
  }

  /// The host's APQNs that `masks` would take although no rule wants them and none that is fulfilled
  /// by clearing their row or column accepts them. An APQN let go of for one request can be in reach of
  /// another one that accepts nothing.
  func takenUnasked(
    by masks: MaskPair, from current: MaskPair, goals: some Sequence<(Queue, Goal)>,
    absent: AbsentQueues
  ) -> APQNSet {
    let domains = accepting.domains.subtracting(masks.domains)
    var taken = APQNSet()
    func note(_ apqn: APQN) {
      if current.isInHostPool(apqn), !masks.isInHostPool(apqn),
        !isAccepted(apqn, under: masks, domains)
      {
        taken.insert(apqn)
      }
    }
    for (queue, goal) in goals where goal == .stay && queue.owner != .vfioAP { note(queue.apqn) }
    for apqn in absent.unmanaged { note(apqn) }
    return taken
  }

  /// `domains` are those cleared domains that have a queue whose rule accepts collateral.
  private func isAccepted(_ apqn: APQN, under masks: MaskPair, _ domains: APMask) -> Bool {
    domains.contains(apqn.domain)
      || !masks.adapters.contains(apqn.adapter) && !accepting[apqn.adapter].isEmpty
  }

  private mutating func reserve(_ requests: [APQN]) {
    let adapters = hosts.adapters
    let domains = hosts.domains
    let columns = columnsOfHosts(for: requests, adapters: adapters, domains: domains)
    // One list for all refusals of a row or a column: there can be 65,536 of them.
    var rowLists: [UInt8: Refusal.Neighbors] = [:]
    var columnLists: [UInt8: Refusal.Neighbors] = [:]
    for apqn in requests {
      if MaskSolver.canReserve(apqn, hostAdapters: adapters, hostDomains: domains) {
        reserved.insert(apqn)
        continue
      }
      // Refused, it stays in the host's pool; its row and column hold host queues already.
      let row =
        rowLists[apqn.adapter]
        ?? neighbors(hosts[apqn.adapter].map { APQN(adapter: apqn.adapter, domain: $0) })
      let column =
        columnLists[apqn.domain]
        ?? neighbors(columns[Int(apqn.domain)].map { APQN(adapter: $0, domain: apqn.domain) })
      rowLists[apqn.adapter] = row
      columnLists[apqn.domain] = column
      refusals.append(Refusal(apqn, .inexpressible(row: row, column: column)))
    }
  }

  private func neighbors(_ apqns: [APQN]) -> Refusal.Neighbors {
    let here = apqns.filter(present.contains)
    return Refusal.Neighbors(present: here, absentCount: apqns.count - here.count)
  }

  private func canReserve(_ apqn: APQN) -> Bool {
    MaskSolver.canReserve(apqn, hostAdapters: hosts.adapters, hostDomains: hosts.domains)
  }

  /// For the domains of requests that will be refused: the adapters of host queues there.
  private func columnsOfHosts(for requests: [APQN], adapters: APMask, domains: APMask) -> [APMask] {
    var columns = Array(repeating: APMask(), count: 256)
    guard requests.contains(where: { domains.contains($0.domain) }) else { return columns }
    for adapter in adapters {
      for domain in hosts[adapter] { columns[Int(domain)].insert(adapter) }
    }
    return columns
  }
}

/// What masks must do with absent APQNs: the masks at the time when one is added decide who
/// gets it, and rules speak of it already.
struct AbsentQueues {
  /// APQNs in the host's pool that must stay there: those that rules may decide for the host, and those
  /// that were present and were not to be taken then.
  private(set) var hosts = APQNSet()
  /// Those of `hosts` that a rule with accepted collateral may take, too.
  private(set) var unmanaged = APQNSet()
  /// APQNs outside the host's pool that rules may decide for the host and whose bits apreserve may set.
  private(set) var releases = APQNSet()

  /// `masks` are those of now, and `settable` those with all bits that may be set.
  ///
  /// A queue that rules want reserved does not count as one that was not to be taken, unless its hardware was
  /// too old for that, or the host may need it: which master keys it has shows only when it is back.
  init(
    inventory: Inventory, decisions: DecisionTable, ownership: Ownership, masks: MaskPair,
    settable: MaskPair, hold: MediatedDeviceHold, protectsHost: Bool
  ) {
    let present = inventory.apqns
    for adapter in UInt8.min...UInt8.max {
      let row = decisions.row(adapter)
      let absent = present[adapter].complement
      let pool = masks.hostDomains(of: adapter)
      let remembered = ownership.seen[adapter].intersection(absent).intersection(pool)
      let isOlder = ownership.olderAdapters.contains(adapter)
      let possible = row.possiblyHost.intersection(absent)
      hosts[adapter] = possible.intersection(pool).union(
        protectsHost || isOlder ? remembered : remembered.subtracting(row.vfioAP))
      if !isOlder {
        unmanaged[adapter] = remembered.intersection(row.unmanaged)
      }
      releases[adapter] = possible.subtracting(pool)
        .intersection(settable.hostDomains(of: adapter)).subtracting(hold.matrix[adapter])
    }
  }
}
