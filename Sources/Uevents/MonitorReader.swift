/// Reads the text of `udevadm monitor`, with or without `--property` (`print_device` in
/// src/udev/udevadm-monitor.c of systemd 252).
struct MonitorReader {
  private let name: String
  private var entries: [(entry: Capture.Entry, isUdev: Bool)] = []
  private var record: MonitorRecord?
  /// Whether any event had properties: then every one must have them.
  private var haveProperties = false
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
    // Both groups tell of the same events; the kernel's own are nearer to what happened.
    capture.entries = reader.entries.filter { !hasKernelEvents || !$0.isUdev }.map(\.entry)
    capture.notes = reader.notes
    if capture.damage == nil, capture.events.isEmpty {
      capture.notes.append("\(name): there is no event in it.")
    }
    return capture
  }

  private init(name: String) {
    self.name = name
  }

  private func damage(_ problem: CaptureError.Problem, _ line: Int) -> CaptureError {
    CaptureError(file: name, position: .line(line), problem: problem)
  }

  private mutating func take(_ line: TextLine) throws(CaptureError) {
    if line.isMark { return try take(mark: line) }
    guard !line.bytes.contains(0) else {
      throw damage(.stray(Quotation.of(line.bytes)), line.number)
    }
    if record == nil, entries.isEmpty, MonitorHeader.isIntroduction(line) { return }
    guard line.isTerminated else { throw cutOff(at: line) }
    if line.bytes.isEmpty { return try takeEmptyLine() }

    let header: MonitorHeader?
    do {
      header = try MonitorHeader(line)
    } catch {
      throw damage(error, line.number)
    }
    if let header {
      try close(atEnd: false)
      record = MonitorRecord(header: header, line: line.number)
      return
    }
    guard record != nil else { throw damage(.stray(Quotation.of(line.bytes)), line.number) }
    do {
      try record?.builder.add(line.bytes)
    } catch {
      throw damage(.event(error), line.number)
    }
    record?.isInterrupted = false
    haveProperties = true
  }

  private mutating func take(mark line: TextLine) throws(CaptureError) {
    let entry: Capture.Entry
    do {
      entry = .mark(try line.markText(), at: .line(line.number))
    } catch {
      throw damage(error, line.number)
    }
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

  /// The damage of a file whose last line, which is no mark, has no newline.
  private mutating func cutOff(at line: TextLine) -> CaptureError {
    let isHeader = MonitorHeader.hasTag(line) || MonitorHeader.mayBecomeTag(line)
    if record == nil && !isHeader { return damage(.stray(Quotation.of(line.bytes)), line.number) }
    if let open = record {
      guard isHeader && (open.isComplete || !haveProperties) else {
        return damage(.cutOff(open.summary), open.line)
      }
      do {
        try close(atEnd: true)
      } catch {
        return error
      }
    }
    return damage(.cutOff("an event's first line"), line.number)
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
    if atEnd && isCut { throw damage(.cutOff(open.summary), open.line) }
    let event: Uevent
    do throws(Uevent.Problem) {
      if isCut, let key = open.builder.missing.first { throw Uevent.Problem.missing(key) }
      event = try open.builder.event()
    } catch {
      throw damage(.event(error), open.line)
    }
    record = nil
    let position = Capture.Position.line(open.line)
    let isUdev = open.header.isUdev
    entries.append((.event(event, at: position, time: open.header.time), isUdev))
    entries += open.marks.map { ($0, false) }
  }
}
