import TestSupport
import Testing
import Uevents

private func read(_ text: String) -> Capture {
  Capture.read(bytes: Array(text.utf8), name: "a.events")
}

private let card = Uevent(
  .add, "/devices/ap/card00", subsystem: "ap", properties: [.init("MODE", "cca")],
  sequenceNumber: 7)

private let cardText = """
  KERNEL[5.946278] add      /devices/ap/card00 (ap)
  ACTION=add
  DEVPATH=/devices/ap/card00
  SUBSYSTEM=ap
  MODE=cca
  SEQNUM=7


  """

@Suite struct `A monitor's text` {
  @Test func `needs no introduction`() {
    let capture = read(cardText)
    #expect(capture.format == .monitor)
    #expect(capture.damage == nil)
    let time = Duration.seconds(5) + .microseconds(946_278)
    #expect(capture.entries == [.event(card, at: .line(1), time: time)])
  }

  @Test(arguments: [
    "monitor will print the received events for:\nKERNEL - the kernel uevent\n\n",
    "monitor will print the received events for:\nUDEV - the event which udev sends out after rule "
      + "processing\nKERNEL - the kernel uevent\n\n",
    "monitor will print the received events for:\nUDEV the event which udev sends out after rule "
      + "processing\nUEVENT the kernel uevent\n\n",
    "udevmonitor prints the received event from the kernel [UEVENT]\nand the event which udev sends "
      + "out after rule processing [UDEV]\n\n",
    "\n\n",
  ])
  func `may have the introduction of any age`(introduction: String) {
    let capture = read(introduction + cardText)
    #expect(capture.damage == nil)
    #expect(capture.events == [card])
  }

  @Test func `may have the line ends of Windows`() {
    let text = "# step\n" + cardText
    let capture = read(
      text.split(separator: "\n", omittingEmptySubsequences: false)
        .joined(separator: "\r\n"))
    #expect(capture.damage == nil)
    #expect(capture.events == [card])
    #expect(capture.entries.first == .mark("step", at: .line(1)))
  }

  @Test func `keeps a carriage return that belongs to a value`() {
    let event = Uevent(
      .add, "/d", subsystem: "x", properties: [.init("A", "b\r")], sequenceNumber: 1)
    #expect(read(MonitorText.record(event, at: .zero)).events == [event])
  }

  @Test(arguments: [
    "UEVENT[1132632714.285362] add@/devices/ap/card00",
    "UEVENT[1194384563.024567] add      /devices/ap/card00 (ap)",
    "KERNEL[0.000001] add /devices/ap/card00 (ap)",
    "UDEV  [5.946278] add      /devices/ap/card00 (ap)",
  ])
  func `may have the headers of any age`(header: String) {
    let capture = read(header + cardText.drop { $0 != "\n" })
    #expect(capture.damage == nil)
    #expect(capture.events == [card])
  }

