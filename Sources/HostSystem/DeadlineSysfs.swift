package import APBus
import Agent
import Synchronization

/// A sysfs in which no adapter is waited for without limit.
///
/// Reads that send a request to an adapter (`SysfsPath.askedAdapter`) are done by another thread. One that does not
/// return in time is left to its thread. Until it returns, all such reads of the adapter fail at once: they would
/// wait as well, and a scan would be held up by each of them. Everything else is done on the caller's thread.
package final class DeadlineSysfs: Sysfs {
  private let sysfs: any Sysfs
  private let open: @Sendable () throws -> any Sysfs
  private let limit: Duration
  private let isInterrupted: () -> Bool
  private let onReturn: @Sendable () -> Void
  private let time = HostTime()
  /// The thread that reads, unless it is busy with a read that nobody waits for any longer.
  private var reader: ReadThread?
  private var silences: [UInt8: Silence] = [:]

  /// An adapter that has not answered.
  private struct Silence {
    /// The read, and why it is not waited for.
    var error: SysfsError
    /// The thread that is left with it.
    var reader: ReadThread
    /// How often in a row the adapter has not answered.
    var count: Int
    /// When it may be asked again; nil while the read has not returned.
    var due: Instant?
    /// Whether that it may be asked again has been said.
    var isTaken = false

    /// An adapter that has answered too late is asked again at once the first time, and then after growing
    /// pauses: each time it may hold up everything else for as long as it is waited for.
    var pause: Duration {
      guard count > 1 else { return .zero }
      return min(RetrySchedule.longestPause, RetrySchedule.firstPause * (1 << min(count - 2, 20)))
    }
  }

  /// How long a read lasts until it is asked whether the program is to stop.
  private static let slice = Duration.milliseconds(50)
  /// How long an adapter is waited for at most while another one does not answer: what makes one mute may make
  /// them all, and each would hold up everything else for the whole time.
  private static let shortLimit = Duration.seconds(1)

  /// The bus that `open` opens; each thread that reads opens it once more. An adapter is waited for for at most
  /// `limit`, and not while the program is to stop: then the read fails with EINTR. `onReturn` is called, on
  /// another thread, when a read has returned that was given up.
  package init(
    limit: Duration = UnansweredRead.usualLimit, isInterrupted: @escaping () -> Bool = { false },
    onReturn: @escaping @Sendable () -> Void = {},
    opening open: @escaping @Sendable () throws -> any Sysfs
  ) throws {
    sysfs = try open()
    self.open = open
    self.limit = limit
    self.isInterrupted = isInterrupted
    self.onReturn = onReturn
  }

  deinit {
    reader?.end()
  }

  package func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    try sysfs.write(text, to: path)
  }

  package func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try sysfs.readLink(path)
  }

  package func list(_ path: SysfsPath) throws(SysfsError) -> [String] { try sysfs.list(path) }

  package func read(_ path: SysfsPath) throws(SysfsError) -> String {
    guard let adapter = path.askedAdapter else { return try sysfs.read(path) }
    noteReturns()
    let silence = silences[adapter]
    if let silence, silence.due.map({ $0 > time.now }) ?? true { throw silence.error }
    let isAlone = silences.allSatisfy { $0.key == adapter || $0.value.due != nil }
    let limit = isAlone ? limit : min(limit, Self.shortLimit)
    let reader = try idleReader(for: path)
    switch reader.read(path, atMost: limit, slice: Self.slice, isInterrupted: isInterrupted) {
    case .answer(let answer):
      // Other reads say nothing about one that is never answered.
      if silence?.error.path == path { silences[adapter] = nil }
      self.reader = reader
      return try answer.get()
    case .givenUp(let isInterrupted):
      self.reader = nil
      let error =
        isInterrupted
        ? SysfsError(.read, path, errno: .interrupted)
        : SysfsError(UnansweredRead(path, limit: limit))
      silences[adapter] = Silence(error: error, reader: reader, count: (silence?.count ?? 0) + 1)
      throw error
    }
  }

  private func idleReader(for path: SysfsPath) throws(SysfsError) -> ReadThread {
    if let reader { return reader }
    do throws(EventLoopError) {
      return try ReadThread(onReturn: onReturn, opening: open)
    } catch {
      throw SysfsError(.read, path, errno: .tryAgain)
    }
  }

  // MARK: Asking again

  private func noteReturns() {
    for (adapter, silence) in silences where silence.due == nil && silence.reader.hasReturned {
      silences[adapter]?.due = time.now + silence.pause
    }
  }

  /// When the next adapter may be asked again; nil while none may be.
  package var nextDue: Instant? {
    noteReturns()
    return silences.values.lazy.filter { !$0.isTaken }.compactMap(\.due).min()
  }

  /// The adapters that may be asked again by now, each once.
  package func takeDue() -> [UInt8] {
    noteReturns()
    let now = time.now
    let due = silences.filter { !$0.value.isTaken && $0.value.due.map { $0 <= now } ?? false }
    for adapter in due.keys { silences[adapter]?.isTaken = true }
    return due.keys.sorted()
  }

  /// Lets an adapter be asked as soon as its read has returned, because something has happened to it; nil means
  /// all of them.
  package func askAgain(_ adapter: UInt8? = nil) {
    noteReturns()
    for (silent, silence) in silences where adapter == nil || adapter == silent {
      silences[silent]?.count = 1
      silences[silent]?.isTaken = false
      if silence.due != nil { silences[silent]?.due = time.now }
    }
  }
}

