package import APBus
package import Reservation

/// The port to the clocks.
package protocol TimeSource: AnyObject {
  /// What pauses and limits are measured by.
  var now: Instant { get }
  /// What people are shown.
  var wallTime: WallTime { get }
}

/// The port to the record of what the agent has reserved, which is read after a restart.
package protocol OwnershipRecord: AnyObject {
  /// Puts changes on record. When it returns, they survive this process.
  func append(_ changes: [OwnershipChange]) throws(OwnershipRecordError)
}

/// Why something cannot be put on record.
package struct OwnershipRecordError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One clause that names the file and the reason.
  package var description: String
  /// The directory of the file, if its file system is full.
  package var fullDirectory: String?

  package init(_ description: String, fullDirectory: String? = nil) {
    self.description = description
    self.fullDirectory = fullDirectory
  }
}

/// The port to the ledger of master keys, which is read after a restart.
package protocol KeyRecord: AnyObject {
  /// Puts facts on record. What cannot be done is reported by the port itself: it is never a reason to stop.
  func append(_ facts: [KeyFact])
}

/// The port to the lock that tools which configure crypto queues share.
package protocol ConfigurationLock: AnyObject {
  /// Takes the lock, and waits for its owner within limits.
  func acquire() throws(ConfigurationLockError)
  func release()
}

/// Where the lock is that chzdev and ap-check share with apreserve.
package enum ConfigurationLockPlace {
  package static let path = "/run/lock/s390apconfig.lock"
}

/// Why the lock was not acquired.
package struct ConfigurationLockError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One clause that says who has it.
  package var description: String

  package init(_ description: String) {
    self.description = description
  }
}
