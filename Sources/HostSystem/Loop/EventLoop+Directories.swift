import CSystemd
import Glibc

extension EventLoop {
  /// Calls `handler` with the name of each entry of a directory that was changed, and with nil when the
  /// directory itself was moved or removed, or when changes were lost. The result is nil for a directory
  /// that is not there.
  ///
  /// - Throws: when it cannot be watched although it is there.
  package func watchDirectory(
    _ path: String, for interest: DirectoryWatch.Interest = .entries,
    _ handler: @escaping (String?) -> Void
  ) throws(EventLoopError) -> DirectoryWatch? {
    try DirectoryWatch.add(to: self, path, interest, handler)
  }
}

/// A directory that is watched as long as this is kept (inotify(7)).
package final class DirectoryWatch {
  /// What is to be told of a directory, beside its own going.
  package enum Interest: Sendable {
    /// Entries that are made, written, renamed or removed, or get other rights.
    case entries
    /// Entries that come.
    case arrivals
    /// Nothing.
    case nothing

    fileprivate var mask: UInt32 {
      let own = UInt32(IN_DELETE_SELF | IN_MOVE_SELF) | UInt32(IN_ONLYDIR)
      let arrivals = UInt32(IN_CREATE | IN_MOVED_TO)
      return switch self {
      case .entries: own | arrivals | UInt32(IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM)
      case .arrivals: own | arrivals
      case .nothing: own
      }
    }
  }

  private final class Handler {
    let call: (String?) -> Void

    init(_ call: @escaping (String?) -> Void) {
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
    _ call: @escaping (String?) -> Void
  ) throws(EventLoopError) -> DirectoryWatch? {
    let handler = Handler(call)
    var source: OpaquePointer?
    let result = sd_event_add_inotify(
      loop.event, &source, path, interest.mask,
      { _, event, userdata in
        guard let event, let userdata else { return 0 }
        let handler = Unmanaged<Handler>.fromOpaque(userdata).takeUnretainedValue()
        handler.call(DirectoryWatch.name(event))
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
