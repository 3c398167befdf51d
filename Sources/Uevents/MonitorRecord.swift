/// An event in the text of `udevadm monitor` whose lines are being read.
struct MonitorRecord {
  /// The event's first line.
  let header: MonitorHeader
  /// That line's number.
  let line: Int
  /// The event as far as it was read.
  var builder: UeventBuilder
  /// Marks among the event's lines. They come after it: its first line was printed before them.
  var marks: [Capture.Entry] = []
  /// Whether an empty line came before the event was complete. Some kernels put a newline at the end
  /// of APMASK's and AQMASK's value (`ap_send_mask_changed_uevent`, 6.1), so the event may go on.
  var isInterrupted = false

  /// An event that begins with `header`.
  init(header: MonitorHeader, line: Int) {
    self.header = header
    self.line = line
    self.builder = header.builder
  }

  /// Whether all properties are there that every event has.
  var isComplete: Bool { builder.missing.isEmpty }

  /// The event as messages name it.
  var summary: String {
    "the event \"\(builder.action.rawValue) \(Quotation.of(builder.devicePath.utf8))\" that begins here"
  }
}
