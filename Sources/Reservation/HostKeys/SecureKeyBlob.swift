import APBus

/// A file with a secure key as zkey(1) and pkey have it: one token, or two for XTS.
///
/// The kernel cuts the key of XTS into halves (`xts_paes_set_key` in paes_s390.c, 6.1), and finds out from the
/// header of each what it is (`pkey_keyblob2pkey` in pkey_api.c, 6.1).
package enum SecureKeyBlob: Equatable, Sendable {
  /// A key that an adapter has to unwrap.
  case wrapped(SecureKey)
  /// One that the processor or the ultravisor unwraps.
  case independent
  /// Bytes that are not understood, with the end of a sentence that says why.
  case unknown(String)

  /// Reads the bytes of a file.
  package init(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else {
      self = .unknown("is empty")
      return
    }
    guard bytes.count >= 8 else {
      self = .unknown("is too short for a secure key")
      return
    }
    guard let layout = Layout(type: bytes[0], version: bytes[4]) else {
      self = .unknown(
        "has a key of unknown type 0x\(Hex.text(bytes[0], digits: 2)) and version "
          + "0x\(Hex.text(bytes[4], digits: 2))")
      return
    }
    guard let tokens = Self.tokens(of: bytes, layout) else {
      self = .unknown("has a key that is damaged or cut")
      return
    }
    guard let kind = layout.kind else {
      self = .independent
      return
    }
    var masterKeys: [String] = []
    for token in tokens {
      guard let register = layout.register(token) else {
        self = .wrapped(SecureKey(kind: kind))
        return
      }
      if !masterKeys.contains(register) { masterKeys.append(register) }
    }
    self = .wrapped(SecureKey(kind: kind, masterKeys: masterKeys))
  }

  /// The one token or the two of a file; nil if they are not valid, or something else follows.
  private static func tokens(of bytes: [UInt8], _ layout: Layout) -> [ArraySlice<UInt8>]? {
    let half = bytes.count / 2
    let halves = [bytes[..<half], bytes[half...]]
    if bytes.count.isMultiple(of: 2), layout != .secret, halves.allSatisfy(layout.isValid) {
      return halves
    }
    return layout.isValid(bytes[...]) ? [bytes[...]] : nil
  }
}

/// What the header of a token says of the bytes after it.
private enum Layout {
  /// `struct secaeskeytoken` in zcrypt_ccamisc.h, 6.1.
  case ccaData
  /// `struct cipherkeytoken` there.
  case ccaCipher
  /// `struct ep11keyblob` in zcrypt_ep11misc.h, 6.1, whose first bytes are the header.
  case ep11
  /// The same after a header of 16 bytes, `struct ep11kblob_header`.
  case ep11WithHeader
  /// `struct protaeskeytoken` in pkey_api.c, 6.1: a key that the processor has wrapped.
  case protected
  /// `struct uvsecrettoken` in pkey_uv.c, Linux 6.13: the number of a secret that the ultravisor keeps.
  case secret

  /// The layout of tokens of a type (`TOKTYPE_*`) and version (`TOKVER_*`) of these headers.
  ///
  /// Clear keys (version 2) are not among them: where the processor does not wrap them, pkey has an adapter do
  /// it (`pkey_nonccatok2pkey`, 6.1).
  init?(type: UInt8, version: UInt8) {
    switch (type, version) {
    case (0x01, 0x04): self = .ccaData
    case (0x01, 0x05): self = .ccaCipher
    case (0x00, 0x03): self = .ep11
    case (0x00, 0x06): self = .ep11WithHeader
    case (0x00, 0x01): self = .protected
    case (0x00, 0x09): self = .secret
    default: return nil
    }
  }

  /// The kind of key; nil for one that needs no adapter.
  var kind: SecureKey.Kind? {
    switch self {
    case .ccaData: .ccaData
    case .ccaCipher: .ccaCipher
    case .ep11, .ep11WithHeader: .ep11AES
    case .protected, .secret: nil
    }
  }

  /// Whether bytes are one whole token: what the kernel checks, and that nothing follows but padding.
  func isValid(_ bytes: ArraySlice<UInt8>) -> Bool {
    let token = Token(bytes)
    guard let type = token[0], let version = token[4], Layout(type: type, version: version) == self
    else { return false }
    switch self {
    case .ccaData: return token.count == 64
    // `MAXCCAVLSCTOKENSIZE` is the longest.
    case .ccaCipher: return token.hasLength(from: 56, upTo: 725)
    case .ep11: return token.hasLength(from: 256, upTo: 1024) && isEP11(token, at: 0)
    case .ep11WithHeader: return token.hasLength(from: 272, upTo: 1024) && isEP11(token, at: 16)
    // Of AES, and since Linux 6.12 of XTS and HMAC, too (pkey_sysfs.c).
    case .protected: return [80, 112, 176].contains(token.count)
    case .secret: return token.count == 44
    }
  }

  /// `EP11_STRUCT_MAGIC`, and a header of version 0 (`ep11_check_aes_key`, 6.1).
  private func isEP11(_ token: Token, at offset: Int) -> Bool {
    token[1] == 0 && token.number(at: offset + 64) == 0x1234
  }

  /// The register whose pattern a token has; nil if it shows none.
  ///
  /// Of a cipher key the kernel compares the first half of the pattern, `mkvp0`, whose type 1 is the one of the
  /// AES register. With a pattern of zeros it compares nothing.
  func register(_ bytes: ArraySlice<UInt8>) -> String? {
    let token = Token(bytes)
    let pattern: ArraySlice<UInt8>
    switch self {
    case .ccaData: pattern = token.bytes(at: 8, count: 8)
    case .ccaCipher:
      guard token[9] == 0x01 else { return nil }
      pattern = token.bytes(at: 10, count: 8)
    case .ep11: pattern = token.bytes(at: 32, count: 16)
    case .ep11WithHeader: pattern = token.bytes(at: 48, count: 16)
    case .protected, .secret: return nil
    }
    guard pattern.contains(where: { $0 != 0 }) else { return nil }
    let digits = pattern.map { Hex.text($0, digits: 2) }.joined()
    return (kind?.mode == .ep11 ? "WK 0x" : "AES 0x") + digits
  }
}

/// Bytes that are read at offsets; what lies outside is nil.
private struct Token {
  private let slice: ArraySlice<UInt8>

  init(_ slice: ArraySlice<UInt8>) {
    self.slice = slice
  }

  var count: Int { slice.count }

  subscript(_ offset: Int) -> UInt8? {
    offset < slice.count ? slice[slice.startIndex + offset] : nil
  }

  /// A number of two bytes, big-endian as on the mainframe.
  func number(at offset: Int) -> Int? {
    guard let high = self[offset], let low = self[offset + 1] else { return nil }
    return Int(high) << 8 | Int(low)
  }

  /// Whether the length in the header is in a range, and the token is there to its end. zkey pads tokens, but
  /// never to the length of two.
  func hasLength(from least: Int, upTo most: Int) -> Bool {
    guard let length = number(at: 2), (least...most).contains(length) else { return false }
    return (length..<2 * length).contains(count)
  }

  func bytes(at offset: Int, count: Int) -> ArraySlice<UInt8> {
    slice.dropFirst(offset).prefix(count)
  }
}
