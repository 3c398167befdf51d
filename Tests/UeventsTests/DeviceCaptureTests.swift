import Testing
import Uevents

private func read(_ text: String) -> Capture {
  Capture.read(bytes: Array(text.utf8), name: "a.db")
}

@Suite struct `udev's database` {
  @Test func `gives devices with their subsystems, drivers and properties`() {
    let capture = read(
      """
      P: /devices/ap/card05
      M: card05
      R: 05
      J: +ap:card05
      U: ap
      T: ap_card
      V: cex4card
      E: DEVPATH=/devices/ap/card05
      E: SUBSYSTEM=ap
      E: DEVTYPE=ap_card
      E: MODALIAS=ap:t0D=x

      P: /devices/virtual/misc/z90crypt
      M: z90crypt
      U: misc
      D: c 10:123
      N: z90crypt
      L: 0
      S: zcrypt/main
      Q: 4
      I: 2
      E: DEVNAME=/dev/z90crypt


      """)
    #expect(capture.format == .database)
    #expect(capture.damage == nil)
    #expect(capture.notes == [])
    #expect(capture.events == [])
    #expect(
      capture.devices.map(\.devicePath) == [
        "/devices/ap/card05", "/devices/virtual/misc/z90crypt",
      ])
    #expect(capture.devices.map(\.line) == [1, 13])
    #expect(capture.devices.map(\.subsystem) == ["ap", "misc"])
    #expect(capture.devices.map(\.deviceType) == ["ap_card", nil])
    #expect(capture.devices.map(\.driver) == ["cex4card", nil])
    #expect(capture.devices.map(\.node) == [nil, "z90crypt"])
    #expect(capture.devices[0]["MODALIAS"] == "ap:t0D=x")
    #expect(capture.devices[0].properties.count == 4)
    #expect(capture.devices[0].attribute("hwtype") == nil)
  }

  @Test func `of an older udev gives the same from properties`() {
    let capture = read(
      """
      P: /devices/ap/card05/05.0004
      E: DEVPATH=/devices/ap/card05/05.0004
      E: DEVTYPE=ap_queue
      E: DRIVER=vfio_ap
      E: SUBSYSTEM=ap


      """)
    #expect(capture.format == .database)
    let device = capture.devices.first
    #expect(device?.subsystem == "ap")
    #expect(device?.driver == "vfio_ap")
    #expect(device?.deviceType == "ap_queue")
  }

  @Test func `may have letters of a newer udev, which are named once`() {
    let capture = read("P: /a\nU: x\nZ: 1\nZ: 2\n\nP: /b\nZ: 3\nY: 1\n\n")
    #expect(capture.damage == nil)
    #expect(capture.devices.count == 2)
    #expect(
      capture.notes == [
        "a.db:3: lines \"Z:\" are not known and were ignored.",
        "a.db:8: lines \"Y:\" are not known and were ignored.",
      ])
  }

  @Test func `that ends without an empty line is whole, with a note`() {
    let capture = read("P: /a\nU: x\n\nP: /b\nU: x\n")
    #expect(capture.damage == nil)
    #expect(capture.devices.count == 2)
    #expect(
      capture.notes == [
        "a.db:4: no empty line follows this last device; it was taken as complete."
      ])
  }

  @Test func `may have a shell's prompts between devices`() {
    let capture = read(
      "[root@a ~]# udevadm info /sys/bus/ap/devices/*\nP: /a\nU: x\n\nP: /b\nU: x\n\n[root@a ~]# ")
    #expect(capture.damage == nil)
    #expect(capture.devices.map(\.devicePath) == ["/a", "/b"])
    #expect(capture.notes == ["a.db:1: lines between devices were ignored."])
  }

  @Test func `that begins inside a device is damaged`() {
    let capture = read("E: A=b\n\nP: /a\nU: x\n\n")
    #expect(
      capture.damage?.description
        == "a.db:1: a device begins with \"P: /path\", not with \"E:\".")
  }

  @Test(arguments: [("/devices/x", true), ("/devices/ap/card05", false)])
  func `that is not UTF-8 is read unless it is about AP`(path: String, isRead: Bool) {
    let text = Array("P: \(path)\nU: x\nE: PARTNAME=M".utf8) + [0xff] + Array("\nS: y\n\n".utf8)
    let capture = Capture.read(bytes: text, name: "a.db")
    #expect(capture.devices.map { $0["PARTNAME"] } == (isRead ? ["M\u{fffd}"] : []))
    #expect(capture.damage?.description == (isRead ? nil : "a.db:3: the bytes are not UTF-8."))
    #expect(capture.notes == (isRead ? ["a.db:3: bytes that are not UTF-8 were replaced."] : []))
  }

  @Test(arguments: [
    ("U: x", 2, "the file is cut off in the middle of the device /b that begins here"),
    ("P: /", 4, "the file is cut off in the middle of a device's first line"),
    ("noise\n", 5, "expected a letter, a colon and a blank, found \"noise\""),
    ("U:x\n", 5, "expected a letter, a colon and a blank, found \"U:x\""),
    ("E: A\n", 5, "expected \"E: NAME=VALUE\", found \"A\""),
    ("E: =A\n", 5, "expected \"E: NAME=VALUE\", found \"=A\""),
    ("P: /c\n", 5, "a second \"P:\" in one device; put an empty line between devices"),
    ("\nU: x\n", 6, "a device begins with \"P: /path\", not with \"U:\""),
    ("\nP: /b\n", 6, "the device /b was already described at line 4"),
    ("\nP: b\n", 6, "the device path \"b\" does not start with \"/\""),
    ("\nP: /b/../c\n", 6, "the device path \"/b/../c\" has an empty, \".\" or \"..\" component"),
  ])
  func `with damage gives the line and keeps what is before`(
    end: String, line: Int, sentence: String
  ) {
    let start = end.hasPrefix("P: /") && !end.hasSuffix("\n") ? "" : "P: /b\n"
    let capture = read("P: /a\nU: x\n\n" + start + end)
    let expected = end == "U: x" ? 4 : line
    #expect(capture.damage?.description == "a.db:\(expected): \(sentence).")
    #expect(capture.devices.first?.devicePath == "/a")
  }
}

