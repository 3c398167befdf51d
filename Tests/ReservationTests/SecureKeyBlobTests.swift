import Reservation
import TestSupport
import Testing

private let key: UInt64 = 0x1122_3344_5566_7788
private let aes = "AES 0x1122334455667788"
private let wrapping = [UInt8](1...16)
private let wk = "WK 0x0102030405060708090a0b0c0d0e0f10"

@Suite struct `A file with a secure key` {
  /// A file, and what it is.
  struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]
    var blob: SecureKeyBlob

    init(_ name: String, _ bytes: [UInt8], _ kind: SecureKey.Kind, _ masterKeys: [String]) {
      testDescription = name
      self.bytes = bytes
      blob = .wrapped(SecureKey(kind: kind, masterKeys: masterKeys))
    }

    init(_ name: String, _ bytes: [UInt8], _ blob: SecureKeyBlob) {
      testDescription = name
      self.bytes = bytes
      self.blob = blob
    }
  }

  private static let understood: [Row] = {
    let data = SecureKeySample.ccaData(masterKey: key)
    let cipher = SecureKeySample.ccaCipher(masterKey: key)
    let other = SecureKeySample.ccaData(masterKey: 7)
    let ep11 = SecureKeySample.ep11(wrappingKey: wrapping)
    let headed = SecureKeySample.ep11(wrappingKey: wrapping, hasHeader: true)
    return [
      Row("CCA data", data, .ccaData, [aes]),
      Row("CCA data for XTS", data + data, .ccaData, [aes]),
      Row("halves with two master keys", data + other, .ccaData, [aes, "AES 0x0000000000000007"]),
      Row("CCA cipher", cipher, .ccaCipher, [aes]),
      Row("CCA cipher for XTS", cipher + cipher, .ccaCipher, [aes]),
      Row("CCA cipher without padding", Array(cipher.prefix(120)), .ccaCipher, [aes]),
      Row(
        "a pattern of another type", SecureKeySample.ccaCipher(masterKey: key, patternType: 2),
        .ccaCipher, []),
      Row("a pattern of zeros", SecureKeySample.ccaData(masterKey: 0), .ccaData, []),
      Row("one half without pattern", data + SecureKeySample.ccaData(masterKey: 0), .ccaData, []),
      Row("EP11", ep11, .ep11AES, [wk]), Row("EP11 for XTS", ep11 + ep11, .ep11AES, [wk]),
      Row("EP11 without padding", Array(ep11.prefix(256)), .ep11AES, [wk]),
      Row("EP11 with header", headed, .ep11AES, [wk]),
      Row("EP11 with header for XTS", headed + headed, .ep11AES, [wk]),
      Row("a protected key", SecureKeySample.protected, .independent),
      Row(
        "a protected key for XTS", SecureKeySample.protected + SecureKeySample.protected,
        .independent),
      Row("a secret of the ultravisor", SecureKeySample.secret, .independent),
      Row("a CCA cipher key of the least length", cipherKey(length: 56), .ccaCipher, [aes]),
      Row("a CCA cipher key of the greatest length", cipherKey(length: 725), .ccaCipher, [aes]),
      Row(
        "a protected key for HMAC", [0, 0, 0, 0, 1] + Array(repeating: 0, count: 171), .independent),
    ]
  }()

  /// The fields of `struct cipherkeytoken` that are read.
  private static func cipherKey(length: Int) -> [UInt8] {
    let header = [0x01, 0, UInt8(length >> 8), UInt8(length & 0xff), 0x05, 0, 0, 0, 0, 0x01]
    let pattern = (0..<8).map { UInt8(truncatingIfNeeded: key >> (56 - 8 * $0)) }
    return header + pattern + Array(repeating: 0, count: length - header.count - pattern.count)
  }

  @Test(arguments: understood)
  func `shows what wraps the key`(row: Row) {
    #expect(SecureKeyBlob(row.bytes) == row.blob)
  }

  private static let damaged: [Row] = {
    let data = SecureKeySample.ccaData(masterKey: key)
    let cipher = SecureKeySample.ccaCipher(masterKey: key)
    let ep11 = SecureKeySample.ep11(wrappingKey: wrapping)
    let cut = SecureKeyBlob.unknown("has a key that is damaged or cut")
    func unknown(_ type: String, _ version: String) -> SecureKeyBlob {
      .unknown("has a key of unknown type 0x\(type) and version 0x\(version)")
    }
    var withoutMagic = ep11
    withoutMagic[64] = 0
    var longer = cipher
    longer[2] = 0x01
    return [
      Row("nothing", [], .unknown("is empty")),
      Row("a byte", [1], .unknown("is too short for a secure key")),
      Row("a passphrase", Array("correct horse".utf8), unknown("63", "65")),
      Row("a clear key", [0, 0, 0, 0, 2, 0, 0, 0] + data, unknown("00", "02")),
      Row("an ECC key", [0x1f, 0, 0, 0, 0, 0, 0, 0] + data, unknown("1f", "00")),
      Row("CCA of a later version", [1, 0, 0, 0, 6, 0, 0, 0] + data, unknown("01", "06")),
      Row("CCA data without its end", Array(data.dropLast()), cut),
      Row("CCA data and more", data + [0], cut),
      Row("three of it", data + data + data, cut),
      Row("CCA data and cipher", data + cipher, cut),
      Row("CCA cipher without its end", Array(cipher.prefix(119)), cut),
      Row("CCA cipher that says it is longer", longer, cut),
      Row("EP11 without its end", Array(ep11.prefix(255)), cut),
      Row("EP11 without its mark", withoutMagic, cut),
      Row("a protected key without its end", Array(SecureKeySample.protected.dropLast()), cut),
    ]
  }()

  @Test(arguments: damaged)
  func `that is not understood says why`(row: Row) {
    #expect(SecureKeyBlob(row.bytes) == row.blob)
  }

  /// Padding or the second half of a key for XTS may be missing; the rest says the same.
  @Test(arguments: understood)
  func `that is cut anywhere is not taken for another one`(row: Row) {
    for count in 0..<row.bytes.count {
      switch (SecureKeyBlob(Array(row.bytes.prefix(count))), row.blob) {
      case (.unknown, _), (.independent, .independent): continue
      case (.wrapped(let cut), .wrapped(let key)):
        #expect(cut.kind == key.kind && count >= row.bytes.count / 3, "\(count) bytes")
      default: Issue.record("\(count) bytes")
      }
    }
  }
}
