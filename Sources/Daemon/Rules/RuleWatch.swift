import APBus
import Glibc
package import HostSystem
import ReservationRules

/// Reports when something in the rule directories has changed and does not change any more. What links lead
/// to is watched as well, and so is the way to directories that do not exist yet.
///
/// A file counts when its writer has closed it. One that is kept open for ever must not keep the others
/// out, so that it is read after some time all the same; the grammar of rules refuses half of a file.
package final class RuleWatch {
  private let loop: EventLoop
  private let directories: [String]
  private let files: [String]
  private let writerLimit: Duration
  private let onChange: () -> Void
  private let time = HostTime()
  private var plan: WatchPlan?
  private var watches: [String: DirectoryWatch] = [:]
  private var failures: [String: EventLoopError] = [:]
  private var timer: EventTimer?
  private var firstChange: Instant?
  /// Files that were written to and not closed, and since when.
  private var writing: [String: Instant] = [:]

  /// How long nothing must happen before a change is reported: editors and package managers write several
  /// files one after the other.
  static let quietTime = Duration.milliseconds(250)
  /// How long a change is held back at most while others follow it.
  static let longestWait = Duration.seconds(2)

  /// Watches directories, and single files, given by absolute paths. A file that is being written is
  /// waited for at most `writerLimit`.
  package init(
    _ loop: EventLoop, directories: [String], files: [String] = [],
    writerLimit: Duration = .seconds(60), onChange: @escaping () -> Void
  ) throws(EventLoopError) {
    self.loop = loop
    self.directories = directories
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
    let now = time.now
    writing = writing.filter { now - $0.value < writerLimit }
    guard writing.isEmpty else { return }
    reportChange()
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
        ruleDirectories: directories, files: files, mostEntries: RuleSet.mostFiles)
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
      writing = [:]
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
    case .modified: writing[file] = writing[file] ?? time.now
    case .created where Self.isEmpty(file): writing[file] = writing[file] ?? time.now
    case .finished, .removed: writing[file] = nil
    case .created, .other: break
    }
    noteChange()
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
    let now = time.now
    writing = writing.filter { now - $0.value < writerLimit }
    guard let earliest = writing.values.min() else { return reportChange() }
    firstChange = nil
    timer?.set(after: earliest + writerLimit - now)
  }
}
