import APBus
import ReservationRules

/// What masks must do with APQNs that are not here: whatever the masks are when one comes decides who
/// gets it, and rules speak of it already.
struct AbsentQueues {
  /// APQNs in the host's pool that must stay there: those that rules may decide for the host, and those
  /// that were here and were not to be taken then.
  private(set) var hosts = APQNSet()
  /// Those of `hosts` that a rule with accepted collateral may take along.
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
