import Glibc
package import HostSystem

/// Tells when something in the rule directories has changed and has come to rest.
///
/// Directories that do not exist yet are waited for by watching the nearest one above that does. What
/// links point to is not watched.
package final class RuleWatch {
  private let loop: EventLoop
  private let directories: [String]
  private let onChange: () -> Void
  private let onProblem: (EventLoopError) -> Void
  private let time = HostTime()
  private var watches: [DirectoryWatch] = []
  private var timer: EventTimer?
  private var firstChange: Duration?

  /// How long nothing must happen before a change is told: editors and package managers write several
  /// files one after the other.
  static let quietTime = Duration.milliseconds(250)
  /// How long a change is held back at most.
  static let longestWait = Duration.seconds(2)

  /// Watches directories, given by absolute paths. `onProblem` is told what cannot be watched.
  package init(
    _ loop: EventLoop, directories: [String], onProblem: @escaping (EventLoopError) -> Void,
    onChange: @escaping () -> Void
  ) throws(EventLoopError) {
    self.loop = loop
    self.directories = directories
    self.onChange = onChange
    self.onProblem = onProblem
    timer = try EventTimer(loop) { [weak self] in self?.tell() }
    watch()
  }

  /// Tells of a change now if one is being held back.
  package func flush() {
    if timer?.isSet == true { tell() }
  }

  private func tell() {
    timer?.clear()
    firstChange = nil
    onChange()
  }

  private func watch() {
    watches = []
    var watched: Set<String> = []
    for directory in directories {
      let isThere = add(directory, .entries) { [weak self] name in
        guard let name else { return self?.restart() ?? () }
        if name.hasSuffix(".rules") { self?.noteChange() }
      }
      var needsArrivals = !isThere
      var below = directory
      while let above = Self.parent(of: below) {
        let name = String(below.dropFirst(above == "/" ? 1 : above.count + 1))
        if needsArrivals {
          needsArrivals = !add(above, .arrivals) { [weak self] arrival in
            if arrival == nil || arrival == name { self?.restart() }
          }
        } else if watched.insert(above).inserted {
          _ = add(above, .nothing) { [weak self] _ in self?.restart() }
        }
        below = above
      }
    }
  }

  private func add(
    _ path: String, _ interest: DirectoryWatch.Interest, _ handler: @escaping (String?) -> Void
  ) -> Bool {
    do throws(EventLoopError) {
      guard let watch = try loop.watchDirectory(path, for: interest, handler) else { return false }
      watches.append(watch)
      return true
    } catch {
      onProblem(error)
      return true
    }
  }

  /// Watches anew: directories have come or gone.
  private func restart() {
    watch()
    noteChange()
  }

  private func noteChange() {
    let now = time.now
    let first = firstChange ?? now
    firstChange = first
    timer?.set(after: max(.zero, min(Self.quietTime, first + Self.longestWait - now)))
  }

  static func parent(of path: String) -> String? {
    guard path != "/", let slash = path.lastIndex(of: "/") else { return nil }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
