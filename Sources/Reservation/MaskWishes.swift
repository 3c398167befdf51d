import AdjunctProcessor
import ReservationRules

/// What masks are asked to do on a machine, sorted out: which queues must stay with the host, which
/// must be reserved, and which wishes masks cannot fulfil.
struct MaskWishes {
  /// Queues that must be in the host's pool.
  private(set) var hosts = APQNSet()
  /// Queues that must be outside it.
  private(set) var reserved = APQNSet()
  private(set) var refusals: [Refusal] = []
  /// Queues that a mask may take along where a rule accepts collateral.
  private(set) var unmanaged = APQNSet()

  /// `kept` names queues that keep their owner, whatever their goal, each with its reason.
  init(
    inventory: Inventory, goals: [Goal], decisions: DecisionTable, masks: MaskPair,
    kept: [APQN: Refusal.Reason]
  ) {
    var wishes: [APQN] = []
    var releases = APQNSet()
    for (queue, goal) in zip(inventory.queues, goals) {
      let apqn = queue.apqn
      switch goal {
      case .reserve where masks.isInHostPool(apqn): wishes.append(apqn)
      case .reserve: reserved.insert(apqn)
      case .giveBack:
        let reason = kept[apqn] ?? Self.obstacle(to: queue, inventory)
        if let reason {
          reserved.insert(apqn)
          refusals.append(Refusal(apqn, reason))
        } else {
          releases.insert(apqn)
        }
      // A queue keeps its place, bound or not: an unbound one goes to its pool's driver as soon as
      // that is loaded, and one that cannot be decided about must be where it was by then.
      case .stay where !masks.isInHostPool(apqn): reserved.insert(apqn)
      case .stay where queue.owner != .vfioAP:
        hosts.insert(apqn)
        if decisions.row(apqn.adapter).unmanaged.contains(apqn.domain),
          inventory.card(apqn.adapter)?.hardwareType.isReservable == true, kept[apqn] == nil
        {
          unmanaged.insert(apqn)
        }
      case .stay: break
      }
    }
    release(releases, decisions)
    acceptCollateral(wishes, decisions)
    reserve(wishes)
  }

  /// Why a queue cannot be let into the host's pool, if so.
  private static func obstacle(to queue: Queue, _ inventory: Inventory) -> Refusal.Reason? {
    guard inventory.bus.hasDriver(DriverName.cex4queue) else { return nil }
    return inventory.card(queue.apqn.adapter)?.driver == nil ? .cardUnbound : nil
  }

  /// Moves `releases` to the host, but for those that would drag along what stays reserved.
  ///
  /// A queue that no rule names and that was taken along with one whose rule accepts that is where it
  /// belongs: no wish is refused then.
  private mutating func release(_ releases: APQNSet, _ decisions: DecisionTable) {
    var releases = releases
    while true {
      let fixedAdapters = hosts.adapters
      let hostAdapters = fixedAdapters.union(releases.adapters)
      let hostDomains = hosts.domains.union(releases.domains)
      var refused: [Refusal] = []
      for adapter in reserved.adapters.intersection(hostAdapters) {
        guard let domain = reserved[adapter].intersection(hostDomains).first else { continue }
        let stays = APQN(adapter: adapter, domain: domain)
        // The row is needed by a queue that is the host's already, or else is given up.
        let culprits =
          fixedAdapters.contains(adapter)
          ? releases.adapters(inDomain: domain).map { APQN(adapter: $0, domain: domain) }
          : releases[adapter].map { APQN(adapter: adapter, domain: $0) }
        refused += culprits.map { Refusal($0, .releaseInexpressible(wouldTake: stays)) }
        break
      }
      guard !refused.isEmpty else { break }
      for refusal in refused {
        guard case .releaseInexpressible(let stays) = refusal.reason else { continue }
        let isAccepted =
          decisions.row(stays.adapter).acceptsCollateral.contains(stays.domain)
          && decisions.row(refusal.apqn.adapter).unmanaged.contains(refusal.apqn.domain)
        if !isAccepted { refusals.append(refusal) }
        releases.remove(refusal.apqn)
        reserved.insert(refusal.apqn)
      }
    }
    hosts.formUnion(releases)
  }

  /// Lets go of unmanaged queues in the row or column of wishes whose rules accept that, the cheaper
  /// of the two.
  private mutating func acceptCollateral(
    _ wishes: [APQN], _ decisions: DecisionTable
  ) {
    for apqn in wishes where decisions.row(apqn.adapter).acceptsCollateral.contains(apqn.domain) {
      guard !canReserve(apqn) else { continue }
      let row = hosts[apqn.adapter]
      let column = hosts.adapters(inDomain: apqn.domain)
      let rowIsFree = row.isSubset(of: unmanaged[apqn.adapter])
      let columnIsFree = column.isSubset(of: unmanaged.adapters(inDomain: apqn.domain))
      if rowIsFree, !columnIsFree || row.count <= column.count {
        hosts[apqn.adapter] = []
      } else if columnIsFree {
        for adapter in column { hosts[adapter].remove(apqn.domain) }
      }
    }
  }

  private mutating func reserve(_ wishes: [APQN]) {
    let adapters = hosts.adapters
    let domains = hosts.domains
    let columns = columnsOfHosts(for: wishes, adapters: adapters, domains: domains)
    for apqn in wishes {
      if MaskSolver.canReserve(apqn, hostAdapters: adapters, hostDomains: domains) {
        reserved.insert(apqn)
        continue
      }
      // Refused, it stays in the host's pool; its row and column hold host queues already.
      refusals.append(
        Refusal(
          apqn,
          .inexpressible(
            row: hosts[apqn.adapter].map { APQN(adapter: apqn.adapter, domain: $0) },
            column: columns[Int(apqn.domain)].map { APQN(adapter: $0, domain: apqn.domain) })))
    }
  }

  private func canReserve(_ apqn: APQN) -> Bool {
    MaskSolver.canReserve(apqn, hostAdapters: hosts.adapters, hostDomains: hosts.domains)
  }

  /// For the domains of wishes that will be refused: the adapters of host queues there.
  private func columnsOfHosts(for wishes: [APQN], adapters: APMask, domains: APMask) -> [APMask] {
    var columns = Array(repeating: APMask(), count: 256)
    guard wishes.contains(where: { domains.contains($0.domain) }) else { return columns }
    for adapter in adapters {
      for domain in hosts[adapter] { columns[Int(domain)].insert(adapter) }
    }
    return columns
  }
}
