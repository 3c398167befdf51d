import APBus
import Glibc
package import HostSystem
import ReservationRules

/// Reports when files in directories have changed and do not change any more: rules, or definitions of guests.
/// What links lead to is watched as well, and so is the way to directories that do not exist yet.
///
/// A file counts when its writer has closed it. Whether one has it open is asked of the kernel when the file is
/// read; where the kernel does not say, the events decide. One that is kept open for ever must not keep the
/// others out, so that it counts after some time all the same.
package final class FileWatch {
  private let loop: EventLoop
  private let directories: [String]
  private let suffix: String
  private let files: [String]
  private let writerLimit: Duration
  private let onChange: () -> Void
  private let time = HostTime()
  private var plan: WatchPlan?
  private var watches: [String: DirectoryWatch] = [:]
  private var failures: [String: EventLoopError] = [:]
  private var timer: EventTimer?
  private var firstChange: Instant?
  /// Files that a process is writing, by their paths without links, and since when; also those that have
  /// been waited for long enough.
  private var writing: [String: Instant] = [:]

  /// How long nothing must happen before a change is reported: editors and package managers write several
  /// files one after the other.
  static let quietTime = Duration.milliseconds(250)
  /// How long a change is held back at most while others follow it.
  static let longestWait = Duration.seconds(2)

  /// Watches the files of directories whose names end in `suffix`, and single files, given by absolute paths. A
  /// file that is being written is waited for at most `writerLimit`.
  package init(
    _ loop: EventLoop, directories: [String], suffix: String = ".rules", files: [String] = [],
    writerLimit: Duration = .seconds(60), onChange: @escaping () -> Void
  ) throws(EventLoopError) {
    self.loop = loop
    self.directories = directories
    self.suffix = suffix
    self.files = files
    self.writerLimit = writerLimit
    self.onChange = onChange
    timer = try EventTimer(loop) { [weak self] in self?.rest() }
    watch()
  }

  /// What cannot be watched.
  package var problems: [EventLoopError] {
    failures.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Reports a change now, whether one was noticed or not, unless a file is being written.
  package func refresh() {
    forgetClosedFiles()
    guard firstWriter == nil else { return }
    reportChange()
  }

  /// Whether a file that is being read does not count, since a process is writing it: `isOpen` is whether
  /// one has it open for writing, or nil if the kernel does not say. A change is reported when it may count.
  package func isUnfinished(_ path: String, isOpen: Bool?) -> Bool {
    let file = HostFile.withoutLinks(path) ?? path
    guard isOpen != false else {
      writing[file] = nil
      return false
    }
    if let start = writing[file] { return isAwaited(since: start) }
    guard isOpen == true else { return false }
    writing[file] = time.now
    if firstChange == nil { awaitWriters() }
    return true
  }

  private func isAwaited(since start: Instant) -> Bool { time.now - start < writerLimit }

  /// Since when a file is being written that is still waited for.
  private var firstWriter: Instant? { writing.values.filter(isAwaited).min() }

  private func awaitWriters() {
    guard let firstWriter else { return }
    timer?.set(after: max(.zero, firstWriter + writerLimit - time.now))
  }

  /// Forgets files that nobody has open any more, in case the event that says so was lost or is still to come.
  private func forgetClosedFiles() {
    writing = writing.filter { HostFile.isOpenForWriting($0.key) != false }
  }

  private func reportChange() {
    timer?.clear()
    firstChange = nil
    watch()
    onChange()
  }

  /// Watches what is to be watched now. What changes meanwhile shows in the next plan.
  private func watch() {
    for _ in 0..<8 {
      let next = WatchPlan(
        directories: directories, suffix: suffix, files: files, mostEntries: RuleSet.mostFiles)
      // A directory that was away for a moment just when it was to be watched is in the plan all the same.
      let isWatched = failures.isEmpty && watches.count == next.directories.count
      guard next != plan || !isWatched else { return }
      watches = watches.filter { path, _ in
        next.directories[path] != nil && next.directories[path] == plan?.directories[path]
      }
      failures = [:]
      plan = next
      for (path, directory) in next.directories where watches[path] == nil {
        add(path, interest: directory.interest)
      }
      if !failures.isEmpty { return }
    }
  }

  private func add(_ path: String, interest: DirectoryWatch.Interest) {
    do throws(EventLoopError) {
      watches[path] = try loop.watchDirectory(path, for: interest) { [weak self] change in
        self?.note(change, in: path)
      }
    } catch {
      failures[path] = error
    }
  }

  private func note(_ change: DirectoryWatch.Change, in path: String) {
    guard let name = change.name else {
      // The directory was removed, or what has happened in it is unknown: it is watched again.
      watches[path] = nil
      plan = nil
      forgetClosedFiles()
      return changeWay()
    }
    guard let directory = plan?.directories[path] else { return }
    if directory.matters(name) {
      note(change.kind, of: path == "/" ? "/" + name : path + "/" + name)
    }
    if directory.turns.contains(name) { changeWay() }
  }

  /// Watches again, since paths lead elsewhere.
  private func changeWay() {
    watch()
    noteChange()
  }

  private func note(_ kind: DirectoryWatch.Change.Kind, of file: String) {
    switch kind {
    case .modified: noteWriter(of: file)
    case .created where Self.isEmpty(file): noteWriter(of: file)
    case .finished, .removed: writing[file] = nil
    case .created, .other: break
    }
    noteChange()
  }

  /// Notes that a process has begun to write a file, or goes on after it was waited for long enough.
  private func noteWriter(of file: String) {
    if let start = writing[file], isAwaited(since: start) { return }
    writing[file] = time.now
  }

  /// Whether there is an empty file, which may be about to be written. A link or a renamed file is complete at
  /// once.
  private static func isEmpty(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size == 0
      && status.st_nlink == 1
  }

  private func noteChange() {
    let now = time.now
    let first = firstChange ?? now
    firstChange = first
    timer?.set(after: max(.zero, min(Self.quietTime, first + Self.longestWait - now)))
  }

  /// Nothing has happened for a while: reports the change, or waits for writers that are not finished.
  private func rest() {
    guard firstWriter != nil else { return reportChange() }
    firstChange = nil
    awaitWriters()
  }
}
