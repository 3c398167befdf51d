package import APBus
package import Agent
package import HostSystem
package import Reservation
package import ReservationRules
import Synchronization

/// The agent's state after its last reconciliation: values that any thread may read while the agent goes on.
package struct AgentReport: Sendable {
  /// How far it has come.
  package var status = Agent.Status()
  /// The machine as last seen; nil without a bus.
  package var inventory: Inventory?
  /// What the rules decide about it.
  package var decisions: DecisionTable?
  /// What the agent has reserved.
  package var ownership = Ownership()
  /// The last moves.
  package var history = History()
  /// What the host's other files say.
  package var configuration = HostConfiguration()
  /// The last numbered request that it has dealt with.
  package var ticket: UInt64 = 0
  /// How often it has reconciled.
  package var reconciliations: UInt64 = 0

  /// Nothing yet.
  package init() {}
}

/// A write that the kernel has not answered yet.
package struct WriteInProgress: Equatable, Sendable {
  /// The file.
  package var path: SysfsPath
  /// What is written to it.
  package var text: String
  package var since: Instant

  /// A write that has begun.
  package init(path: SysfsPath, text: String, since: Instant) {
    self.path = path
    self.text = text
    self.since = since
  }
}

/// Where the agent's thread publishes its state.
package final class StatusBoard: Sendable {
  /// What is on the board at one moment.
  package struct State: Sendable {
    /// The agent's last report.
    package var report = AgentReport()
    /// Whether the agent is at work.
    package var isBusy = false
    /// Whether the agent's thread has ended.
    package var hasEnded = false
    /// Why it ends without being asked to.
    package var ending: String?
    /// The write that the agent waits for.
    package var writing: WriteInProgress?
    /// How many writes the kernel has taken, and how many it has refused.
    package var writes = (done: UInt64(0), refused: UInt64(0))
  }

  private let state = Mutex(State())
  /// Signalled when the agent begins to work, and when its state has changed.
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

  /// Changes what is on it, and signals.
  package func publish(_ body: (inout State) -> Void) {
    note(body)
    wakeup.signal()
  }
}

/// A sysfs whose writes can be seen from other threads while they last: a queue that is reset can hold
/// its writer for seconds, or for ever.
package final class ObservedSysfs: Sysfs {
  private let sysfs: any Sysfs
  private let board: StatusBoard
  private let time = HostTime()

  /// Lets writes to `sysfs` be seen on `board`.
  package init(_ sysfs: any Sysfs, board: StatusBoard) {
    self.sysfs = sysfs
    self.board = board
  }

  package func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    let writing = WriteInProgress(path: path, text: text, since: time.now)
    board.note { $0.writing = writing }
    do throws(SysfsError) {
      try sysfs.write(text, to: path)
    } catch {
      board.note {
        $0.writing = nil
        $0.writes.refused += 1
      }
      throw error
    }
    board.note {
      $0.writing = nil
      $0.writes.done += 1
    }
  }

  package func read(_ path: SysfsPath) throws(SysfsError) -> String { try sysfs.read(path) }

  package func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try sysfs.readLink(path)
  }

  package func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try sysfs.list(path) }
}
