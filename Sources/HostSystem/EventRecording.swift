import Glibc
package import Uevents

/// A file to which events are appended as they come, in the text that `udevadm monitor` prints.
///
/// Each event is written at once and whole, so that a recording that is killed ends between events.
package final class EventRecording {
  private let file: HostFile.Output

  /// Makes or replaces the file.
  package init(path: String) throws(FileError) {
    file = try HostFile.Output(path: path)
    try file.write(MonitorText.introduction)
  }

  /// Appends an event that was received at `time`.
  package func append(_ event: Uevent, at time: Duration) throws(FileError) {
    try file.write(MonitorText.record(event, at: time))
  }
}
