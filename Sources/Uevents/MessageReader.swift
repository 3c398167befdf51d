/// Reads kernel messages that stand one behind the other, without any framing.
///
/// A message ends with its SEQNUM; another one's header also ends it.
enum MessageReader {
  /// Reads `bytes` until their end or the first damage.
  static func read(_ bytes: [UInt8], name: String) -> Capture {
    var capture = Capture(name: name, format: .messages)
    var start = 0
    while start < bytes.endIndex {
      let extent = extent(bytes, from: start)
      do {
        let event = try KernelMessage.decode(slice: bytes[start..<extent.end])
        capture.entries.append(.event(event, at: .offset(start), time: nil))
      } catch {
        capture.damage = damage(error, file: name, start: start, mayBeCut: extent.isOpen)
        break
      }
      start = extent.end
    }
    return capture
  }

  private static func damage(
    _ error: KernelMessageError, file: String, start: Int, mayBeCut: Bool
  ) -> CaptureError {
    switch error.problem {
    case .notTerminated where mayBeCut, .missing where mayBeCut:
      CaptureError(
        file: file, position: .offset(start), problem: .cutOff("the event that begins here"))
    default:
      CaptureError(
        file: file, position: .offset(start + error.offset), problem: .event(error.problem))
    }
  }

  /// Where the message that begins at `start` ends, and whether that is only because the file ends.
  private static func extent(_ bytes: [UInt8], from start: Int) -> (end: Int, isOpen: Bool) {
    var next = start
    while next < bytes.endIndex {
      if next > start, KernelMessage.isHeader(bytes[next...]) { return (next, false) }
      guard let end = bytes[next...].firstIndex(of: 0) else { return (bytes.endIndex, true) }
      let isLast = bytes[next..<end].starts(with: "SEQNUM=".utf8)
      next = end + 1
      if isLast { return (next, false) }
    }
    return (next, true)
  }
}
