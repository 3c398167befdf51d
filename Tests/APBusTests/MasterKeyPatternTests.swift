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

  @Test(arguments: [
    "", "\n", "AES NEW: - -\nAES CUR: - -\nAES OLD: - -\n", "WK CUR: -\nWK NEW: -\n",
    "AES CUR: valid 0x12\nAPKA CUR: - -\n", "AES CUR: valid\n", "AES CUR: valid 12\n",
    "AES CUR:\n", "garbage", "AES OLD: valid 0x12\n",
  ])
  func `is unknown when one of them cannot be read`(text: String) {
    #expect(MasterKeyPattern(attribute: text) == nil)
  }
}
