/// Reads the text of `udevadm monitor`, with or without `--property` (`print_device` in
/// src/udev/udevadm-monitor.c of systemd 252).
struct MonitorReader {
  private let name: String
  private var entries: [(entry: Capture.Entry, isUdev: Bool)] = []
  private var record: MonitorRecord?
  private var events = 0
  /// Whether any event had properties: then every one must have them.
  private var haveProperties = false
  /// Whether the introduction or an event was read. What is before it is not part of the capture.
  private var hasBegun = false
  /// Whether udevadm was interrupted from its terminal, which printed "^C".
  private var hasEnded = false
  private var repairs = TextRepairs()
  private var notes: [String] = []

  /// Reads `bytes` until their end or the first damage.
  static func read(_ bytes: [UInt8], name: String) -> Capture {
    var reader = MonitorReader(name: name)
    var capture = Capture(name: name, format: .monitor)
    do {
      for line in TextLines(bytes) { try reader.take(line) }
      try reader.finish()
    } catch {
      capture.damage = error
      reader.entries += (reader.record?.marks ?? []).map { ($0, false) }
    }
    let hasKernelEvents = reader.entries.contains { entry, isUdev in
      if case .event = entry { !isUdev } else { false }
    }
    // Both groups have the same events; the kernel's own are closer to what happened.
    capture.entries = reader.entries.filter { !hasKernelEvents || !$0.isUdev }.map(\.entry)
    capture.notes = reader.notes + reader.repairs.notes(name: name)
    if capture.damage == nil, capture.events.isEmpty {
      capture.notes.append("\(name): the file has no event.")
    }
    return capture
  }

  private init(name: String) {
    self.name = name
  }

  private func damage(_ problem: CaptureError.Problem, at line: Int) -> CaptureError {
    CaptureError(file: name, position: .line(line), problem: problem)
  }

  private mutating func take(_ line: TextLine) throws(CaptureError) {
    guard !hasEnded else { return }
    if line.isMark { return take(mark: line) }
    if !hasBegun {
      hasBegun = MonitorHeader.isIntroduction(line) || MonitorHeader.hasTag(line)
      // A shell's prompt, or what script(1) and ssh(1) print. A property would be the rest of an event.
      guard hasBegun || line.bytes.isEmpty || line.isProperty || !line.isTerminated else {
        if notes.isEmpty {
          notes.append("\(name):\(line.number): lines before the capture were ignored.")
        }
        return
      }
    } else if record == nil, line.starts(with: "^C") {
      hasEnded = true
      return
    }
    guard !line.bytes.contains(0) else {
      throw damage(.stray(Quotation.of(line.bytes)), at: line.number)
    }
    if record == nil, events == 0, MonitorHeader.isIntroduction(line) { return }
    guard line.isTerminated else { throw cutOff(at: line) }
    if line.bytes.isEmpty { return try takeEmptyLine() }

    let header: MonitorHeader?
    do {
      header = try MonitorHeader(line)
    } catch {
      throw damage(error, at: line.number)
    }
    if let header {
      try close(atEnd: false)
      record = MonitorRecord(header: header, line: line.number)
      return
    }
    guard record != nil else { throw damage(.stray(Quotation.of(line.bytes)), at: line.number) }
    // Asked in place: a copy of the record would have every property copied at each line.
    if record?.isInterrupted == true { record?.builder.addNewline() }
    do {
      try record?.builder.add(line.bytes)
    } catch {
      throw damage(.event(error), at: line.number)
    }
    record?.isInterrupted = false
    haveProperties = true
  }

  private mutating func take(mark line: TextLine) {
    let entry = Capture.Entry.mark(line.markText, at: .line(line.number))
    if !line.isUTF8 { repairs.note(.line(line.number)) }
    if record == nil {
      entries.append((entry, false))
    } else {
      record?.marks.append(entry)
    }
  }

