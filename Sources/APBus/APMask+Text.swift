extension APMask: CustomStringConvertible {
  /// As the kernel prints a mask: `0x` and exactly 64 lower-case hex digits (SimulatedBus
  /// documentation, "Bus attributes").
  public var description: String {
    String(unsafeUninitializedCapacity: 66) { buffer in
      buffer[0] = UInt8(ascii: "0")
      buffer[1] = UInt8(ascii: "x")
      for index in 0..<64 {
        let word = words[index / 16]
        buffer[index + 2] = Hex.digit(UInt8(word >> UInt64(60 - index % 16 * 4) & 0xf))
      }
      return 66
    }
  }

  /// Reads a full mask as the kernel prints it, with or without the newline behind it.
  ///
  /// Shorter, relative or upper-case texts are nil: nothing but the kernel's own form is trusted.
  public init?(_ text: some StringProtocol) {
    self.init()
    var index = -2
    for byte in text.utf8 {
      switch index {
      case -2: guard byte == UInt8(ascii: "0") else { return nil }
      case -1: guard byte == UInt8(ascii: "x") else { return nil }
      case 0..<64:
        guard let digit = Hex.value(of: byte) else { return nil }
        words[index / 16] |= UInt64(digit) << UInt64(60 - index % 16 * 4)
      default: guard index == 64, byte == UInt8(ascii: "\n") else { return nil }
      }
      index += 1
    }
    guard index >= 64 else { return nil }
  }
}
