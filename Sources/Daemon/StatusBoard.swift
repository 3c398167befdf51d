package import APBus
package import Agent
package import HostSystem
package import Reservation
package import ReservationRules
import Synchronization

/// The agent's state after its last reconciliation: values that any thread may read while the agent works.
package struct AgentReport: Sendable {
  /// How far it has come.
  package var status = Agent.Status()
  /// The machine as last seen; nil without a bus.
  package var inventory: Inventory?
  /// What the rules decide about it.
  package var decisions: DecisionTable?
  /// What the agent has reserved.
  package var ownership = Ownership()
  /// What the host's other files say.
  package var configuration = HostConfiguration()
  /// The names of the host, by which rules are decided.
  package var host = HostIdentity()
  /// When everything was scanned last; nil before the first scan.
  package var lastSurvey: Instant?
  /// What of its earlier plans the next one depends on.
  package var memory = AgentMemory()
  /// The last numbered request that it has dealt with.
  package var ticket: UInt64 = 0
  /// How often it has reconciled.
  package var reconciliations: UInt64 = 0
  /// How the last request to change over to another mechanism was decided.
  package var changeover: Agent.ChangeoverDecision?
}

/// What the agent's thread waits for, so that it does nothing else.
package struct Wait: Equatable, Sendable {
  package enum Subject: Equatable, Sendable {
    /// The kernel has not answered a write yet.
    case write(SysfsPath, text: String)
    /// The kernel has not answered a read yet.
    case read(SysfsPath)
    /// Another process holds the lock for the configuration of the bus.
    case lock(path: String, holder: String)
  }

  package var subject: Subject
  /// Since when, on the clock of `HostTime`.
  package var since: Instant

  package enum Kind: String, CaseIterable, Sendable {
    case write, read, lock
  }

  package var kind: Kind {
    switch subject {
    case .write: .write
    case .read: .read
    case .lock: .lock
    }
  }

  package var path: String {
    switch subject {
    case .write(let path, _), .read(let path): path.description
    case .lock(let path, _): path
    }
  }

  /// What is written, without its newline.
  package var text: String? {
    if case .write(_, let text) = subject { text.filter { $0 != "\n" } } else { nil }
  }

  /// The process that holds the lock.
  package var holder: String? {
    if case .lock(_, let holder) = subject { holder } else { nil }
  }

  /// A wait of at least this long is worth a word in the summary and in the journal.
  package static let patience = Duration.seconds(1)

  /// Whether it ends by itself, with a message of its own: an adapter that does not answer is not waited for
  /// for long.
  package var isLimited: Bool {
    if case .read(let path) = subject { path.askedAdapter != nil } else { false }
  }

  /// One clause: what is waited for, and for how long already.
  package func description(now: Instant) -> String {
    Self.clause(
      kind, path: path, text: text, holder: holder,
      lasting: "\((now - since).components.seconds) s")
  }

  /// The clause of a wait of which only texts are known, as of another process.
  static func clause(
    _ kind: Kind, path: String, text: String?, holder: String?, lasting: String
  ) -> String {
    switch kind {
    case .write: "writing \"\(text ?? "")\" to \(path) has taken \(lasting) so far"
    case .read: "reading \(path) has taken \(lasting) so far"
    case .lock:
      "waiting for \(holder ?? "a process"), which holds \(path), for \(lasting)"
    }
  }
}

/// Where the agent's thread publishes its state.
package final class StatusBoard: Sendable {
  /// What is on the board at one moment.
  package struct State: Sendable {
    package var report = AgentReport() { didSet { reports += 1 } }
    private var reports: UInt64 = 0
    /// Whether the agent is at work.
    package var isBusy = false
    /// Whether the agent's thread has ended.
    package var hasEnded = false
    /// Why it ends without being asked to.
    package var ending: String?
    /// What the agent waits for.
    package var wait: Wait?
    /// How many writes the kernel has taken, and how many it has refused.
    package var writes = (done: UInt64(0), refused: UInt64(0))
    /// What is counted and timed of the agent's work.
    package var measurements = Measurements()

    /// The agent's last status, with what it says of requests as of now.
    package var status: Agent.Status {
      var status = report.status
      if isWaitingForLock { status.requests = status.requests.waitingForLock }
      return status
    }

    /// What the agent remembers, with what it waits for as of now.
    package var memory: AgentMemory {
      var memory = report.memory
      memory.progress.isLocked = memory.progress.isLocked || isWaitingForLock
      return memory
    }

    /// Changes whenever what is reported does.
    package struct Revision: Equatable, Sendable {
      fileprivate var reports: UInt64
      fileprivate var isWaitingForLock: Bool
    }

    package var revision: Revision {
      Revision(reports: reports, isWaitingForLock: isWaitingForLock)
    }

    private var isWaitingForLock: Bool {
      if case .lock? = wait?.subject { true } else { false }
    }
  }

  private let state = Mutex(State())
  /// Signalled when the agent begins to work, and when its state has changed.
  package let wakeup: Wakeup

  package init() throws(EventLoopError) {
    wakeup = try Wakeup()
  }

  /// What is on it now.
  package func read() -> State { state.withLock { $0 } }

  /// Changes what is on it without waking anybody.
  package func note(_ body: (inout State) -> Void) {
    state.withLock { body(&$0) }
  }

  /// Shows that a file is being read.
  package func noteRead(_ path: SysfsPath) {
    let wait = Wait(subject: .read(path), since: HostTime().now)
    note { $0.wait = wait }
  }

  /// Changes what is on it, and signals.
  package func publish(_ body: (inout State) -> Void) {
    note(body)
    wakeup.signal()
  }
}

/// A sysfs whose reads and writes can be seen from other threads while they last: a queue that is reset can
/// hold its writer for seconds, or for ever, and so can an adapter that does not answer.
package final class ObservedSysfs: Sysfs {
  private let sysfs: any Sysfs
  private let board: StatusBoard
  private let time = HostTime()

  /// Lets reads and writes of `sysfs` be seen on `board`.
  package init(_ sysfs: any Sysfs, board: StatusBoard) {
    self.sysfs = sysfs
    self.board = board
  }

  package func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    let begin = time.now
    let wait = Wait(subject: .write(path, text: text), since: begin)
    board.note { $0.wait = wait }
    do throws(SysfsError) {
      try sysfs.write(text, to: path)
    } catch {
      let duration = time.now - begin
      board.note {
        $0.wait = nil
        $0.writes.refused += 1
        $0.measurements.writes.note(duration)
      }
      throw error
    }
    let duration = time.now - begin
    board.note {
      $0.wait = nil
      $0.writes.done += 1
      $0.measurements.writes.note(duration)
    }
  }

  package func read(_ path: SysfsPath) throws(SysfsError) -> String {
    board.noteRead(path)
    defer { endReading() }
    return try sysfs.read(path)
  }

  /// What is read of these is up to `sysfs` to note, with `StatusBoard.noteRead(_:)`.
  package func read(_ paths: [SysfsPath]) -> [Result<String, SysfsError>] {
    defer { endReading() }
    return sysfs.read(paths)
  }

  package func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    board.noteRead(path)
    defer { endReading() }
    return try sysfs.readLink(path)
  }

  package func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    board.noteRead(path)
    defer { endReading() }
    return try sysfs.list(path)
  }

  private func endReading() {
    board.note { $0.wait = nil }
  }
}
