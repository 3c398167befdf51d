/// Secure keys as zkey(1) writes them. Their secret parts are made up.
package enum SecureKeySample {
  /// A CCA key of type DATA: `struct secaeskeytoken` in zcrypt_ccamisc.h, 6.1.
  package static func ccaData(masterKey: UInt64) -> [UInt8] {
    [0x01, 0, 0, 0, 0x04, 0, 0, 0] + bytes(masterKey) + [UInt8](repeating: 0xaa, count: 32)
      + [UInt8](repeating: 0, count: 8) + [0x01, 0x00, 0x00, 0x20, 0, 0, 0, 0]
  }

  /// A CCA key of type CIPHER: `struct cipherkeytoken` there, padded as by zkey.
  package static func ccaCipher(masterKey: UInt64, patternType: UInt8 = 1) -> [UInt8] {
    let start: [UInt8] = [0x01, 0, 0, 120, 0x05, 0, 0, 0, 0x03, patternType]
    return padded(start + bytes(masterKey) + bytes(UInt64.max) + [0x02, 0x02], to: 136)
  }

  /// An EP11 key: `struct ep11keyblob` in zcrypt_ep11misc.h, 6.1, padded as by zkey, after a header of its own or
  /// with the header in its first bytes.
  package static func ep11(wrappingKey: [UInt8], hasHeader: Bool = false) -> [UInt8] {
    let length: [UInt8] = hasHeader ? [0x01, 0x10] : [0x01, 0x00]
    let header = [0x00, 0x00] + length + [hasHeader ? 0x06 : 0x03, 0, 0x01, 0x00]
    let start = padded(header, to: 16) + [UInt8](repeating: 0, count: hasHeader ? 32 : 16)
    let blob =
      start + padded(wrappingKey, to: 16) + [UInt8](repeating: 0, count: 16) + [0x12, 0x34]
    return padded(blob, to: hasHeader ? 336 : 320)
  }

  /// A key that the processor has wrapped: `struct protaeskeytoken` in pkey_api.c, 6.1.
  package static let protected = padded([0x00, 0, 0, 0, 0x01], to: 80)

  /// The number of a secret of the ultravisor: `struct uvsecrettoken` in pkey_uv.c, 6.13.
  package static let secret = padded([0x00, 0, 0, 0, 0x09], to: 44)

  /// A number as the mainframe stores it.
  private static func bytes(_ number: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
  }

  private static func padded(_ bytes: [UInt8], to count: Int) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: count - bytes.count)
  }
}
