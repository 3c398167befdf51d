/// FNV-1a with 64 bits: tells a damaged or cut text from a whole one. It is no protection against
/// somebody who wants to deceive (draft-eastlake-fnv).
package struct Checksum: Equatable, Sendable {
  /// The sum of the bytes so far.
  package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  /// The sum of no bytes.
  package init() {}

  /// The sum of these bytes.
  package init(_ bytes: some Sequence<UInt8>) {
    add(bytes)
  }

  /// Adds further bytes.
  package mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
}
