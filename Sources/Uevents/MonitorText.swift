/// Writes events as `udevadm monitor --kernel --property` prints them (`print_device` in
/// src/udev/udevadm-monitor.c of systemd 252).
///
/// What is written reads back the same, for events that carry a sequence number; a value is cut at its
/// first newline, as udevadm does.
public enum MonitorText {
  /// What udevadm prints before the first event.
  public static let introduction = """
    monitor will print the received events for:
    KERNEL - the kernel uevent


    """

  /// An event that was received at `time`, with the empty line that ends it.
  ///
  /// - Parameters:
  ///   - event: The event.
  ///   - time: When it was received, since boot.
  /// - Returns: The lines, with the empty line.
  public static func record(_ event: Uevent, at time: Duration) -> String {
    let action = event.action.rawValue
    let padding = String(repeating: " ", count: max(0, 8 - action.utf8.count))
    var text =
      "KERNEL[\(stamp(time))] \(action)\(padding) \(event.devicePath) (\(event.subsystem))\n"
    text += "ACTION=\(action)\nDEVPATH=\(event.devicePath)\nSUBSYSTEM=\(event.subsystem)\n"
    for property in event.properties { text += "\(property.key)=\(firstLine(property.value))\n" }
    if let number = event.sequenceNumber { text += "SEQNUM=\(number)\n" }
    return text + "\n"
  }

  /// A mark: a comment line, cut at its first newline.
  ///
  /// - Parameter text: A text of one line.
  /// - Returns: The line.
  public static func mark(_ text: String) -> String { "# \(firstLine(text))\n" }

  /// A capture's events and marks as a whole file; an event without a time gets 0.
  ///
  /// - Parameter entries: Events and marks in order.
  /// - Returns: The file.
  public static func text(_ entries: some Sequence<Capture.Entry>) -> String {
    entries.reduce(into: introduction) { text, entry in
      switch entry {
      case .event(let event, at: _, time: let time): text += record(event, at: time ?? .zero)
      case .mark(let words, at: _): text += mark(words)
      }
    }
  }

  /// Seconds and six digits of microseconds; a time below zero is written as zero.
  private static func stamp(_ time: Duration) -> String {
    let parts = max(time, .zero).components
    let microseconds = String(parts.attoseconds / 1_000_000_000_000)
    return "\(parts.seconds)." + String(repeating: "0", count: 6 - microseconds.utf8.count)
      + microseconds
  }

  private static func firstLine(_ text: String) -> String {
    String(text.unicodeScalars.prefix { $0 != "\n" })
  }
}
