import CSystemd
import Glibc

/// Which directories must be watched to notice that paths lead to different files or that these change:
/// those with links on the way, and those with the files that links lead to.
package struct WatchPlan: Equatable, Sendable {
  /// What matters in a directory.
  package struct Directory: Equatable, Sendable {
    /// Another directory may be mounted at the same path or have the same name.
    let identity: FileIdentity
    /// Names that lead elsewhere: links, and entries that do not exist yet.
    package var turns: Set<String> = []
    /// Files whose contents matter.
    package var files: Set<String> = []
    /// Whether all files with this end of their names matter; nil if none does for its name.
    package var suffix: String?

    /// What must be watched.
    package var interest: DirectoryWatch.Interest {
      if suffix != nil || !files.isEmpty { return .entries }
      return turns.isEmpty ? .nothing : .names
    }

    /// Whether the contents of an entry matter.
    package func matters(_ name: String) -> Bool {
      files.contains(name) || suffix.map(name.hasSuffix) == true
    }
  }

  /// The directories by path, without links.
  package private(set) var directories: [String: Directory] = [:]

  /// The most links on one path (the kernel's `MAXSYMLINKS`).
  private static let mostLinks = 40

  /// A plan for the files of directories whose names end in `suffix`, and single files, by absolute paths. A
  /// directory with more than `mostEntries` is not listed.
  package init(directories paths: [String], suffix: String, files: [String], mostEntries: Int) {
    for path in paths {
      guard let place = follow(path), directories[place] != nil else { continue }
      directories[place]?.suffix = suffix
      for name in Self.names(in: place, limit: mostEntries) where name.hasSuffix(suffix) {
        _ = follow(place + "/" + name)
      }
    }
    for path in files { _ = follow(path) }
  }

  /// Follows a path as the kernel does, and notes what it depends on. The result is the path without
  /// links, or nil if it leads nowhere.
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
      directories[path] = Directory(identity: FileIdentity(status))
    }
    if var directory = directories[path] {
      body(&directory)
      directories[path] = directory
    }
  }

  private static func names(in path: String, limit: Int) -> [String] {
    let number = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { return [] }
    // The reader of the directory reports that it cannot be listed.
    let names = (try? FileDescriptor(number).directoryNames(limit: limit)) ?? []
    return names.count > limit ? [] : names
  }
}

extension EventLoop {
  /// Calls `handler` with each change of an entry of a directory, and with a change without a name if the
  /// directory itself was moved or removed, or changes were lost.
  ///
  /// - Returns: nil if there is no such directory.
  /// - Throws: if an existing directory cannot be watched.
  package func watchDirectory(
    _ path: String, for interest: DirectoryWatch.Interest = .entries,
    _ handler: @escaping (DirectoryWatch.Change) -> Void
  ) throws(EventLoopError) -> DirectoryWatch? {
    try DirectoryWatch.add(path, to: self, for: interest, handler: handler)
  }
}

/// A directory that is watched as long as this exists (inotify(7)).
package final class DirectoryWatch {
  /// The changes of interest, beside those of the directory itself.
  package enum Interest: Int, Sendable {
    case nothing
    /// Entries that appear and disappear.
    case names
    /// Also entries that are written or change their mode or owner.
    case entries

    fileprivate var mask: UInt32 {
      let own = UInt32(IN_DELETE_SELF | IN_MOVE_SELF) | UInt32(IN_ONLYDIR)
      let names = UInt32(IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM)
      return switch self {
      case .nothing: own
      case .names: own | names
      case .entries: own | names | UInt32(IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB)
      }
    }
  }

  /// A change of a directory.
  package struct Change: Equatable, Sendable {
    /// The entry; nil for the directory itself, or if it is not known.
    package var name: String?
    package var kind: Kind

    package enum Kind: Sendable {
      /// It was created; a process may be writing it.
      case created
      /// It was written to by a process that may continue.
      case modified
      /// A process closed it after writing, or it was moved to this name.
      case finished
      /// It was moved elsewhere or deleted.
      case removed
      /// Something else, such as its mode.
      case other

      fileprivate init(_ mask: UInt32) {
        func has(_ bits: Int32) -> Bool { mask & UInt32(bits) != 0 }
        self =
          if has(IN_CREATE) {
            .created
          } else if has(IN_MODIFY) {
            .modified
          } else if has(IN_CLOSE_WRITE | IN_MOVED_TO) {
            .finished
          } else if has(IN_DELETE | IN_MOVED_FROM) {
            .removed
          } else {
            .other
          }
      }
    }
  }

  private final class Handler {
    let call: (Change) -> Void

    init(_ call: @escaping (Change) -> Void) {
      self.call = call
    }
  }

  private let source: OpaquePointer
  private let handler: Handler

  private init(_ source: OpaquePointer, handler: Handler) {
    self.source = source
    self.handler = handler
  }

  deinit {
    sd_event_source_disable_unref(source)
  }

  fileprivate static func add(
    _ path: String, to loop: EventLoop, for interest: Interest,
    handler call: @escaping (Change) -> Void
  ) throws(EventLoopError) -> DirectoryWatch? {
    let handler = Handler(call)
    var source: OpaquePointer?
    let result = sd_event_add_inotify(
      loop.event, &source, path, interest.mask,
      { _, event, userdata in
        guard let event, let userdata else { return 0 }
        let handler = Unmanaged<Handler>.fromOpaque(userdata).takeUnretainedValue()
        handler.call(
          Change(name: DirectoryWatch.name(event), kind: Change.Kind(event.pointee.mask)))
        return 0
      }, Unmanaged.passUnretained(handler).toOpaque())
    if [-ENOENT, -ENOTDIR].contains(result) { return nil }
    guard result >= 0, let source else { throw EventLoopError("watching \(path)", result: result) }
    return DirectoryWatch(source, handler: handler)
  }

  /// The name of the entry, which follows the fixed part of the event; nil for the directory itself.
  private static func name(_ event: UnsafePointer<inotify_event>) -> String? {
    guard event.pointee.len > 0 else { return nil }
    let start = UnsafeRawPointer(event) + MemoryLayout<inotify_event>.size
    let bytes = UnsafeRawBufferPointer(start: start, count: Int(event.pointee.len))
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