/// A thread that reads one file at a time for another thread. It ends when that has not waited for it.
private final class ReadThread: Sendable {
  private struct State {
    var path: SysfsPath?
    var answer: Result<String, SysfsError>?
    /// Whether nobody waits for the read any longer.
    var isGivenUp = false
    var hasReturned = false
    var hasEnded = false
  }

  private let state = Mutex(State())
  private let requests: Wakeup
  private let answers: Wakeup

  /// Whether the read that was given up has returned.
  var hasReturned: Bool { state.withLock { $0.hasReturned } }

  init(
    onReturn: @escaping @Sendable () -> Void,
    opening open: @escaping @Sendable () throws -> any Sysfs
  ) throws(EventLoopError) {
    requests = try Wakeup()
    answers = try Wakeup()
    try WorkerThread.start { [self] in
      run(Result { try open() })
      if hasReturned { onReturn() }
    }
  }

  /// What became of a read.
  enum Outcome {
    /// It has returned.
    case answer(Result<String, SysfsError>)
    /// It has not, and the thread is left with it.
    case givenUp(isInterrupted: Bool)
  }

  /// Has a file read, and waits for it.
  func read(
    _ path: SysfsPath, atMost limit: Duration, slice: Duration, isInterrupted: () -> Bool
  ) -> Outcome {
    let time = HostTime()
    let end = time.now + limit
    state.withLock { $0.path = path }
    requests.signal()
    while true {
      answers.wait(max(.zero, min(slice, end - time.now)))
      if let answer = takeAnswer(givingUp: false) { return .answer(answer) }
      let isInterrupted = isInterrupted()
      guard isInterrupted || time.now >= end else { continue }
      // It may have come at the last moment.
      if let answer = takeAnswer(givingUp: true) { return .answer(answer) }
      return .givenUp(isInterrupted: isInterrupted)
    }
  }

  private func takeAnswer(givingUp: Bool) -> Result<String, SysfsError>? {
    state.withLock { state in
      defer { state.answer = nil }
      if state.answer == nil { state.isGivenUp = givingUp }
      return state.answer
    }
  }

  /// Ends the thread when it has nothing to read.
  func end() {
    state.withLock { $0.hasEnded = true }
    requests.signal()
  }

  private func run(_ sysfs: Result<any Sysfs, any Error>) {
    while !state.withLock({ $0.hasEnded || $0.hasReturned }) {
      let path = state.withLock { state in
        defer { state.path = nil }
        return state.path
      }
      guard let path else {
        requests.wait(nil)
        continue
      }
      let answer = Self.read(path, on: sysfs)
      state.withLock { state in
        if state.isGivenUp { state.hasReturned = true } else { state.answer = answer }
      }
      answers.signal()
    }
  }

  private static func read(
    _ path: SysfsPath, on sysfs: Result<any Sysfs, any Error>
  ) -> Result<String, SysfsError> {
    do {
      return .success(try sysfs.get().read(path))
    } catch let error as SysfsError {
      return .failure(error)
    } catch {
      // The bus could not be opened.
      var errno = Errno.inputOutput
      if case .failed(_, let reason)? = (error as? FileError)?.problem { errno = reason }
      return .failure(SysfsError(.open, path, errno: errno))
    }
  }
}
