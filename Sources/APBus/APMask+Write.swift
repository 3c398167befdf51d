extension APMask {
  /// What this mask becomes when `text` is written to it, by the kernel's own grammar; nil where the
  /// kernel answers EINVAL and leaves the mask unchanged.
  ///
  /// A first `+` or `-` makes the text relative to this mask; anything else is absolute, and digits
  /// that are missing on the right are zeros, so that `0x` and an empty line clear the whole mask
  /// (`ap_parse_bitmap_str` in drivers/s390/crypto/ap_bus.c).
  public func writing(_ text: some Sequence<UInt8>) -> APMask? {
    var scanner = MaskScanner(text)
    return switch scanner.next {
    case UInt8(ascii: "+"), UInt8(ascii: "-"): scanner.relative(to: self)
    default: scanner.absolute()
    }
  }
}

/// Reads one text for a mask, byte by byte.
private struct MaskScanner {
  private let bytes: [UInt8]
  private var index = 0

  init(_ text: some Sequence<UInt8>) {
    bytes = Array(text)
  }

  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    index += 1
    return true
  }

  mutating func absolute() -> APMask? {
    var mask = APMask()
    if take("0") {
      // `0x` is a prefix; any other digit behind the 0 makes that 0 the first digit.
      if !take("x") { index -= 1 }
    } else {
      _ = take("x")
    }
    var bit = 0
    while bit < 256, let digit = next.flatMap(Hex.value(ofAnyCase:)) {
      for offset in 0..<4 where digit & (8 >> UInt8(offset)) != 0 {
        mask.insert(UInt8(bit + offset))
      }
      bit += 4
      index += 1
    }
    _ = take("\n")
    return next == nil ? mask : nil
  }

  mutating func relative(to start: APMask) -> APMask? {
    var mask = start
    while next != nil {
      let sets: Bool
      if take("+") {
        sets = true
      } else if take("-") {
        sets = false
      } else {
        return nil
      }
      guard let first = number() else { return nil }
      var last = first
      if take("-") {
        guard let end = number(), end >= first else { return nil }
        last = end
      }
      if sets {
        mask.formUnion(APMask(first...last))
      } else {
        mask.subtract(APMask(first...last))
      }
      while take(",") || take("\n") {}
    }
    return mask
  }

  /// A number of 0...255 in C notation: `0x` hex, leading `0` octal, else decimal.
  private mutating func number() -> UInt8? {
    var radix: UInt32 = 10
    var digits = 0
    if take("0") {
      digits = 1
      radix = 8
      if let byte = next, byte == UInt8(ascii: "x") || byte == UInt8(ascii: "X") {
        // strtoul takes `0x` as a prefix only with a digit behind it.
        guard index + 1 < bytes.count, Hex.value(ofAnyCase: bytes[index + 1]) != nil else {
          return nil
        }
        index += 1
        radix = 16
        digits = 0
      }
    }
    var value: UInt32 = 0
    while let digit = next.flatMap(Hex.value(ofAnyCase:)), UInt32(digit) < radix {
      value = value * radix + UInt32(digit)
      guard value <= 255 else { return nil }
      digits += 1
      index += 1
    }
    return digits > 0 ? UInt8(value) : nil
  }
}
