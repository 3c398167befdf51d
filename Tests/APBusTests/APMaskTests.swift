import APBus
import Testing

private func hex(_ digits: String) -> String {
  "0x" + digits + String(repeating: "0", count: 64 - digits.count)
}

@Suite struct `A mask` {
  @Test func `has bit 0 as the leftmost bit`() {
    #expect(APMask([0]).description == hex("8"))
    #expect(APMask([1, 7]).description == hex("41"))
    #expect(APMask([255]).description.hasSuffix("01"))
    #expect(APMask.all.description == "0x" + String(repeating: "f", count: 64))
  }

  @Test func `prints and reads back every single bit`() {
    for bit in UInt8.min...UInt8.max {
      let mask = APMask([bit])
      #expect(APMask(mask.description + "\n") == mask)
      #expect(Array(mask) == [bit])
    }
  }

  @Test(arguments: ["", "0x", "ff", "0xff", "-5", "0x" + String(repeating: "f", count: 65)])
  func `is not read from anything but the kernel's own form`(text: String) {
    #expect(APMask(text) == nil)
  }

  @Test func `behaves as a set of numbers`() {
    let mask = APMask([3, 200, 64, 63])
    #expect(Array(mask) == [3, 63, 64, 200])
    #expect(mask.count == 4)
    #expect(mask.complement.count == 252)
    #expect(mask.subtracting([63]) == [3, 64, 200])
    #expect(mask.isDisjoint(with: [4, 199]))
    #expect(APMask([3, 64]).isSubset(of: mask))
    #expect(APMask(5...7) == [5, 6, 7])
    #expect(APMask(0...255) == .all)
    for low in UInt8.min...UInt8.max {
      for high in Set([low, low | 63, low | 127, 192, 255]) where high >= low {
        #expect(Array(APMask(low...high)) == Array(low...high))
      }
    }
  }
}

/// Every form of a mask (SimulatedBus documentation, "Mask texts").
@Suite struct `Text written to a mask` {
  @Test(
    arguments: [
      ("0x41", hex("41")),
      ("0X41", nil),
      ("41", hex("41")),
      ("x41", hex("41")),
      ("0xABcd\n", hex("abcd")),
      ("0x41\n\n", nil),
      ("0x4 1", nil),
      ("\n", hex("")),
      ("0x", hex("")),
      ("0x\n", hex("")),
      ("0", hex("")),
      ("x", hex("")),
      ("5,6", nil),
      ("0x" + String(repeating: "f", count: 64), APMask.all.description),
      ("0x" + String(repeating: "f", count: 65), nil),
    ] as [(String, String?)])
  func `without a sign replaces it`(text: String, expected: String?) {
    #expect(APMask.all.writing(text.utf8)?.description == expected)
  }

  @Test(
    arguments: [
      ("-5,-6", "0xf9" + String(repeating: "f", count: 62)),
      ("-5-6", "0xf9" + String(repeating: "f", count: 62)),
      ("-5,-6\n", "0xf9" + String(repeating: "f", count: 62)),
      ("+0,-6,+0x47,-0xf0", "0xfd" + String(repeating: "f", count: 58) + "7fff"),
      ("-010", "0xff7" + String(repeating: "f", count: 61)),
      (
        "-4,-0x47,-0xab,-0xff", "0xf7fffffffffffffffeffffffffffffffffffffffffeffffffffffffffffffffe"
      ),
      ("-0-255", hex("")),
      ("-0-255+5", hex("04")),
      ("+256", nil),
      ("+ 5", nil),
      ("-9-5", nil),
      ("-5,,\n,+5", APMask.all.description),
      ("-5,6", nil),
      ("-", nil),
      ("-0x", nil),
      ("-08", nil),
      ("-99999999999999999999", nil),
    ] as [(String, String?)])
  func `with a sign changes bits`(text: String, expected: String?) {
    #expect(APMask.all.writing(text.utf8)?.description == expected)
  }

  @Test func `with +1-5 sets a range, and not bit 1 without bit 5`() {
    #expect(APMask().writing("+1-5".utf8) == APMask(1...5))
  }
}
