/// Something on the host that has secure keys. Such a key is wrapped by an adapter's master key, so that
/// without a queue of the host with that master key it can no longer be used (SimulatedBus
/// documentation, "Host use").
package enum SecureKeyUser: Hashable, Sendable {
  /// The cipher `paes` is in use now.
  case cipherInUse
  /// An entry of `/etc/crypttab` names the cipher `paes`.
  case encryptedVolume(String)
  /// zkey's repository has a key.
  case repositoryKey(String)
  /// A file that would show it cannot be read, so there may be secure keys.
  case unreadable(String)

  /// Whether `/proc/crypto` shows a `paes` algorithm in use: each has one reference of its own for
  /// being registered (crypto/proc.c), and one more for each user.
  package static func isCipherInUse(procCrypto text: String) -> Bool {
    var isProtected = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let parts = line.split(separator: ":", maxSplits: 1)
        .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
      switch parts.first {
      case nil: isProtected = false
      case "name": isProtected = parts.count == 2 && parts[1].contains("paes")
      case "refcnt":
        if isProtected, parts.count == 2, let count = Int(parts[1]), count > 1 { return true }
      default: break
      }
    }
    return false
  }

  /// The volumes of a crypttab whose options name `paes` (crypttab(5)).
  package static func encryptedVolumes(crypttab text: String) -> [String] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
      let fields = line.split(whereSeparator: \.isWhitespace)
      guard let volume = fields.first, volume.first != "#", fields.count >= 4 else { return nil }
      return fields[3].contains("paes") ? String(volume) : nil
    }
  }
}

extension SecureKeyUser: CustomStringConvertible {
  /// As a sentence names it.
  package var description: String {
    switch self {
    case .cipherInUse: "the cipher paes is in use (/proc/crypto)"
    case .encryptedVolume(let name): "volume \(name) of /etc/crypttab uses the cipher paes"
    case .unreadable(let path): "\(path) cannot be read, so that there may be some"
    case .repositoryKey(let name): "zkey's repository has the key \(name)"
    }
  }
}