@Suite struct `umockdev's descriptions` {
  private let text = """
    # made by umockdev-record
    P: /devices/ap/card05
    E: SUBSYSTEM=ap
    A: hwtype=13\\n
    A: power/control=a\\tb\\\\\\"\\101\\0end
    H: raw=00fF7f
    L: driver=../../../bus/ap/drivers/cex4card

    P: /devices/virtual/mem/null
    N: null=00ff
    S: nothing
    E: DEVNAME=/dev/null
    L: subsystem=../../../../class/mem


    """

  @Test func `give devices with their attributes`() throws {
    let capture = read(text)
    #expect(capture.format == .descriptions)
    #expect(capture.damage == nil)
    #expect(capture.notes == [])
    #expect(capture.devices.count == 2)
    let card = try #require(capture.devices.first)
    #expect(card.line == 2)
    #expect(card.subsystem == "ap")
    #expect(card.driver == "cex4card")
    #expect(card.attribute("hwtype") == "13\n")
    #expect(card.attribute("power/control") == "a\tb\\\"A\0end")
    #expect(card.attribute("raw") == nil)
    #expect(card.attributes.map(\.name) == ["hwtype", "power/control", "raw", "driver"])
    #expect(card.attributes[2].value == .content([0, 0xff, 0x7f]))
    #expect(card.link("driver") == "../../../bus/ap/drivers/cex4card")
    #expect(card.link("hwtype") == nil)
    #expect(card.attribute("driver") == nil)
    #expect(capture.devices[1].subsystem == "mem")
    #expect(capture.devices[1].node == "null")
  }

  @Test(arguments: [
    ("A: x=a\\", "a backslash in \"a\\\" is not followed by a letter or an octal number up to 377"),
    (
      "A: x=\\400",
      "a backslash in \"\\400\" is not followed by a letter or an octal number up to 377"
    ),
    ("H: x=0", "\"0\" is not an even number of hex digits"),
    ("H: x=0g", "\"0g\" is not an even number of hex digits"),
    ("A: hwtype=1", "the attribute \"hwtype\" is given twice"),
    ("L: hwtype=1", "the attribute \"hwtype\" is given twice"),
    ("L: 7", "expected \"L: NAME=VALUE\", found \"7\""),
    ("N: a\0b", "expected a letter, a colon and a blank, found \"N: a\\0b\""),
  ])
  func `with damage give the line`(line: String, sentence: String) {
    let capture = read(text.replacing("H: raw=00fF7f", with: line))
    #expect(capture.damage?.description == "a.db:6: \(sentence).")
    #expect(capture.devices == [])
  }

  @Test func `must name a subsystem`() {
    let capture = read("P: /a\nA: x=1\nE: A=B\n\n")
    #expect(
      capture.damage?.description == "a.db:1: the device /a has no line \"E: SUBSYSTEM=...\".")
  }

  @Test func `that are not UTF-8 say so, except in attributes`() {
    let start = Array("P: /devices/ap\nE: SUBSYSTEM=x\n".utf8)
    let attribute = Capture.read(bytes: start + Array("A: x=".utf8) + [0xff, 10, 10], name: "a")
    #expect(attribute.damage == nil)
    #expect(attribute.devices.first?.attributes.first?.value == .content([0xff]))
    #expect(attribute.devices.first?.attribute("x") == nil)
    let node = Capture.read(bytes: start + Array("A: x=1\nN: ".utf8) + [0xff, 10], name: "a")
    #expect(node.damage?.description == "a:4: the bytes are not UTF-8.")
  }
}
