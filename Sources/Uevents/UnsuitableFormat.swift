/// A file that people may take for a capture and that cannot be one.
public enum UnsuitableFormat: String, Equatable, Sendable, CaseIterable {
  /// A packet capture, such as of an nlmon interface.
  case packets
  /// The text of `udevadm info --attribute-walk`.
  case attributeWalk
  /// Messages in the form in which udevd sends them on.
  case udevMessages
  /// A compressed file.
  case compressed
  /// JSON.
  case json

  /// The format of `bytes` if their beginning shows one of these.
  init?(magic bytes: [UInt8]) {
    let magics: [(UnsuitableFormat, [UInt8])] = [
      // pcap in both byte orders, also with nanoseconds, and pcapng.
      (.packets, [0xa1, 0xb2, 0xc3, 0xd4]), (.packets, [0xd4, 0xc3, 0xb2, 0xa1]),
      (.packets, [0xa1, 0xb2, 0x3c, 0x4d]), (.packets, [0x4d, 0x3c, 0xb2, 0xa1]),
      (.packets, [0x0a, 0x0d, 0x0d, 0x0a]),
      (.udevMessages, Array("libudev\0".utf8)),
      // gzip, xz, zstd, bzip2.
      (.compressed, [0x1f, 0x8b]), (.compressed, [0xfd, 0x37, 0x7a, 0x58, 0x5a]),
      (.compressed, [0x28, 0xb5, 0x2f, 0xfd]), (.compressed, Array("BZh".utf8)),
    ]
    guard let match = magics.first(where: { bytes.starts(with: $0.1) }) else { return nil }
    self = match.0
  }
}

extension UnsuitableFormat: CustomStringConvertible {
  /// Why it cannot be used and what to use, without a full stop.
  public var description: String {
    switch self {
    case .packets:
      // The tap copies only listed netlink protocols, and uevents are not among them
      // (`netlink_filter_tap` in net/netlink/af_netlink.c).
      "this is a packet capture, and Linux never copies uevents to a capture interface; record with "
        + "\"udevadm monitor --kernel --property\""
    case .attributeWalk:
      "this is the output of \"udevadm info --attribute-walk\", which shows one device and its "
        + "parents for writing rules; use \"udevadm info --export-db\""
    case .udevMessages:
      "these are messages that udevd sends on, not the kernel's; record with "
        + "\"udevadm monitor --kernel --property\""
    case .compressed: "this is a compressed file; unpack it first"
    case .json:
      "this is JSON; a capture is the text of \"udevadm monitor --kernel --property\" or "
        + "\"udevadm info --export-db\""
    }
  }
}
