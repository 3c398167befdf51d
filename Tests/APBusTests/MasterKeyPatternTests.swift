import APBus
import Testing

@Suite struct `A master key pattern` {
  @Test(
    arguments: [
      (
        """
        AES NEW: empty 0x0000000000000000
        AES CUR: valid 0x1234567890abcdef
        AES OLD: invalid 0x0000000000000000
        APKA NEW: empty 0x0000000000000000
        APKA CUR: valid 0xfeeddeadbeefcafe
        APKA OLD: valid 0x0000000000000001

        """, ["AES 0x1234567890abcdef", "APKA 0xfeeddeadbeefcafe"]
      ),
      ("WK CUR: valid 0x00112233\nWK NEW: empty -\n", ["WK 0x00112233"]),
      // No valid key: known, and there is nothing to protect.
      ("AES CUR: invalid 0x0000000000000000\nAPKA CUR: invalid 0x0\n", []),
    ] as [(String, [String])])
  func `is what the current keys are`(text: String, registers: [String]) {
    #expect(MasterKeyPattern(attribute: text)?.registers == registers)
  }

  @Test(
    arguments: [
      ("AES CUR: valid 0x1\nAES OLD: valid 0x2\n", ["AES 0x2"], []),
      ("AES NEW: full 0x3\nAES CUR: valid 0x1\nAES OLD: invalid 0x0\n", [], ["AES 0x3"]),
      ("AES NEW: partial 0x3\nAES CUR: valid 0x1\n", [], []),
      ("WK CUR: valid 0x1\nWK NEW: committed 0x3\n", [], ["WK 0x3"]),
      ("WK CUR: valid 0x1\nWK NEW: uncommitted 0x3\n", [], ["WK 0x3"]),
      ("WK CUR: invalid -\nWK NEW: uncommitted -\n", [], []),
      // The kernel takes an old key only beside a current one of the same register.
      ("AES CUR: invalid 0x0\nAES OLD: valid 0x2\nAPKA CUR: valid 0x4\n", [], []),
    ] as [(String, [String], [String])])
  func `has the keys before and the keys to come`(text: String, old: [String], new: [String]) {
    let pattern = MasterKeyPattern(attribute: text)
    #expect(pattern?.old == old && pattern?.new == new)
  }

  @Test(arguments: [
    "", "\n", "AES NEW: - -\nAES CUR: - -\nAES OLD: - -\n", "WK CUR: -\nWK NEW: -\n",
    "AES CUR: valid 0x12\nAPKA CUR: - -\n", "AES CUR: valid\n", "AES CUR: valid 12\n",
    "AES CUR:\n", "garbage", "AES OLD: valid 0x12\n", "AES CUR: valid 0x1\nAES OLD: - -\n",
  ])
  func `is unknown when one of them cannot be read`(text: String) {
    #expect(MasterKeyPattern(attribute: text) == nil)
  }
}