  @Test func `without properties gives what the headers say`() {
    let capture = read(
      """
      KERNEL[1.000000] add      /devices/ap/card00 (ap)
      # mark
      UDEV  [1.500000] add      /devices/ap/card00 (ap)
      KERNEL[2.000000] unbind   /devices/with (a) blank (ap)

      """)
    #expect(capture.damage == nil)
    #expect(capture.notes == [])
    #expect(
      capture.entries == [
        .event(
          Uevent(.add, "/devices/ap/card00", subsystem: "ap"), at: .line(1), time: .seconds(1)),
        .mark("mark", at: .line(2)),
        .event(
          Uevent(.unbind, "/devices/with (a) blank", subsystem: "ap"), at: .line(4),
          time: .seconds(2)),
      ])
  }

  @Test func `continues after a mark inside an event`() {
    let capture = read(cardText.replacing("MODE", with: "#no blank\n# two\nMODE"))
    #expect(capture.damage == nil)
    #expect(capture.events == [card])
    #expect(
      Array(capture.entries.dropFirst()) == [
        .mark("no blank", at: .line(5)), .mark("two", at: .line(6)),
      ])
  }

  @Test func `continues after the empty line that a mask's newline made, which is in the value`() {
    let text = """
      KERNEL[1.000000] change   /devices/ap (ap)
      ACTION=change
      DEVPATH=/devices/ap
      SUBSYSTEM=ap
      APMASK=0xff

      AQMASK=0x0f

      SEQNUM=3


      """
    let capture = read(text + cardText)
    #expect(capture.damage == nil)
    #expect(
      capture.events == [
        Uevent(
          .change, "/devices/ap", subsystem: "ap",
          properties: [.init("APMASK", "0xff\n"), .init("AQMASK", "0x0f\n")], sequenceNumber: 3),
        card,
      ])
    #expect(
      read(text.replacing("\n\nSEQNUM", with: "\n\n\nSEQNUM")).damage?.description
        == "a.events:1: SEQNUM is missing.")
  }

  @Test func `prefers the kernel's events wherever they are`() {
    let udev = cardText.replacing("KERNEL", with: "UDEV  ")
      .replacing("SEQNUM=7", with: "SEQNUM=7\nUSEC_INITIALIZED=1")
    let capture = read("# a\n" + udev + "# b\n" + cardText + udev)
    #expect(capture.events == [card])
    #expect(capture.entries.count == 3)
    #expect(read(udev).events.first?["USEC_INITIALIZED"] == "1")
  }

  @Test func `without any event says so`() {
    let capture = read(MonitorText.introduction + "# end\n")
    #expect(capture.damage == nil)
    #expect(capture.notes == ["a.events: the file has no event."])
    #expect(capture.entries == [.mark("end", at: .line(4))])
  }

  @Test(arguments: [
    ("MODE=cca", "MODE", 5, "expected KEY=VALUE, found \"MODE\""),
    ("MODE=cca", "ACTION=add", 5, "ACTION is given twice"),
    ("MODE=cca\n", "MODE=a\0b\n", 5, "\"MODE=a\\0b\" belongs to no event or device"),
    (
      "ACTION=add", "ACTION=remove", 2,
      "ACTION is \"remove\", but the event's first line says \"add\""
    ),
    (
      "DEVPATH=/devices/ap/card00", "DEVPATH=/devices/ap/card01", 3,
      "DEVPATH is \"/devices/ap/card01\", but the event's first line says \"/devices/ap/card00\""
    ),
    (
      "SUBSYSTEM=ap", "SUBSYSTEM=a", 4, "SUBSYSTEM is \"a\", but the event's first line says \"ap\""
    ),
    ("SUBSYSTEM=ap\n", "", 1, "SUBSYSTEM is missing"),
    ("SEQNUM=7\n", "", 1, "SEQNUM is missing"),
    ("SEQNUM=7", "SEQNUM=0", 6, "SEQNUM is \"0\", not a decimal number from 1 on"),
    (
      "] add ", "] grow ", 1,
      "unknown action \"grow\"; a kernel sends add, remove, change, move, online, offline, bind, "
        + "unbind"
    ),
    (
      "     /devices/ap/card00 (", "     /devices/../card00 (", 1,
      "the device path \"/devices/../card00\" has an empty, \".\" or \"..\" component"
    ),
    (
      "5.946278", "5.9", 1,
      "\"KERNEL[5.9] add      /devices/ap/card00 (ap)\" belongs to no event or device"
    ),
    (
      " (ap)", "", 1,
      "\"KERNEL[5.946278] add      /devices/ap/card00\" belongs to no event or device"
    ),
    ("KERNEL[5", "\nnoise\nKERNEL[5", 2, "\"noise\" belongs to no event or device"),
    ("SEQNUM=7\n", "SEQNUM=7\n\nMODE=cca\n", 8, "\"MODE=cca\" belongs to no event or device"),
  ])
  func `with damage gives the line and keeps what is before`(
    original: String, changed: String, line: Int, sentence: String
  ) {
    // The record under test comes second, behind the 7 lines of a good one.
    let capture = read(cardText + cardText.replacing(original, with: changed) + cardText)
    #expect(capture.damage?.description == "a.events:\(line + 7): \(sentence).")
    #expect(capture.events.count == (changed.contains("\n\nMODE") ? 2 : 1))
  }

  @Test func `that is not UTF-8 says so`() {
    var bytes = Array(cardText.utf8)
    bytes[bytes.count - 14] = 0xff
    let capture = Capture.read(bytes: bytes, name: "a.events")
    #expect(capture.damage?.problem == .event(.notUTF8))
  }

  @Test func `that is not UTF-8 about another device, or in a remark, is read with a note`() throws
  {
    let other = """
      # Pr\u{fffd}fung
      KERNEL[1.000000] add      /devices/virtual/net/\u{fffd} (net)
      ACTION=add
      DEVPATH=/devices/virtual/net/\u{fffd}
      SUBSYSTEM=net
      PARTNAME=M\u{fffd}a
      SEQNUM=6


      """
    let bytes = Array(other.utf8).split(separator: Array("\u{fffd}".utf8)).joined(separator: [0xe4])
    let capture = Capture.read(bytes: bytes + Array(cardText.utf8), name: "a.events")
    #expect(capture.damage == nil)
    #expect(capture.entries.first == .mark("Pr\u{fffd}fung", at: .line(1)))
    #expect(capture.events.map(\.devicePath) == ["/devices/virtual/net/\u{fffd}", card.devicePath])
    #expect(capture.events.first?["PARTNAME"] == "M\u{fffd}a")
    #expect(
      capture.notes == [
        "a.events:1: bytes that are not UTF-8 were replaced, here and at 1 more place."
      ])
  }

  /// What a terminal shows, or script(1) records, around the text of udevadm.
  @Test(
    arguments: [
      ("", "^C[root@lnx01 ~]# ", nil),
      ("", "^C\n[root@lnx01 ~]# exit\n", nil),
      ("[root@lnx01 ~]# udevadm monitor -kp\n", "", 1),
      ("\n$ cd /tmp\n# a remark\nlnx01:~ # udevadm monitor -kp\n", "^C\n", 2),
      ("Script started on 2026-01-01 10:00:00+00:00\n", "", 1),
    ] as [(String, String, Int?)])
  func `may have a terminal's lines around it`(before: String, after: String, line: Int?) {
    for introduction in ["", MonitorText.introduction] {
      let capture = read(before + introduction + cardText + after)
      #expect(capture.format == .monitor)
      #expect(capture.damage == nil)
      #expect(capture.events == [card])
      #expect(
        capture.notes
          == (line.map { ["a.events:\($0): lines before the capture were ignored."] } ?? []))
    }
  }

  @Test func `may have remarks before the introduction`() {
    let capture = read("# lnx01\n#\n" + MonitorText.introduction + cardText)
    #expect(capture.damage == nil)
    #expect(capture.notes == [])
    #expect(capture.events == [card])
    #expect(
      Array(capture.entries.prefix(2)) == [.mark("lnx01", at: .line(1)), .mark("", at: .line(2))])
  }

  @Test func `that begins inside an event is damaged`() {
    let capture = read("MODE=cca\nSEQNUM=6\n\n" + cardText)
    #expect(
      capture.damage?.description == "a.events:1: \"MODE=cca\" belongs to no event or device.")
  }
}

