import APBus
import Testing

private let long = "0x" + String(repeating: "0123456789abcdef", count: 4)

@Suite struct `The registers for master keys` {
  private static let text = """
    AES NEW: partial 0x0000000000000003
    AES CUR: valid 0x1234567890ABCDEF
    AES OLD: invalid 0x0000000000000000
    APKA NEW: empty 0x0000000000000000
    APKA CUR: - -
    APKA OLD: valid 0x0000000000000001
    ASYM NEW: fish 0x0000000000000001
    ASYM CUR: valid
    FISH CUR: valid 0x0000000000000001
    garbage

    """

  @Test func `are read as far as mkvps contains them`() {
    let registers = KeyRegisters(attribute: Self.text)
    #expect(
      registers.lines == [
        "AES NEW: partial 0x0000000000000003", "AES CUR: valid 0x1234567890abcdef",
        "AES OLD: invalid -", "APKA NEW: empty -", "APKA OLD: valid 0x0000000000000001",
      ])
    #expect(KeyRegisters(attribute: registers.lines.joined(separator: "\n")) == registers)
    #expect(registers[KeyRegister(.apka, .current)] == nil)
  }

  @Test func `of a wrapping key are the current and the new one`() {
    let registers = KeyRegisters(attribute: "WK CUR: valid \(long)\nWK NEW: empty -\n")
    #expect(registers.lines == ["WK NEW: empty -", "WK CUR: valid \(long)"])
    #expect(KeyRegisters(attribute: "WK CUR: -\nWK NEW: - -\n").isEmpty)
  }

  @Test func `are those of a pattern as far as that has them`() {
    let pattern = MasterKeyPattern(
      registers: ["AES 0x2", "APKA 0x4", "REDACTED-1", "FISH 0x1"], old: ["AES 0x1"],
      new: ["AES 0x3"])
    #expect(
      KeyRegisters(pattern).lines == [
        "AES NEW: full 0x3", "AES CUR: valid 0x2", "AES OLD: valid 0x1", "APKA CUR: valid 0x4",
      ])
  }
}

@Suite struct `A verification pattern` {
  @Test(
    arguments: [
      ("0x1", true), ("0xABCDEF", true), (long, true), (long + "0", false), ("0x", false),
      ("1", false), ("-", false), ("", false), ("0xg", false), ("0x1 ", false), ("0x+1", false),
      ("sha256:0123456789abcdef", true), ("sha256:0123456789abcdef0", false), ("sha256:", false),
    ] as [(String, Bool)])
  func `is hex digits, or a hash`(text: String, isPattern: Bool) {
    #expect((KeyPattern(text) != nil) == isPattern)
  }

  @Test(
    arguments: [
      (.aes, "0x12", "0x0000000000000012", true), (.aes, "0x12", "0x13", false),
      (.aes, "0xab", "0xAB", true),
      // Keys of EP11 have no more than 16 bytes of it.
      (.ep11, long, String(long.prefix(34)), true), (.ep11, long, String(long.prefix(33)), nil),
      (.ep11, "0x12", "0x12", true), (.ep11, "0x12", "0x13", nil),
    ] as [(MasterKeyKind, String, String, Bool?)])
  func `is compared as the kernel does`(
    kind: MasterKeyKind, one: String, other: String, isSame: Bool?
  ) throws {
    let (one, other) = (try #require(KeyPattern(one)), try #require(KeyPattern(other)))
    #expect(one.isSame(as: other, kind: kind) == isSame)
    #expect(other.isSame(as: one, kind: kind) == isSame)
    guard let isSame else { return }
    // What is redacted can be compared with both.
    let redacted = one.redacted(kind: kind)
    #expect(redacted.isSame(as: other, kind: kind) == isSame)
    #expect(other.isSame(as: redacted, kind: kind) == isSame)
    #expect(redacted.isSame(as: other.redacted(kind: kind), kind: kind) == isSame)
  }

  @Test func `is redacted as a hash, which differs by the kind of the key`() throws {
    let pattern = try #require(KeyPattern("0x0123456789abcdef"))
    let redacted = pattern.redacted(kind: .aes)
    // SHA-256 of "AES 0x123456789abcdef".
    #expect(redacted.description == "sha256:24e2710ada5e7f9d")
    #expect(redacted.redacted(kind: .aes) == redacted)
    #expect(redacted != pattern.redacted(kind: .apka))
  }
}

@Suite struct `SHA-256` {
  /// The examples of FIPS 180-4, and lengths about the end of a block.
  @Test(
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
      (
        String(repeating: "a", count: 55),
        "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"
      ),
      (
        String(repeating: "a", count: 64),
        "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"
      ),
    ] as [(String, String)])
  func `is what the standard says`(message: String, hash: String) {
    #expect(
      SHA256.hash(Array(message.utf8)).map { Hex.text($0, digits: 2) }.joined() == hash)
  }
}
