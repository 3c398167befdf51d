/// The first line of an event in the text of `udevadm monitor`, of any age:
/// `KERNEL[5.946278] add      /devices/ap/card00 (ap)`.
struct MonitorHeader {
  /// Whether udevd sent the event on, as against the kernel's own.
  let isUdev: Bool
  /// When the line was printed.
  let time: Duration
  /// The event that begins here.
  let builder: UeventBuilder

  private static let tags: [(text: String, isUdev: Bool)] = [
    ("KERNEL", false), ("UDEV", true), ("UEVENT", false),
  ]

  /// Whether the line is the first of an event, judged by its tag.
  static func hasTag(_ line: TextLine) -> Bool { tag(line) != nil }

  /// Whether the file may have been cut off inside such a tag.
  static func mayBecomeTag(_ line: TextLine) -> Bool {
    tags.contains { tag in
      let padded = tag.text + String(repeating: " ", count: 6 - tag.text.utf8.count) + "["
      return padded.utf8.starts(with: line.bytes)
    }
  }

  /// Whether the line is one that monitors of all ages print before the first event.
  static func isIntroduction(_ line: TextLine) -> Bool {
    [
      "monitor will print ", "udevmonitor ", "and the event which udev ", "UDEV - ", "KERNEL - ",
      "UDEV the event ", "UEVENT the kernel ",
    ].contains { line.starts(with: $0) }
  }

  /// Reads the line; nil if it is not the first of an event.
  init?(_ line: TextLine) throws(CaptureError.Problem) {
    guard let (rest, isUdev) = Self.tag(line) else { return nil }
    guard let text = String(validating: rest, as: UTF8.self) else { throw .event(.notUTF8) }
    let stray = CaptureError.Problem.stray(Quotation.of(line.bytes))
    guard let bracket = text.utf8.firstIndex(of: UInt8(ascii: "]")),
      let time = Self.time(text[..<bracket])
    else { throw stray }
    let words = text[text.utf8.index(after: bracket)...].drop { $0 == " " }
    self.isUdev = isUdev
    self.time = time
    builder = try Self.builder(words, stray: stray)
  }

  private static func tag(_ line: TextLine) -> (rest: ArraySlice<UInt8>, isUdev: Bool)? {
    for tag in tags where line.starts(with: tag.text) {
      let rest = line.bytes.dropFirst(tag.text.utf8.count).drop { $0 == UInt8(ascii: " ") }
      if rest.first == UInt8(ascii: "[") { return (rest.dropFirst(), tag.isUdev) }
    }
    return nil
  }

  /// Reads `add      /devices/ap/card00 (ap)`, or the older `add@/devices/ap/card00`.
  private static func builder(
    _ words: Substring, stray: CaptureError.Problem
  ) throws(CaptureError.Problem) -> UeventBuilder {
    let word = words.prefix { $0 != " " && $0 != "@" }
    let rest = words[word.endIndex...]
    guard let separator = rest.first else { throw stray }
    var path = separator == "@" ? rest.dropFirst() : rest.drop { $0 == " " }
    var subsystem: String?
    if separator == " " {
      guard let opening = path.lastIndex(of: "("), path.last == ")",
        path[..<opening].last == " "
      else { throw stray }
      subsystem = String(path[opening...].dropFirst().dropLast())
      path = path[..<opening].dropLast()
    }
    do {
      return try UeventBuilder(
        action: String(word), devicePath: String(path), subsystem: subsystem)
    } catch {
      throw .event(error)
    }
  }

  /// Reads `5.946278`: seconds and six digits of microseconds.
  private static func time(_ text: Substring) -> Duration? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].utf8.count == 6, (1...18).contains(parts[0].utf8.count),
      parts.allSatisfy({ $0.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) }),
      let seconds = Int64(parts[0]), let microseconds = Int64(parts[1])
    else { return nil }
    return .seconds(seconds) + .microseconds(microseconds)
  }
}