  private mutating func takeEmptyLine() throws(CaptureError) {
    guard let open = record else { return }
    if open.isComplete || open.isInterrupted || !open.builder.hasProperties {
      try close(atEnd: false)
    } else {
      record?.isInterrupted = true
    }
  }

  /// The damage of a file whose last line, which is not a mark, has no newline.
  private mutating func cutOff(at line: TextLine) -> CaptureError {
    let isHeader = MonitorHeader.hasTag(line) || MonitorHeader.mayBecomeTag(line)
    if record == nil && !isHeader {
      return damage(.stray(Quotation.of(line.bytes)), at: line.number)
    }
    if let open = record {
      guard isHeader && (open.isComplete || !haveProperties) else {
        return damage(.cutOff(open.summary), at: open.line)
      }
      do {
        try close(atEnd: true)
      } catch {
        return error
      }
    }
    return damage(.cutOff("an event's first line"), at: line.number)
  }

  private mutating func finish() throws(CaptureError) {
    if let open = record, open.builder.hasProperties {
      // Which properties udevd added is not known, so a missing one would not be noticed.
      try close(atEnd: true)
      notes.append(
        "\(name):\(open.line): no empty line follows this last event; it was taken as complete.")
    } else {
      try close(atEnd: true)
    }
  }

  /// Ends the open event, if there is one.
  private mutating func close(atEnd: Bool) throws(CaptureError) {
    guard let open = record else { return }
    let isCut = haveProperties && !open.isComplete
    if atEnd && isCut { throw damage(.cutOff(open.summary), at: open.line) }
    let event: Uevent
    do throws(Uevent.Problem) {
      if isCut, let key = open.builder.missing.first { throw Uevent.Problem.missing(key) }
      event = try open.builder.event()
    } catch {
      throw damage(.event(error), at: open.line)
    }
    record = nil
    let position = Capture.Position.line(open.line)
    if open.builder.isRepaired { repairs.note(position) }
    let isUdev = open.header.isUdev
    events += 1
    entries.append((.event(event, at: position, time: open.header.time), isUdev))
    entries += open.marks.map { ($0, false) }
  }
}

/// An event in the text of `udevadm monitor` whose lines are being read.
struct MonitorRecord {
  /// The event's first line.
  let header: MonitorHeader
  /// That line's number.
  let line: Int
  /// The event as far as it was read.
  var builder: UeventBuilder
  /// Marks among the event's lines. They follow it: its first line was printed before them.
  var marks: [Capture.Entry] = []
  /// Whether an empty line came before the event was complete. The values of APMASK and AQMASK end with a
  /// newline (`ap_send_mask_changed_uevent`, 6.1 to 7.2), which udevadm leaves out and other recorders print,
  /// so the event may go on.
  var isInterrupted = false

  /// An event that begins with `header`.
  init(header: MonitorHeader, line: Int) {
    self.header = header
    self.line = line
    self.builder = header.builder
  }

  /// Whether all properties are present that every event has.
  var isComplete: Bool { builder.missing.isEmpty }

  /// The event as messages name it.
  var summary: String {
    "the event \"\(builder.action.rawValue) \(Quotation.of(builder.devicePath.utf8))\" that begins here"
  }
}

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
    let text = String(decoding: rest, as: UTF8.self)
    let stray = CaptureError.Problem.stray(Quotation.of(line.bytes))
    guard let bracket = text.utf8.firstIndex(of: UInt8(ascii: "]")),
      let time = Self.time(text[..<bracket])
    else { throw stray }
    let words = text[text.utf8.index(after: bracket)...].drop { $0 == " " }
    self.isUdev = isUdev
    self.time = time
    builder = try Self.builder(words, stray: stray, isRepaired: !line.isUTF8)
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
    _ words: Substring, stray: CaptureError.Problem, isRepaired: Bool
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
        action: String(word), devicePath: String(path), subsystem: subsystem, repairsText: true,
        isRepaired: isRepaired)
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
