package import APBus
import Agent
import Synchronization

/// A sysfs in which no adapter is waited for without limit.
///
/// Reads that send a request to an adapter (`SysfsPath.askedAdapter`) are done by another thread. One that does not
/// return in time is left to its thread. Until it returns, all such reads of the adapter fail at once: they would
/// wait as well, and a scan would be held up by each of them. So one thread at most hangs for an adapter. Everything else
/// is done on the caller's thread.
///
/// A caller with other things to do is held up for less than the time limit. The read fails as one that is still awaited
/// (`UnansweredRead.isAwaited`), and the adapter is due again when it has answered, or when its time is over. One that
/// has answered by then works, and is slow: for its next reads the caller waits.
package final class DeadlineSysfs: Sysfs {
  private let sysfs: any Sysfs
  private let open: @Sendable () throws -> any Sysfs
  private let limit: Duration
  /// How long the caller waits for an adapter that is not known to be slow.
  private let patience: Duration
  private let isInterrupted: () -> Bool
  private let onReturn: @Sendable () -> Void
  private let onRead: @Sendable (SysfsPath) -> Void
  private let time = HostTime()
  /// The thread that reads, unless it is busy with a read that nobody waits for any longer.
  private var reader: ReadThread?
  private var silences: [UInt8: Silence] = [:]
  /// Adapters that have answered after the caller had gone on, and in time.
  private var slow: Set<UInt8> = []

  /// An adapter that has not answered.
  private struct Silence {
    /// The read that is not waited for.
    var path: SysfsPath
    /// Why, if that is not the time.
    var reason: SysfsError?
    /// How long it may take, and when that is over.
    var limit: Duration
    var end: Instant
    /// The thread that is left with it.
    var reader: ReadThread
    /// How often in a row the adapter has not answered.
    var count: Int
    /// When it may be asked again; nil while the read has not returned.
    var due: Instant?
    /// Whether that it may be asked again has been said.
    var isTaken = false
    /// Whether that its time is over has been said.
    var isEndTaken = false

    /// Whether its time was not over when the caller went on.
    var isTimed = false

    /// What a read of the adapter fails with.
    func error(now: Instant) -> SysfsError {
      reason ?? SysfsError(UnansweredRead(path, limit: limit, isAwaited: now < end))
    }

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
  /// The patience of a program with other things to do. An adapter that works answers within milliseconds.
  package static let shortPatience = Duration.milliseconds(300)

  /// The bus that `open` opens; each thread that reads opens it once more. An adapter is waited for for at most
  /// `limit`, and not while the program is to stop: then the read fails with EINTR. The caller is held up for at most
  /// `patience`, by default as long. `onReturn` is called, on another thread, when a read has returned that was given
  /// up; `onRead`, on another thread, before each read that an adapter must answer.
  package init(
    limit: Duration = UnansweredRead.usualLimit, patience: Duration? = nil,
    isInterrupted: @escaping () -> Bool = { false },
    onReturn: @escaping @Sendable () -> Void = {},
    onRead: @escaping @Sendable (SysfsPath) -> Void = { _ in },
    opening open: @escaping @Sendable () throws -> any Sysfs
  ) throws {
    sysfs = try open()
    self.open = open
    self.limit = limit
    self.patience = min(limit, patience ?? limit)
    self.isInterrupted = isInterrupted
    self.onReturn = onReturn
    self.onRead = onRead
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
    return try ask(adapter, for: [path])[0].get()
  }

  /// The texts of several attributes; those of one adapter take one turn of the other thread. Once it does not
  /// answer for one of them, the rest of them is not read.
  package func read(_ paths: [SysfsPath]) -> [Result<String, SysfsError>] {
    var answers: [SysfsPath: Result<String, SysfsError>] = [:]
    for (adapter, asked) in Dictionary(grouping: paths, by: \.askedAdapter) {
      guard let adapter else { continue }
      for (path, answer) in zip(asked, ask(adapter, for: asked)) { answers[path] = answer }
    }
    return paths.map { path in
      answers[path] ?? Result { () throws(SysfsError) in try sysfs.read(path) }
    }
  }

  private func idleReader() throws(EventLoopError) -> ReadThread {
    if let reader { return reader }
    return try ReadThread(onReturn: onReturn, onRead: onRead, opening: open)
  }

  /// One answer for each of `paths`, all of which are of `adapter`; at least one.
  private func ask(_ adapter: UInt8, for paths: [SysfsPath]) -> [Result<String, SysfsError>] {
    noteReturns()
    let silence = silences[adapter]
    if let silence, silence.due.map({ $0 > time.now }) ?? true {
      let error = silence.error(now: time.now)
      return paths.map { _ in .failure(error) }
    }
    let isAlone = silences.allSatisfy { $0.key == adapter || $0.value.due != nil }
    let limit = isAlone ? limit : min(limit, Self.shortLimit)
    let reader: ReadThread
    do throws(EventLoopError) {
      reader = try idleReader()
    } catch {
      return paths.map { .failure(SysfsError(.read, $0, errno: .tryAgain)) }
    }
    let patience = slow.contains(adapter) ? limit : min(limit, patience)
    let turn = reader.read(paths, atMost: patience, slice: Self.slice, isInterrupted: isInterrupted)
    // Other reads say nothing about one that is never answered.
    if let silence, paths.prefix(turn.answers.count).contains(silence.path) {
      silences[adapter] = nil
    }
    guard turn.answers.count < paths.count else {
      self.reader = reader
      return turn.answers
    }
    self.reader = nil
    let path = paths[turn.answers.count]
    let fresh = Silence(
      path: path,
      reason: turn.isInterrupted ? SysfsError(.read, path, errno: .interrupted) : nil,
      limit: limit, end: turn.start + limit, reader: reader,
      count: (silences[adapter]?.count ?? 0) + 1,
      isTimed: !turn.isInterrupted && time.now < turn.start + limit)
    silences[adapter] = fresh
    let error = fresh.error(now: time.now)
    return turn.answers + paths.dropFirst(turn.answers.count).map { _ in .failure(error) }
  }

  // MARK: Asking again

  private func noteReturns() {
    for (adapter, silence) in silences where silence.due == nil {
      guard let returned = silence.reader.returned else { continue }
      if returned < silence.end {
        // It works: its next silence is its first one.
        slow.insert(adapter)
        silences[adapter]?.count = 0
        silences[adapter]?.due = time.now
      } else {
        slow.remove(adapter)
        silences[adapter]?.due = time.now + silence.pause
      }
    }
  }

  /// When the next adapter may be asked again; nil while none may be.
  package var nextDue: Instant? {
    noteReturns()
    let ends = silences.values.filter { $0.due == nil && !$0.isEndTaken && $0.isTimed }.map(\.end)
    return (silences.values.filter { !$0.isTaken }.compactMap(\.due) + ends).min()
  }

  /// The adapters that may be asked again by now, or whose time is over, each once.
  package func takeDue() -> [UInt8] {
    noteReturns()
    let now = time.now
    var adapters: [UInt8] = []
    for (adapter, silence) in silences {
      if let due = silence.due {
        guard !silence.isTaken, due <= now else { continue }
        silences[adapter]?.isTaken = true
      } else {
        guard !silence.isEndTaken, silence.isTimed, silence.end <= now else { continue }
        silences[adapter]?.isEndTaken = true
      }
      adapters.append(adapter)
    }
    return adapters.sorted()
  }

  /// Whether an adapter is waited for whose time is not over.
  package var isAwaiting: Bool {
    noteReturns()
    let now = time.now
    return silences.values.contains { $0.due == nil && $0.isTimed && now < $0.end }
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

/// A thread that reads files for another thread. It ends when that has not waited for it.
private final class ReadThread: Sendable {
  private struct State {
    var paths: [SysfsPath] = []
    /// As far as they have been read.
    var answers: [Result<String, SysfsError>] = []
    /// When the first of `paths` without an answer was begun.
    var start: Instant
    /// Whether nobody waits for the reads any longer.
    var isGivenUp = false
    /// When the read has returned that was given up; nil before.
    var returned: Instant?
    var hasEnded = false

    /// What is to be read next.
    var next: SysfsPath? { answers.count < paths.count ? paths[answers.count] : nil }
  }

  private let state: Mutex<State>
  private let requests: Wakeup
  private let answers: Wakeup

  /// When the read that was given up has returned; nil before.
  var returned: Instant? { state.withLock { $0.returned } }

  init(
    onReturn: @escaping @Sendable () -> Void, onRead: @escaping @Sendable (SysfsPath) -> Void,
    opening open: @escaping @Sendable () throws -> any Sysfs
  ) throws(EventLoopError) {
    state = Mutex(State(start: HostTime().now))
    requests = try Wakeup()
    answers = try Wakeup()
    try WorkerThread.start { [self] in
      run(Result { try open() }, onRead: onRead)
      if returned != nil { onReturn() }
    }
  }

  /// What became of reads.
  struct Turn {
    /// Those that have returned. If some have not, the thread is left with them.
    var answers: [Result<String, SysfsError>]
    /// When the first of the others was begun.
    var start: Instant
    /// Whether the others were given up because the program is to stop.
    var isInterrupted = false
  }

  /// Has files read, and waits for each at most `limit`.
  func read(
    _ paths: [SysfsPath], atMost limit: Duration, slice: Duration, isInterrupted: () -> Bool
  ) -> Turn {
    let time = HostTime()
    let now = time.now
    var start = now
    state.withLock { state in
      state.paths = paths
      state.answers = []
      state.start = now
    }
    requests.signal()
    while true {
      answers.wait(max(.zero, min(slice, start + limit - time.now)))
      let isInterrupted = isInterrupted()
      let now = time.now
      let turn = state.withLock { state -> Turn? in
        start = state.start
        if state.next == nil { return Turn(answers: state.answers, start: start) }
        guard isInterrupted || now >= start + limit else { return nil }
        state.isGivenUp = true
        return Turn(answers: state.answers, start: start, isInterrupted: isInterrupted)
      }
      if let turn { return turn }
    }
  }

  /// Ends the thread when it has nothing to read.
  func end() {
    state.withLock { $0.hasEnded = true }
    requests.signal()
  }

  private func run(_ sysfs: Result<any Sysfs, any Error>, onRead: (SysfsPath) -> Void) {
    let time = HostTime()
    while !state.withLock({ $0.hasEnded || $0.returned != nil }) {
      let path = state.withLock { state in
        if let path = state.next { onRead(path) }
        return state.next
      }
      guard let path else {
        requests.wait(nil)
        continue
      }
      let answer = Self.read(path, on: sysfs)
      let now = time.now
      let isLast = state.withLock { state in
        if state.isGivenUp {
          state.returned = now
        } else {
          state.answers.append(answer)
          state.start = now
        }
        return state.next == nil
      }
      if isLast { answers.signal() }
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
