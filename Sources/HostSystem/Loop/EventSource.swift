import CSystemd
import Glibc

/// Something an event loop waits for. It is waited for as long as this is kept.
package final class EventSource {
  /// What the loop calls.
  final class Handler {
    let call: (UInt32) -> Void

    init(_ call: @escaping (UInt32) -> Void) {
      self.call = call
    }
  }

  /// Adds a source: the C function's call gets the loop, the place for the source, and the handler as
  /// user data.
  static func add(
    to loop: EventLoop, _ attempt: String, priority: EventLoop.Priority, handler: Handler,
    _ body: (OpaquePointer, inout OpaquePointer?, UnsafeMutableRawPointer) -> Int32
  ) throws(EventLoopError) -> EventSource {
    var source: OpaquePointer?
    let result = body(loop.event, &source, Unmanaged.passUnretained(handler).toOpaque())
    guard result >= 0, let source else { throw EventLoopError(attempt, result) }
    sd_event_source_set_priority(source, priority.rawValue)
    return EventSource(source, handler)
  }

  /// Calls the handler behind a C callback's user data. It is kept for the call, since it may drop its
  /// own source.
  static func dispatch(_ userdata: UnsafeMutableRawPointer?, _ detail: UInt32) -> Int32 {
    guard let userdata else { return 0 }
    Unmanaged<Handler>.fromOpaque(userdata).takeUnretainedValue().call(detail)
    return 0
  }

  let source: OpaquePointer
  private let handler: Handler

  private init(_ source: OpaquePointer, _ handler: Handler) {
    self.source = source
    self.handler = handler
  }

  deinit {
    sd_event_source_disable_unref(source)
  }
}
