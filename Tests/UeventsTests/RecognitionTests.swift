import Testing
import Uevents

private let packets = """
  this is a packet capture, and Linux never copies uevents to a capture interface; record with \
  "udevadm monitor --kernel --property"
  """

private let udevMessages = """
  these are messages that udevd sends on, not the kernel's; record with \
  "udevadm monitor --kernel --property"
  """

private let attributeWalk = """
  this is the output of "udevadm info --attribute-walk", which shows one device and its parents for \
  writing rules; use "udevadm info --export-db"
  """

private let json = """
  this is JSON; a capture is the text of "udevadm monitor --kernel --property" or \
  "udevadm info --export-db"
  """

private let unknown = """
  begins no known capture; expected the output of "udevadm monitor --kernel --property" or \
  "udevadm info --export-db", umockdev device descriptions, or kernel messages
  """

private let empty = "the file is empty; a capture has at least one event or device"

private func expectRefusal(_ bytes: [UInt8], _ sentence: String) {
  let capture = Capture.read(bytes: bytes, name: "x")
  #expect(capture.damage?.description == sentence)
  #expect(capture.format == nil)
  #expect(capture.entries.isEmpty)
  #expect(capture.devices.isEmpty)
}

@Suite struct `A capture's form` {
  @Test(arguments: [
    ("", "x: \(empty)."),
    ("\r\n\r\n\n", "x: \(empty)."),
    ("libudev\0???", "x: \(udevMessages)."),
    ("BZh9", "x: this is a compressed file; unpack it first."),
    ("\nUdevadm info starts with the device\n", "x:2: \(attributeWalk)."),
    ("\n\n  looking at device '/devices/ap/card05':\n", "x:3: \(attributeWalk)."),
    ("{\n\"a\": 1}\n", "x:1: \(json)."),
    ("[\n{}]\n", "x:1: \(json)."),
    (" [ 3, 4 ]\n", "x:1: \(json)."),
    (
      "\n{\n  \"apreserve\": \"snapshot\",\n  \"version\": 1",
      "x:2: this describes a machine, and is no capture; use it with --inventory."
    ),
    ("\n[root@host ~]# ls\n", "x:2: \"[root@host ~]# ls\" \(unknown)."),
    ("# rules\nHWTYPE==\"13-\"\n", "x:2: \"HWTYPE==\"13-\"\" \(unknown)."),
    ("\u{7f}ELF\0\n", "x: at byte 0: \"\\u{7F}ELF\\0\" \(unknown)."),
    ("add@/devices/ap\nACTION=add\n", "x:1: \"add@/devices/ap\" \(unknown)."),
  ])
  func `that cannot be used is refused with what to use`(text: String, sentence: String) {
    expectRefusal(Array(text.utf8), sentence)
  }

  @Test(arguments: [
    [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], [0xa1, 0xb2, 0xc3, 0xd4], [0x0a, 0x0d, 0x0d, 0x0a],
    [0x4d, 0x3c, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d] as [UInt8],
  ])
  func `is never that of captured packets`(bytes: [UInt8]) {
    expectRefusal(bytes, "x: \(packets).")
  }

  @Test(arguments: [
    [0x1f, 0x8b, 8], [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], [0x28, 0xb5, 0x2f, 0xfd] as [UInt8],
  ])
  func `is not seen through compression`(bytes: [UInt8]) {
    expectRefusal(bytes, "x: this is a compressed file; unpack it first.")
  }

  @Test(arguments: [
    ("monitor will print the received events for:\n", Capture.Format.monitor),
    ("\r\n\r\n# a\r\nUDEV  [1.000000] add      /a (b)\r\n", .monitor),
    ("# only a mark\n", .monitor),
    ("add@/a\0", .messages),
    ("P: /a\n", .database),
    ("P: /a\nE: A=1\nL: 0\n", .database),
    ("P: /a\nE: A=1\nL: driver=../x\n", .descriptions),
    ("P: /a\nA: x=1\nU: b\n", .descriptions),
    ("P: /a\nU: b\nA: x=1\n", .database),
    ("# a\nP: /a\nH: x=00\n", .descriptions),
    ("\u{feff}P: /a\nH: x=00\n", .descriptions),
    ("[root@host ~]# umockdev-record --all\nP: /a\nH: x=00\n", .descriptions),
    ("[t ~]# udevadm monitor\nKERNEL - the kernel uevent\n", .monitor),
  ])
  func `is recognised by content`(text: String, format: Capture.Format) {
    #expect(Capture.read(bytes: Array(text.utf8), name: "x").format == format)
  }
}

@Suite struct `Kernel messages in a file` {
  private func message(_ number: UInt64) -> [UInt8] {
    KernelMessage.encode(
      Uevent(
        .change, "/devices/ap", subsystem: "ap", properties: [.init("APMASK", "0xff\n")],
        sequenceNumber: number))
  }

  @Test func `are separated without framing`() {
    let capture = Capture.read(bytes: message(1) + message(2) + message(3), name: "x")
    #expect(capture.damage == nil)
    #expect(capture.events.map(\.sequenceNumber) == [1, 2, 3])
    #expect(capture.events.allSatisfy { $0["APMASK"] == "0xff\n" })
    let positions = capture.entries.map { entry -> Capture.Position? in
      guard case .event(_, let position, time: nil) = entry else { return nil }
      return position
    }
    let length = message(1).count
    #expect(positions == [.offset(0), .offset(length), .offset(2 * length)])
  }

  @Test func `of other devices may have bytes that are not UTF-8`() {
    let other =
      Array("add@/d\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=block\0PARTNAME=M".utf8)
      + [0xff] + Array("\0SEQNUM=9\0".utf8)
    let capture = Capture.read(bytes: message(1) + other + message(3), name: "x")
    #expect(capture.damage == nil)
    #expect(capture.events.map(\.sequenceNumber) == [1, 9, 3])
    #expect(capture.events[1]["PARTNAME"] == "M\u{fffd}")
    #expect(
      capture.notes == ["x: at byte \(message(1).count): bytes that are not UTF-8 were replaced."])
  }

  @Test func `may be a single one`() {
    #expect(Capture.read(bytes: message(5), name: "x").events.count == 1)
  }

  @Test(arguments: [
    ("noise\0", 0, "expected \"action@/path\", found \"noise\""),
    ("SEQNUM=9\0", 0, "expected \"action@/path\", found \"SEQNUM=9\""),
    ("add@/a\0ACTION=add\0noise\0", 18, "expected KEY=VALUE, found \"noise\""),
    ("add@/a\0ACTION=add\0SEQNUM=9\0add@/b\0", 0, "DEVPATH is missing"),
    ("add@/a\0ACTION=add\0add@/b\0", 0, "DEVPATH is missing"),
    ("add@/a\0ACTION=add\0", 0, "the file is cut off in the middle of the event that begins here"),
  ])
  func `with damage give the byte and keep what is before`(
    end: String, offset: Int, sentence: String
  ) {
    let capture = Capture.read(bytes: message(1) + Array(end.utf8), name: "x")
    #expect(
      capture.damage?.description == "x: at byte \(message(1).count + offset): \(sentence).")
    #expect(capture.events.count == 1)
  }
}
