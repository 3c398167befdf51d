import APBus
import Agent
import Reservation

/// A record in memory, which can be made to fail.
final class MemoryRecord: OwnershipRecord {
  private(set) var ownership = Ownership()
  var isBroken = false

  func append(_ changes: [OwnershipChange]) throws(OwnershipRecordError) {
    if isBroken { throw OwnershipRecordError("writing /run/apreserve/ownership: no space left") }
    for change in changes { ownership.apply(change) }
  }
}

/// A record of master keys in memory.
final class MemoryKeyRecord: KeyRecord {
  private(set) var facts: [KeyFact] = []
  /// The ledger that another agent would begin with.
  var ledger: KeyLedger {
    var ledger = KeyLedger()
    for fact in facts { ledger.apply(fact) }
    return ledger
  }

  func append(_ facts: [KeyFact]) { self.facts += facts }
}

/// A lock that another process may have.
final class TestLock: ConfigurationLock {
  var owner: String?
  private(set) var isHeld = false
  private(set) var uses = 0

  func acquire() throws(ConfigurationLockError) {
    if let owner { throw ConfigurationLockError("\(owner) has the lock") }
    isHeld = true
    uses += 1
  }

  func release() {
    isHeld = false
  }
}
