import CSystemd
import Glibc

extension EventLoop {
  /// Calls `handler` with each change of an entry of a directory, and with one without a name when the
  /// directory itself was moved or removed, or when changes were lost. The result is nil for a directory
  /// that is not there.
  ///
  /// - Throws: when it cannot be watched although it is there.
  package func watchDirectory(
    _ path: String, for interest: DirectoryWatch.Interest = .entries,
    _ handler: @escaping (DirectoryWatch.Change) -> Void
  ) throws(EventLoopError) -> DirectoryWatch? {
    try DirectoryWatch.add(to: self, path, interest, handler)
  }
}

/// A directory that is watched as long as this is kept (inotify(7)).
package final class DirectoryWatch {
  /// What is to be told of a directory, beside its own going.
  package enum Interest: Int, Sendable {
    /// Nothing.
    case nothing
    /// Entries that come and go.
    case names
    /// Entries that are made, written, renamed or removed, or get other rights.
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
    /// The entry; nil for the directory itself, or where it is not known.
    package var name: String?
    /// What has happened to it.
    package var kind: Kind

    /// What happens to an entry.
    package enum Kind: Sendable {
      /// It was made, and may be written now.
      case made
      /// It was written to by a process that may go on.
      case modified
      /// A process that could write to it has closed it, or it was moved there whole.
      case finished
      /// It was moved elsewhere or removed.
      case gone
      /// Something else, as its rights.
      case other

      fileprivate init(_ mask: UInt32) {
        func has(_ bits: Int32) -> Bool { mask & UInt32(bits) != 0 }
        self =
          if has(IN_CREATE) {
            .made
          } else if has(IN_MODIFY) {
            .modified
          } else if has(IN_CLOSE_WRITE | IN_MOVED_TO) {
            .finished
          } else if has(IN_DELETE | IN_MOVED_FROM) {
            .gone
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

  private init(_ source: OpaquePointer, _ handler: Handler) {
    self.source = source
    self.handler = handler
  }

  deinit {
    sd_event_source_disable_unref(source)
  }

  fileprivate static func add(
    to loop: EventLoop, _ path: String, _ interest: Interest,
    _ call: @escaping (Change) -> Void
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
    guard result >= 0, let source else { throw EventLoopError("watching \(path)", result) }
    return DirectoryWatch(source, handler)
  }

  /// The entry's name behind the event's fixed part; none for the directory itself.
  private static func name(_ event: UnsafePointer<inotify_event>) -> String? {
    guard event.pointee.len > 0 else { return nil }
    let start = UnsafeRawPointer(event) + MemoryLayout<inotify_event>.size
    let bytes = UnsafeRawBufferPointer(start: start, count: Int(event.pointee.len))
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
