import SimulatedBus
import Testing

/// Every form that `apmask` and `aqmask` take or refuse, as it is written to the files (SimulatedBus
/// documentation, "Mask texts").
@Suite struct `What is written to a mask` {
  private static let files = ["bus/ap/apmask", "bus/ap/aqmask"]

  private static func hex(_ digits: String, rest: Character = "0") -> String {
    "0x" + digits + String(repeating: rest, count: 64 - digits.utf8.count)
  }

  @Test(
    arguments: files,
    [
      ("0x41", hex("41")), ("41", hex("41")), ("x41", hex("41")), ("0xABcd", hex("abcd")),
      ("0xabcd\n", hex("abcd")), ("0x" + String(repeating: "5", count: 64), hex("5", rest: "5")),
      (String(repeating: "5", count: 64) + "\n", hex("5", rest: "5")),
      // Digits that are missing are zeros, and so all of these empty the host's pool.
      ("\n", hex("")), ("0x", hex("")), ("0x\n", hex("")), ("0", hex("")), ("x", hex("")),
    ])
  func `without a sign is the whole mask, zeros on the right`(
    file: String, form: (text: String, mask: String)
  ) {
    let machine = Machine(.mask61)
    #expect(machine.write(form.text, file) == "ok")
    #expect(machine.read(file) == form.mask)
  }

  @Test(
    arguments: files,
    [
      ("-5", hex("fb", rest: "f")), ("-5\n", hex("fb", rest: "f")),
      ("-5,-6", hex("f9", rest: "f")), ("-5-6", hex("f9", rest: "f")),
      ("-0x5,-06", hex("f9", rest: "f")), ("-0X6", hex("fd", rest: "f")),
      // A leading 0 is octal: 8, not 10.
      ("-010", hex("ff7", rest: "f")),
      ("-5,,\n,-6", hex("f9", rest: "f")), ("-5,", hex("fb", rest: "f")),
      // The later term wins.
      ("-5,+5", hex("", rest: "f")), ("-0-255,+1-5", hex("7c")),
      ("-0-255+255", hex("0", rest: "0").dropLast() + "1"),
    ].map { ($0.0, String($0.1)) })
  func `with signs changes the mask, numbers as in C, ranges with both ends`(
    file: String, form: (text: String, mask: String)
  ) {
    let machine = Machine(.mask61)
    #expect(machine.write(form.text, file) == "ok")
    #expect(machine.read(file) == form.mask)
  }

  @Test(
    arguments: files,
    [
      "0X41", "0x4 1", " 0x41", "0x41 ", "0x41\n\n", "0x4g", "5,6", "41,",
      "0x" + String(repeating: "0", count: 65), String(repeating: "0", count: 65),
      "+", "-", "+\n", "+ 5", "+5 ", "+256", "-0x100", "+0x", "+08", "+5-4", "+5-", "+5-256",
      "-5,6", "-5;-6", "--5", "+-5", "-99999999999999999999", "-5,+256", ",-5",
    ])
  func `is refused whole for a single bad term`(file: String, text: String) {
    let machine = Machine(.mask61)
    let before = machine.read(file)
    #expect(machine.write(text, file) == "EINVAL")
    #expect(machine.read(file) == before)
    #expect(machine.events.isEmpty)
  }

  @Test(arguments: files)
  func `of no length does not reach the mask`(file: String) {
    let machine = Machine(.mask61)
    #expect(machine.write("", file) == "ok")
    #expect(machine.read(file) == Self.hex("", rest: "f"))
  }
}
