package import Reservation

/// The port through which the agent tells what it does.
package protocol ActivityLog: AnyObject {
  /// Takes note of one activity. Called in order, from the agent's own thread.
  func record(_ activity: Activity)
}

/// The port through which the agent knows the time.
package protocol MonotonicTime: AnyObject {
  /// The time since some fixed moment; it never goes back.
  var now: Duration { get }
  /// The time since the beginning of 1970, as the host's clock has it.
  var sinceEpoch: Duration { get }
}

/// The port through which the agent keeps what is its own, so that it is known after a restart.
package protocol OwnershipRecord: AnyObject {
  /// Puts changes on record. When it returns, they survive this process.
  func append(_ changes: [OwnershipChange]) throws(OwnershipRecordError)
}

/// Why something cannot be put on record.
package struct OwnershipRecordError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One clause that names the file and the reason.
  package var description: String

  /// An error of that reason.
  package init(_ description: String) {
    self.description = description
  }
}

/// The port to the lock that tools which configure crypto queues share.
package protocol ConfigurationLock: AnyObject {
  /// Takes the lock, and waits for its owner within limits.
  func acquire() throws(ConfigurationLockError)
  /// Gives it back.
  func release()
}

/// Why the lock cannot be had.
package struct ConfigurationLockError: Error, Equatable, Sendable, CustomStringConvertible {
  /// One clause that says who has it.
  package var description: String

  /// An error of that reason.
  package init(_ description: String) {
    self.description = description
  }
}