@Suite struct `The writer of monitor text` {
  @Test func `prints what udevadm prints`() {
    #expect(MonitorText.record(card, at: .seconds(5) + .microseconds(946_278)) == cardText)
    #expect(MonitorText.mark("two\nlines") == "# two\n")
  }

  @Test func `cuts a value at its newline, as udevadm does`() {
    let event = Uevent(
      .change, "/devices/ap", subsystem: "ap", properties: [.init("APMASK", "0xff\n")],
      sequenceNumber: 3)
    let text = MonitorText.record(event, at: .microseconds(1))
    #expect(text.hasPrefix("KERNEL[0.000001] change   /devices/ap (ap)\n"))
    #expect(read(text).events.first?["APMASK"] == "0xff")
    #expect(text.hasSuffix("APMASK=0xff\nSEQNUM=3\n\n"))
  }

  @Test func `and the reader agree on any event`() {
    var generator = SeededGenerator(seed: 3)
    let letters = Array("abcXYZ019 =#()[]@:.\t\r\\\"ü🇩🇪\u{301}_-")
    func word(_ generator: inout SeededGenerator) -> String {
      String(
        (0..<Int.random(in: 1...9, using: &generator)).map { _ in
          letters.randomElement(using: &generator) ?? "x"
        })
    }
    for _ in 0..<500 {
      let events = (0..<5).map { _ in
        Uevent(
          Uevent.Action.allCases.randomElement(using: &generator) ?? .add,
          "/devices/x" + word(&generator), subsystem: "s_" + String(generator.next(), radix: 36),
          properties: (0..<Int.random(in: 0...5, using: &generator)).map {
            .init("KEY\($0)", word(&generator))
          }, sequenceNumber: .random(in: 1...(.max), using: &generator))
      }
      let entries = events.map {
        Capture.Entry.event(
          $0, at: .offset(0),
          time: .microseconds(Int64.random(in: 0...(1 << 50), using: &generator))
        )
      }
      let capture = read(MonitorText.text(entries))
      #expect(capture.damage == nil)
      #expect(capture.events == events)
      #expect(times(capture.entries) == times(entries))
    }
  }
}

private func times(_ entries: [Capture.Entry]) -> [Duration?] {
  entries.map { entry in
    guard case .event(_, at: _, let time) = entry else { return nil }
    return time
  }
}
