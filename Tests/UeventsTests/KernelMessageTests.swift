import TestSupport
import Testing
import Uevents

/// The bytes of strings that are each ended by a NUL, which `|` stands for.
private func message(_ text: String) -> [UInt8] {
  text.utf8.map { $0 == UInt8(ascii: "|") ? 0 : $0 }
}

private let bind =
  "bind@/devices/ap/card05/05.0004|ACTION=bind|DEVPATH=/devices/ap/card05/05.0004|SUBSYSTEM=ap|"
  + "DEVTYPE=ap_queue|DRIVER=vfio_ap|MODE=cca|SEQNUM=802|"

@Suite struct `A kernel message` {
  @Test func `is read with all its properties`() throws {
    let event = try KernelMessage.decode(message(bind))
    #expect(
      event
        == Uevent(
          .bind, "/devices/ap/card05/05.0004", subsystem: "ap",
          properties: [
            .init("DEVTYPE", "ap_queue"), .init("DRIVER", "vfio_ap"), .init("MODE", "cca"),
          ], sequenceNumber: 802))
  }

  @Test(arguments: [
    bind,
    // Recorded on a host.
    "change@/devices/virtual/mem/null|ACTION=change|DEVPATH=/devices/virtual/mem/null|SUBSYSTEM=mem|"
      + "SYNTH_UUID=0|MAJOR=1|MINOR=3|DEVNAME=null|DEVMODE=0666|SEQNUM=869|",
    // The newline belongs to the value on some kernels (`ap_send_mask_changed_uevent`, 6.1).
    "change@/devices/ap|ACTION=change|DEVPATH=/devices/ap|SUBSYSTEM=ap|APMASK=0xff\n|SEQNUM=1|",
    "add@/m/ü|ACTION=add|DEVPATH=/m/ü|SUBSYSTEM=m|EMPTY=|A=b=c|A=twice|"
      + "SEQNUM=18446744073709551615|",
  ])
  func `is written as it was read`(text: String) throws {
    #expect(try KernelMessage.encode(KernelMessage.decode(message(text))) == message(text))
  }

  @Test func `is written without SEQNUM for a kernel that will number it`() {
    let event = Uevent(.add, "/devices/ap/card05", subsystem: "ap")
    #expect(
      KernelMessage.encode(event)
        == message(
          "add@/devices/ap/card05|ACTION=add|DEVPATH=/devices/ap/card05|SUBSYSTEM=ap|"))
  }

  @Test func `keeps the newline that some kernels put into a mask`() throws {
    let event = try KernelMessage.decode(
      message("change@/d|ACTION=change|DEVPATH=/d|SUBSYSTEM=ap|APMASK=0xff\n|SEQNUM=1|"))
    #expect(event["APMASK"] == "0xff\n")
  }

  @Test func `is read from any collection of bytes`() throws {
    let bytes = [1, 2, 3] + message(bind) + [9]
    #expect(try KernelMessage.decode(bytes[3...].dropLast()).action == .bind)
    #expect(try KernelMessage.decode(message(bind).lazy.map { $0 }).action == .bind)
    let error = #expect(throws: KernelMessageError.self) {
      try KernelMessage.decode(bytes[3...].dropLast(2))
    }
    #expect(error?.offset == message(bind).count - "SEQNUM=802|".utf8.count)
  }

  @Test(arguments: [
    ("", 0, "expected \"action@/path\", found \"\""),
    ("add", 0, "the last property has no NUL byte at its end"),
    ("add|", 0, "expected \"action@/path\", found \"add\""),
    (
      "explode@/d|ACTION=explode|", 0,
      "unknown action \"explode\"; a kernel sends add, remove, change, move, online, offline, "
        + "bind, unbind"
    ),
    ("add@d|", 0, "the device path \"d\" does not start with \"/\""),
    ("add@/|", 0, "the device path \"/\" has an empty, \".\" or \"..\" component"),
    ("add@/a//b|", 0, "the device path \"/a//b\" has an empty, \".\" or \"..\" component"),
    ("add@/a/../b|", 0, "the device path \"/a/../b\" has an empty, \".\" or \"..\" component"),
    ("add@/a/.|", 0, "the device path \"/a/.\" has an empty, \".\" or \"..\" component"),
    ("add@/a\nb|", 0, "\"/a\\nb\" has a newline in it"),
    (
      "add@/d|ACTION=add|DEVPATH=/d|SUBSYSTEM=ap)\nADD=|", 29,
      "the subsystem \"ap)\\nADD=\" is not one word"
    ),
    ("add@/d|ACTION=add|A\nB=c|", 18, "\"A\\nB\" has a newline in it"),
    ("add@/d|", 0, "ACTION is missing"),
    ("add@/d|DEVPATH=/d|SUBSYSTEM=ap|SEQNUM=1|", 0, "ACTION is missing"),
    ("add@/d|ACTION=add|SUBSYSTEM=ap|SEQNUM=1|", 0, "DEVPATH is missing"),
    ("add@/d|ACTION=add|DEVPATH=/d|SEQNUM=1|", 0, "SUBSYSTEM is missing"),
    ("add@/d|ACTION=add|DEVPATH=/d|SUBSYSTEM=ap|", 0, "SEQNUM is missing"),
    ("add@/d|ACTION=add|ACTION=add|", 18, "ACTION is given twice"),
    (
      "add@/d|ACTION=add|DEVPATH=/d|SUBSYSTEM=ap|SEQNUM=1|SEQNUM=2|", 51, "SEQNUM is given twice"
    ),
    (
      "add@/d|ACTION=remove|", 7, "ACTION is \"remove\", but the event's first line says \"add\""
    ),
    ("add@/d|DEVPATH=/e|", 7, "DEVPATH is \"/e\", but the event's first line says \"/d\""),
    ("add@/d|ACTION=add|garbage|", 18, "expected KEY=VALUE, found \"garbage\""),
    ("add@/d|ACTION=add|=x|", 18, "expected KEY=VALUE, found \"=x\""),
    ("add@/d|ACTION=add||", 18, "expected KEY=VALUE, found \"\""),
    ("add@/d|ACTION=add|DEV", 18, "the last property has no NUL byte at its end"),
    (
      "add@/d|SUBSYSTEM=ap|ACTION=add|DEVPATH=/d|SEQNUM=1|", 7,
      "SUBSYSTEM is not where a kernel puts it (ACTION, DEVPATH, SUBSYSTEM first, SEQNUM last)"
    ),
    (
      "add@/d|ACTION=add|DEVPATH=/d|SUBSYSTEM=ap|SEQNUM=1|A=b|", 42,
      "SEQNUM is not where a kernel puts it (ACTION, DEVPATH, SUBSYSTEM first, SEQNUM last)"
    ),
    ("add@/d|A=\u{1b}[2J|x\u{1b}[2J|", 14, "expected KEY=VALUE, found \"x\\u{1B}[2J\""),
  ])
  func `is refused`(text: String, offset: Int, sentence: String) {
    let error = #expect(throws: KernelMessageError.self) {
      try KernelMessage.decode(message(text))
    }
    #expect(error?.offset == offset)
    #expect(error?.problem.description == sentence)
    #expect(error?.description == "byte \(offset) of a kernel message: \(sentence).")
  }

  @Test(arguments: [
    "", "0", "01", "+1", "-1", "1 ", "0x1", "18446744073709551616", "99999999999999999999999",
  ])
  func `is refused when SEQNUM is not a number from 1 on`(number: String) {
    let error = #expect(throws: KernelMessageError.self) {
      try KernelMessage.decode(
        message("add@/d|ACTION=add|DEVPATH=/d|SUBSYSTEM=ap|SEQNUM=\(number)|"))
    }
    #expect(error == KernelMessageError(offset: 42, problem: .sequenceNumber(number)))
  }

  @Test(arguments: [([0xff], 0), ([0xc3, 0x28], 0), ([0xed, 0xa0, 0x80], 0)])
  func `is refused when it is not UTF-8`(bytes: [UInt8], offset: Int) {
    let inPath = message("add@/") + bytes + [0]
    #expect(throws: KernelMessageError(offset: 0, problem: .notUTF8)) {
      try KernelMessage.decode(inPath)
    }
    for key in [message("KEY="), []] {
      let inProperty = message("add@/d|") + key + bytes + message("=|")
      #expect(throws: KernelMessageError(offset: 7, problem: .notUTF8)) {
        try KernelMessage.decode(inProperty)
      }
    }
  }

  @Test func `has at most 2048 bytes after its header`() throws {
    let start = "add@/d|ACTION=add|DEVPATH=/d|SUBSYSTEM=ap|X=", end = "|SEQNUM=1|"
    let fixed = start.utf8.count + end.utf8.count - "add@/d|".utf8.count
    let fitting = start + String(repeating: "x", count: 2048 - fixed) + end
    #expect(try KernelMessage.decode(message(fitting)).sequenceNumber == 1)
    #expect(throws: KernelMessageError(offset: 7, problem: .tooLong(2049))) {
      try KernelMessage.decode(message(start + String(repeating: "x", count: 2049 - fixed) + end))
    }
  }

  @Test func `that is accepted after any change of a byte is written as it was read`() {
    var generator = SeededGenerator(seed: 11)
    var accepted = 0
    for _ in 0..<20_000 {
      var bytes = message(bind)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let index = Int.random(in: bytes.indices, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[index] = .random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: index)
        default: bytes.insert(bytes[bytes.count - 1 - index], at: index)
        }
      }
      guard let event = try? KernelMessage.decode(bytes) else { continue }
      accepted += 1
      #expect(KernelMessage.encode(event) == bytes)
    }
    #expect(accepted > 100)
  }
}
