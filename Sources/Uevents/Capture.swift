/// What a capture file holds: events in their order, or devices as they were at one moment.
public struct Capture: Equatable, Sendable {
  /// The form of a capture.
  public enum Format: String, Hashable, Sendable, CaseIterable {
    /// The text that `udevadm monitor` prints.
    case monitor
    /// The text that `udevadm info --export-db` prints: a state, no events.
    case database
    /// Device descriptions of umockdev: a state with attributes, no events.
    case descriptions
    /// Kernel messages, one behind the other.
    case messages
  }

  /// Where in the file something begins.
  public enum Position: Hashable, Sendable {
    /// A line of a text, from 1.
    case line(Int)
    /// A byte of a file that is no text, from 0.
    case offset(Int)
  }

  /// One thing in a capture of events.
  public enum Entry: Equatable, Sendable {
    /// An event, and when it was printed: only differences of times mean anything (wall-clock times in
    /// old captures, times since boot in newer ones).
    case event(Uevent, at: Position, time: Duration?)
    /// A comment line without its `#`: what the capture's author did at this point.
    case mark(String, at: Position)
  }

  /// The file's name as messages show it.
  public var name: String
  /// The form that was recognised by content; nil if none was.
  public var format: Format?
  /// The events and marks, if the form has events.
  public var entries: [Entry]
  /// The devices, if the form is a state.
  public var devices: [DeviceDescription]
  /// What was let pass but a user may want to know, each a sentence with its place.
  public var notes: [String]
  /// What ended reading before the file's end; what stands before it was read and is above.
  public var damage: CaptureError?

  /// An empty capture.
  init(name: String, format: Format?) {
    self.name = name
    self.format = format
    self.entries = []
    self.devices = []
    self.notes = []
    self.damage = nil
  }

  /// The events alone.
  public var events: [Uevent] {
    entries.compactMap { entry in
      guard case .event(let event, at: _, time: _) = entry else { return nil }
      return event
    }
  }
}
