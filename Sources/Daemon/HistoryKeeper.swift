import APBus
package import Agent
package import HostSystem
package import Reports
import Synchronization

/// Keeps the history: the last entries in memory, for those who ask, and more of them in a file that outlives the
/// program. The agent's thread and the event loop add to it.
package final class HistoryKeeper: Sendable {
  private let program: HistoryEntry.Program
  private let boot: String
  private let log: any MessageLog
  private let recent: Mutex<Recent>
  private let output: Mutex<Output>

  /// What others may read at any time.
  private struct Recent {
    var history: History
    /// Lines that are to be written, the oldest first; at most as many as the history has entries.
    var lines: [[UInt8]] = []
    /// Whether the program has an entry that says when it was started.
    var hasBegun = false
    /// What the program was started for, which follows that entry.
    var request: HistoryEntry.Fact?
    /// The name of what the agent does now.
    var operation: String
  }

  /// What is held while it is written to.
  private struct Output {
    var file: HistoryFile?
    var hasFailed = false
  }

  /// Continues the history in the first of these directories in which that is possible; those that do not exist are
  /// not created. What is in the others is read, and moved to the first if the program may write there.
  ///
  /// A daemon reports where the history does not outlive the boot, and has an entry for its start whether anything
  /// happens or not. Another program has one, and one for the request that it was started for, if anything happens.
  package init(
    _ program: HistoryEntry.Program, boot: String, directories: [String], log: any MessageLog,
    request: HistoryEntry.Fact? = nil
  ) {
    self.program = program
    self.boot = boot
    self.log = log
    output = Mutex(Output())
    let (entries, problems, obstacle, isKept) = output.withLock { output in
      let stored = StoredHistory.open(directories)
      output.file = stored.file
      return (stored.entries, stored.problems, stored.obstacle, stored.file != nil)
    }
    recent = Mutex(
      Recent(history: History(entries), request: request, operation: Self.newOperation))
    for problem in problems { report(problem) }
    if program == .daemon, let obstacle {
      report(
        isKept
          ? "the history is lost at the next boot: \(obstacle)"
          : "the history is kept in memory only: \(obstacle)")
    }
    if program == .daemon { note([]) }
  }

  /// The last entries.
  package var history: History { recent.withLock { $0.history } }

  /// The last entries since a moment.
  package func entries(since start: HistoryStart?) -> [HistoryEntry] {
    history.entries(since: start, boot: boot)
  }

  /// What the agent does from now on is another operation than what it has done.
  func beginOperation() { recent.withLock { $0.operation = Self.newOperation } }

  /// A name for an operation that no other one has: when it begins, to the microsecond.
  private static var newOperation: String { now.microsecondText }

  /// Adds what an event of the agent says.
  package func note(_ event: Agent.Event) {
    let operation = recent.withLock { $0.operation }
    let entries = HistoryEntry.entries(of: event, at: Self.now, operation: operation)
    if !entries.isEmpty { note(entries) }
  }

  /// Adds what has just happened.
  package func note(_ fact: HistoryEntry.Fact) {
    note([HistoryEntry(fact, at: Self.now)])
  }

  /// Adds entries. The first of a program follow one that says that it has started.
  package func note(_ entries: [HistoryEntry]) {
    let start = HistoryEntry(
      .started(program, version: ProgramVersion.text, boot: boot), at: Self.now)
    recent.withLock { recent in
      // Of more than this, the first would not stay.
      let request = recent.request.map { HistoryEntry($0, at: start.time) }
      let first = recent.hasBegun ? [] : [start] + [request].compactMap(\.self)
      let added = (first + entries).suffix(History.capacity)
      recent.hasBegun = true
      for entry in added { recent.history.append(entry) }
      recent.lines += added.map(HistoryText.line)
      recent.lines.removeFirst(max(0, recent.lines.count - History.capacity))
    }
    write()
  }

  /// Adds that the program has begun, and its request, whether anything happens or not.
  package func begin() {
    if !recent.withLock({ $0.hasBegun }) { note([]) }
  }

  /// Adds that the program ends, and returns once the file is on the disk.
  package func end() {
    guard recent.withLock({ $0.hasBegun }) else { return }
    note(.ended(program))
    output.withLock { output in
      // What cannot be flushed was written all the same.
      try? output.file?.flush()
    }
  }

  /// Writes the lines that are not written yet. What cannot be written is tried again with the next entry, and reported
  /// once.
  private func write() {
    let failure: FileError? = output.withLock { output in
      var lines = recent.withLock { recent in
        defer { recent.lines = [] }
        return recent.lines[...]
      }
      guard let file = output.file else { return nil }
      do throws(FileError) {
        try file.append(&lines)
        output.hasFailed = false
        return nil
      } catch {
        recent.withLock { $0.lines.insert(contentsOf: lines, at: 0) }
        defer { output.hasFailed = true }
        return output.hasFailed ? nil : error
      }
    }
    if let failure { report("entries of the history are missing in its file: \(failure)") }
  }

  private static var now: WallTime { HostTime().wallTime }

  private func report(_ problem: String) {
    log.write(LogMessage(.warning, .history, problem))
  }
}

/// The history as it is found in files.
package struct StoredHistory {
  package private(set) var entries: [HistoryEntry] = []
  /// What was not read, each a sentence.
  package private(set) var problems: [String] = []
  /// Why the first directory cannot be written to.
  private(set) var obstacle: FileError?
  /// The file in which the history continues.
  private(set) var file: HistoryFile?

  private init() {}

  /// Reads what is in these directories, the one with the older entries first.
  package static func read(_ directories: [String]) throws(FileError) -> StoredHistory {
    var stored = StoredHistory()
    for directory in directories { stored.add(try HistoryFile.read(in: directory)) }
    return stored
  }

  /// Opens the file in the first directory in which that is possible, and moves there what is in the directories after
  /// it.
  fileprivate static func open(_ directories: [String]) -> StoredHistory {
    var stored = StoredHistory()
    for directory in directories {
      do throws(FileError) {
        try stored.file == nil ? stored.open(directory) : stored.takeOver(directory)
      } catch {
        if directory == directories.first { stored.obstacle = error }
        stored.add((try? HistoryFile.read(in: directory)) ?? [])
      }
    }
    return stored
  }

  private mutating func open(_ directory: String) throws(FileError) {
    let (file, parts, damage) = try HistoryFile.open(in: directory)
    self.file = file
    if let damage { problems.append("a file of the history is not used: \(damage)") }
    add(parts)
  }

  private mutating func takeOver(_ directory: String) throws(FileError) {
    let count = entries.count
    let parts = try HistoryFile.read(in: directory)
    guard let file, !parts.isEmpty else { return }
    add(parts)
    var lines = entries[count...].map(HistoryText.line)[...]
    try file.append(&lines)
    try HistoryFile.remove(in: directory)
  }

  private mutating func add(_ parts: [HistoryFile.Part]) {
    for part in parts {
      let (entries, damage) = HistoryText.read(part.bytes)
      self.entries += entries
      if let damage {
        problems.append("\(part.path.printable): \(damage), and the history is shown without that")
      }
    }
  }
}
