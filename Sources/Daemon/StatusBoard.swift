package import APBus
package import Agent
package import Reservation
package import HostSystem
package import ReservationRules
import Synchronization

/// What the agent's thread has found out, as of its last step: values that any thread may read while the
/// agent goes on.
package struct AgentReport: Sendable {
  /// How far it has come.
  package var status = AgentStatus()
  /// The machine as last seen; nil without a bus.
  package var inventory: Inventory?
  /// What the rules decide about it.
  package var decisions: DecisionTable?
  /// What is reserved by us.
  package var ownership = Ownership()
  /// The last moves.
  package var history = History()
  /// What the host's other files say.
  package var configuration = HostConfiguration()
  /// Why nothing can be decided at all, such as a mechanism that this kernel does not have.
  package var problem: String?
  /// The last numbered request that it has dealt with.
  package var ticket: UInt64 = 0
  /// How often it has looked.
  package var looks: UInt64 = 0

  /// Nothing yet.
  package init() {}
}

/// A write that the kernel has not answered yet.
package struct WriteInProgress: Equatable, Sendable {
  /// The file.
  package var path: SysfsPath
  /// What is written to it.
  package var text: String
  /// Since when, on the clock of `HostTime`.
  package var since: Duration

  /// A write that has begun.
  package init(path: SysfsPath, text: String, since: Duration) {
    self.path = path
    self.text = text
    self.since = since
  }
}

/// Where the agent's thread leaves what others may know.
package final class StatusBoard: Sendable {
  /// What is on the board at one moment.
  package struct State: Sendable {
    /// The agent's last report.
    package var report = AgentReport()
    /// Whether the agent is at work.
    package var isBusy = false
    /// Whether the agent's thread has ended.
    package var hasEnded = false
    /// The write that the agent waits for.
    package var writing: WriteInProgress?
    /// How many writes the kernel has taken, and how many it has refused.
    package var writes = (done: UInt64(0), refused: UInt64(0))
  }

  private let state = Mutex(State())
  /// Signalled when the agent begins to work, and when it has something new to tell.
  package let wakeup: Wakeup

  /// An empty board.
  package init() throws(EventLoopError) {
    wakeup = try Wakeup()
  }

  /// What is on it now.
  package func read() -> State { state.withLock { $0 } }

  /// Changes what is on it without waking anybody.
  package func note(_ body: (inout State) -> Void) {
    state.withLock { body(&$0) }
  }

  /// Changes what is on it, and tells.
  package func publish(_ body: (inout State) -> Void) {
    note(body)
    wakeup.signal()
  }
}
