import Glibc

/// Which directories must be watched to notice that paths lead elsewhere or to something else: those
/// that links on the way lie in, and those where the files are that links lead to.
package struct WatchPlan: Equatable, Sendable {
  /// What is to be noticed in one directory.
  package struct Directory: Equatable, Sendable {
    /// Which directory it is: another one may be mounted there, or have its name.
    package var identity: Identity
    /// Names that lead elsewhere: links, and what does not exist yet.
    package var turns: Set<String> = []
    /// Files whose contents count.
    package var files: Set<String> = []
    /// Whether all files whose names end in `.rules` count.
    package var holdsRules = false

    /// What a watch must tell of.
    package var interest: DirectoryWatch.Interest {
      if holdsRules || !files.isEmpty { return .entries }
      return turns.isEmpty ? .nothing : .names
    }

    /// Whether the contents of an entry count.
    package func counts(_ name: String) -> Bool {
      files.contains(name) || holdsRules && name.hasSuffix(".rules")
    }
  }

  /// The kernel's numbers of a directory.
  package struct Identity: Equatable, Sendable {
    var device: UInt
    var inode: UInt

    fileprivate init(_ status: stat) {
      device = UInt(status.st_dev)
      inode = UInt(status.st_ino)
    }
  }

  /// The directories by path, without links.
  package private(set) var directories: [String: Directory] = [:]

  /// Links that lead to links are followed so often, as the kernel does (MAXSYMLINKS).
  private static let mostLinks = 40

  /// A plan for rule directories and for single files, by absolute paths.
  package init(ruleDirectories: [String], files: [String], mostEntries: Int) {
    for path in ruleDirectories {
      guard let place = follow(path), directories[place] != nil else { continue }
      directories[place]?.holdsRules = true
      for name in Self.names(place, mostEntries) where name.hasSuffix(".rules") {
        _ = follow(place + "/" + name)
      }
    }
    for path in files { _ = follow(path) }
  }

  /// Follows a path as the kernel does, and notes on what it depends. The result is the path without
  /// links, or nil where it leads nowhere.
  private mutating func follow(_ path: String) -> String? {
    var place = ""
    var rest = Array(path.split(separator: "/").map(String.init).reversed())
    var links = 0
    note("/") { _ in }
    while let name = rest.popLast() {
      if name == "." { continue }
      if name == ".." {
        place = place.lastIndex(of: "/").map { String(place[..<$0]) } ?? ""
        continue
      }
      let directory = place.isEmpty ? "/" : place
      let next = place + "/" + name
      var status = stat()
      guard lstat(next, &status) == 0 else {
        note(directory) { $0.turns.insert(name) }
        return nil
      }
      switch status.st_mode & S_IFMT {
      case S_IFLNK:
        note(directory) { $0.turns.insert(name) }
        links += 1
        guard links <= Self.mostLinks, let target = try? linkTarget(next, in: AT_FDCWD) else {
          return nil
        }
        if target.hasPrefix("/") { place = "" }
        rest += target.split(separator: "/").map(String.init).reversed()
      case S_IFDIR:
        place = next
        note(place) { _ in }
      default:
        guard rest.isEmpty else { return nil }
        note(directory) { $0.files.insert(name) }
        return next
      }
    }
    return place.isEmpty ? "/" : place
  }

  private mutating func note(_ path: String, _ body: (inout Directory) -> Void) {
    if directories[path] == nil {
      var status = stat()
      guard stat(path, &status) == 0 else { return }
      directories[path] = Directory(identity: Identity(status))
    }
    if var directory = directories[path] {
      body(&directory)
      directories[path] = directory
    }
  }

  private static func names(_ path: String, _ limit: Int) -> [String] {
    let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { return [] }
    // What cannot be listed is reported by whoever reads it.
    let names = (try? FileDescriptor(number).directoryNames(limit: limit)) ?? []
    return names.count > limit ? [] : names
  }
}
