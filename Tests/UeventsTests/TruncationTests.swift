import TestSupport
import Testing
import Uevents

/// Whether a text that ends behind these lines ends inside an event: a simple second reading of the
/// format. The very first event's first line alone is a whole event of a capture without properties.
private func endsInsideEvent(_ lines: ArraySlice<String>) -> Bool {
  guard let last = lines.lastIndex(where: { $0.hasPrefix("KERNEL[") || $0.hasPrefix("UDEV  [") })
  else { return false }
  let event = lines[last...]
  if event.contains(where: { $0.isEmpty || $0.hasPrefix("SEQNUM=") }) { return false }
  let isFirst = !lines[..<last].contains { $0.hasPrefix("SEQNUM=") }
  let hasProperties = event.contains { $0.hasPrefix("ACTION=") }
  return !isFirst || hasProperties
}

/// Cuts `bytes` at `count` and checks that what is left gives the whole's first events and marks.
///
/// The two are compared apart: a mark inside an event that was cut off is delivered, the event not.
private func expectCut(
  _ bytes: [UInt8], at count: Int, isDamaged: Bool, whole: Capture,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let capture = Capture.read(bytes: Array(bytes[..<count]), name: "cut")
  guard capture.events.count <= whole.events.count else {
    Issue.record("more events than in the whole", sourceLocation: sourceLocation)
    return
  }
  let hasFirstEvents =
    whole.events.starts(with: capture.events.dropLast())
    && (capture.events.last.map { isPart($0, of: whole.events[capture.events.count - 1]) } ?? true)
  let hasFirstMarks = zip(marks(capture), marks(whole)).allSatisfy { $1.hasPrefix($0) }
  #expect((capture.damage != nil) == isDamaged, "cut at \(count)", sourceLocation: sourceLocation)
  #expect(hasFirstEvents, "cut at \(count)", sourceLocation: sourceLocation)
  #expect(hasFirstMarks, "cut at \(count)", sourceLocation: sourceLocation)
  #expect(marks(capture).count <= marks(whole).count, sourceLocation: sourceLocation)
}

/// Whether a cut may have made `part` of `event`: udevadm prints MAJOR and MINOR behind SEQNUM, and an
/// event without any property is taken as such.
private func isPart(_ part: Uevent, of event: Uevent) -> Bool {
  part.action == event.action && part.devicePath == event.devicePath
    && part.subsystem == event.subsystem && event.properties.starts(with: part.properties)
    && (part.sequenceNumber == event.sequenceNumber || part.properties.isEmpty)
}

private func marks(_ capture: Capture) -> [String] {
  capture.entries.compactMap { if case .mark(let text, at: _) = $0 { text } else { nil } }
}

@Suite struct `A capture that was cut off` {
  @Test(arguments: CaptureFile.names)
  func `at any line is damaged only inside an event`(name: String) throws {
    let bytes = try CaptureFile.bytes(name + ".events")
    let whole = Capture.read(bytes: bytes, name: "cut")
    let lines = CaptureFile.lines(bytes)
    var count = 0
    for (index, line) in lines.dropLast().enumerated() {
      count += line.utf8.count + 1
      // Behind the first event of the kernel's, so that udev's are left out in every part; not every
      // line of a long capture, for the tests' sake.
      guard index > 10, index < 200 || index % 151 == 0 else { continue }
      expectCut(bytes, at: count, isDamaged: endsInsideEvent(lines[...index]), whole: whole)
    }
  }

  @Test func `at any byte is damaged unless it ends with a line or a mark`() throws {
    let lines = CaptureFile.lines(try CaptureFile.bytes("real-6.1-mask.events"))
    // The introduction, and the part around a mark that stands inside an event.
    let start = try #require(lines.firstIndex { $0.contains(" /devices/ap/card03/03.0000 ") })
    let mark = try #require(lines.firstIndex(of: "# after load"))
    let part = Array(lines[..<4] + lines[start..<(mark + 30)])
    let bytes = Array(part.joined(separator: "\n").utf8) + [10]
    let whole = Capture.read(bytes: bytes, name: "cut")
    #expect(whole.events.count > 5)
    #expect(lines[mark - 1] == "SUBSYSTEM=ap")
    // A cut inside the introduction's first line leaves nothing to recognise.
    for count in (lines[0].utf8.count + lines[1].utf8.count + 2)..<bytes.count {
      let cut = CaptureFile.lines(Array(bytes[..<count]))
      let partial = cut.last ?? ""
      let isDamaged =
        partial.isEmpty || partial.hasPrefix("#") ? endsInsideEvent(cut.dropLast()) : true
      expectCut(bytes, at: count, isDamaged: isDamaged, whole: whole)
    }
  }

  @Test func `as kernel messages is damaged unless a message ends there`() throws {
    let events = Capture.read(bytes: try CaptureFile.bytes("sim-2018.events"), name: "x").events
      .prefix(9)
    let messages = events.map(KernelMessage.encode)
    let bytes = messages.flatMap { $0 }
    let ends = messages.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
    let whole = Capture.read(bytes: bytes, name: "cut")
    #expect(whole.events.count == 9)
    for count in 6..<bytes.count {
      expectCut(bytes, at: count, isDamaged: !ends.contains(count), whole: whole)
      let capture = Capture.read(bytes: Array(bytes[..<count]), name: "cut")
      let start = ends.last { $0 <= count } ?? 0
      #expect(capture.events.count == ends.count { $0 > 0 && $0 <= count })
      guard start != count else { continue }
      #expect(
        capture.damage?.description
          == "cut: at byte \(start): the file is cut off in the middle of the event that begins "
          + "here.")
    }
  }

  @Test func `says which event it ends in and keeps those before`() {
    let text = """
      KERNEL[1.000000] add      /devices/ap/card00 (ap)
      ACTION=add
      DEVPATH=/devices/ap/card00
      SUBSYSTEM=ap
      SEQNUM=1

      # next
      KERNEL[2.000000] add      /devices/ap/card00/00.0001 (ap)
      ACTION=add
      # slipped in
      DEVPATH=/devices/ap/card00/00.0001
      SUBSYSTEM=ap

      """
    let capture = Capture.read(bytes: Array(text.utf8), name: "a.events")
    #expect(
      capture.damage?.description
        == "a.events:8: the file is cut off in the middle of the event \"add "
        + "/devices/ap/card00/00.0001\" that begins here.")
    #expect(capture.events.map(\.sequenceNumber) == [1])
    #expect(
      Array(capture.entries.dropFirst()) == [
        .mark("next", at: .line(7)), .mark("slipped in", at: .line(10)),
      ])
    #expect(capture.notes == [])
  }

  @Test func `after its last property is whole, with a note`() {
    let text = """
      KERNEL[1.000000] add      /devices/ap/card00 (ap)
      ACTION=add
      DEVPATH=/devices/ap/card00
      SUBSYSTEM=ap
      SEQNUM=1

      """
    let capture = Capture.read(bytes: Array(text.utf8), name: "a.events")
    #expect(capture.damage == nil)
    #expect(capture.events.count == 1)
    #expect(
      capture.notes == [
        "a.events:1: no empty line follows this last event; it was taken as complete."
      ])
    let shorter = Capture.read(bytes: Array(text.utf8.dropLast()), name: "a.events")
    #expect(
      shorter.damage?.problem
        == .cutOff("the event \"add /devices/ap/card00\" that begins here"))
    #expect(shorter.events == [])
  }
}
