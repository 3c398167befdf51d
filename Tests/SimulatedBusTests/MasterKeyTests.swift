import APBus
import SimulatedBus
import TestSupport
import Testing

@Suite struct `Master keys of a simulated bus` {
  private static let start = """
    kernel 6.1
    domain add 4,47
    card add 5 14 cca
    card add 6 14 ep11
    card add 7 14 accel
    load zcrypt_cex4
    load vfio_ap

    """

  /// The failures of these lines after the start, each without the file's name.
  private func failures(_ lines: String) throws -> [String] {
    try Scenario(text: Self.start + lines, name: "s").run().map { "\($0.line - 7): \($0.problem)" }
  }

  private static let zeros = "0x0000000000000000"
  private static let cca = "/sys/devices/ap/card05/05.0004/mkvps"

  @Test func `of CCA are loaded and set as in a ceremony, with the kernel's text`() throws {
    let found = try failures(
      """
      key 05.0004 aes load 0x1111111111111111
      key 05.0004 aes set
        no events
        \(Self.cca) = AES NEW: empty \(Self.zeros)\\nAES CUR: valid 0x1111111111111111\\nAES OLD: invalid \(Self.zeros)\\n\
      APKA NEW: empty \(Self.zeros)\\nAPKA CUR: invalid \(Self.zeros)\\nAPKA OLD: invalid \(Self.zeros)
      key 05.0004 aes enter 0x2000000000000000
        \(Self.cca) = AES NEW: partial 0x2000000000000000\\nAES CUR: valid 0x1111111111111111\\nAES OLD: invalid \(Self.zeros)\\n\
      APKA NEW: empty \(Self.zeros)\\nAPKA CUR: invalid \(Self.zeros)\\nAPKA OLD: invalid \(Self.zeros)
      key 05.0004 aes load 0x2222222222222222
      key 05.0004 aes set
      key 05.0004 asym load 0x3333333333333333
        \(Self.cca) = AES NEW: empty \(Self.zeros)\\nAES CUR: valid 0x2222222222222222\\nAES OLD: valid 0x1111111111111111\\n\
      APKA NEW: empty \(Self.zeros)\\nAPKA CUR: invalid \(Self.zeros)\\nAPKA OLD: invalid \(Self.zeros)\\n\
      ASYM NEW: full 0x3333333333333333\\nASYM CUR: invalid \(Self.zeros)\\nASYM OLD: invalid \(Self.zeros)
      key 05.0004 asym clear
        /sys/devices/ap/card05/05.0047/mkvps = AES NEW: - -\\nAES CUR: - -\\nAES OLD: - -\\nAPKA NEW: - -\\nAPKA CUR: - -\\nAPKA OLD: - -
      write -5 > /sys/bus/ap/apmask
        \(Self.cca) = (absent)
      key 05.0004 aes load 0x4444444444444444
      key 05.0004 aes set
      write +5 > /sys/bus/ap/apmask
      """)
    #expect(found == [])
  }

  @Test func `of EP11 are committed before they are set`() throws {
    let long = "0x" + String(repeating: "1f", count: 32)
    let file = "/sys/devices/ap/card06/06.0004/mkvps"
    let found = try failures(
      """
      key 06.0004 ep11 load \(long)
        \(file) = WK CUR: invalid -\\nWK NEW: uncommitted \(long)
      key 06.0004 ep11 commit
        \(file) = WK CUR: invalid -\\nWK NEW: committed \(long)
      key 06.0004 ep11 set
        \(file) = WK CUR: valid \(long)\\nWK NEW: empty -
      """)
    #expect(found == [])
  }

  @Test(
    arguments: [
      ("key 05.0004 aes set", "there is no complete new key to set in 05.0004"),
      ("key 05.0004 aes commit", "only wrapping keys of EP11 are committed in 05.0004"),
      ("key 06.0004 ep11 commit", "there is no new key to commit in 06.0004"),
      ("key 06.0004 ep11 enter 0x1", "a wrapping key is not entered in parts in 06.0004"),
      ("key 05.0004 ep11 load 0x1", "05.0004 has no WK master key"),
      ("key 07.0004 aes load 0x1", "07.0004 has no AES master key"),
      ("key 05.0009 aes set", "there is no queue 05.0009"),
      (
        "key 05.0004 aes load 12",
        "\"12\" is not a verification pattern; write 0x and hex digits in 05.0004"
      ),
    ])
  func `that cannot be changed like that fail the step`(line: String, problem: String) throws {
    #expect(try failures(line + "\n") == ["1: \(problem)"])
  }

  @Test(
    arguments: [
      (
        "key 05.0004 aes",
        "a master key has a queue, a kind and what happens to it: key 05.0004 aes load 0x0123456789abcdef"
      ),
      ("key 05 aes set", "\"05\" is not a queue; write it as sysfs does: 05.0004"),
      ("key 05.0004 rsa set", "unknown master key \"rsa\"; write aes, apka, asym, ep11"),
      (
        "key 05.0004 aes load",
        "the verification pattern is missing at the end, such as 0x0123456789abcdef"
      ),
      ("key 05.0004 aes set 0x1", "unexpected \"0x1\" at the end of the line"),
      (
        "key 05.0004 aes burn",
        "unknown change \"burn\" of a master key; write enter, load, commit, set or clear"
      ),
      ("card serial 05", "the serial number is missing at the end: card serial 05 93AA0005"),
    ])
  func `are refused where the line is wrong`(line: String, problem: String) {
    let error = #expect(throws: ScenarioError.self) { try Scenario(text: line + "\n", name: "s") }
    #expect(error?.problem == problem)
  }
}
