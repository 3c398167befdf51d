package import APBus
import Glibc

/// What the host knows of itself outside sysfs.
package struct HostFacts: Sendable {
  private let root: String

  /// The facts of the system whose root directory is `root`. Only for `/` is the running kernel asked
  /// as well.
  package init(root: String = "/") {
    self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
  }

  /// The machine's names, as far as they are known.
  package func identity() -> HostIdentity {
    HostIdentity(name: hostName(), lpar: text("/proc/sysinfo").flatMap(Self.lparName))
  }

  /// What tells this boot from all others; empty where it is not known.
  package var bootID: String {
    (text("/proc/sys/kernel/random/boot_id") ?? "").split(whereSeparator: \.isWhitespace).joined()
  }

  /// The file with the static host name, which neither DHCP nor a container's runtime changes.
  package var nameFile: String { root + "/etc/hostname" }

  /// The static host name; the kernel's where there is no file with it. A file that cannot be read says
  /// nothing, and then the kernel's name may be another one.
  private func hostName() -> String? {
    do throws(FileError) {
      let bytes = try HostFile.read(nameFile, HostFile.Requirements(sizeLimit: 65536))
      let text = String(decoding: bytes, as: UTF8.self)
      if let line = Self.hostNameLine(text) { return Self.known(line) }
    } catch {
      guard error.isAbsence else { return nil }
    }
    guard root.isEmpty else { return nil }
    var buffer = [UInt8](repeating: 0, count: 256)
    let failed = buffer.withUnsafeMutableBytes { bytes -> Bool in
      guard let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) else { return true }
      return gethostname(start, bytes.count - 1) != 0
    }
    let name = buffer.prefix { $0 != 0 }
    return failed ? nil : Self.known(String(decoding: name, as: UTF8.self))
  }

  private func text(_ path: String) -> String? {
    // A file that cannot be read tells nothing, as one that is not there.
    guard let bytes = try? HostFile.read(root + path, HostFile.Requirements(sizeLimit: 65536))
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The name in the text of `/etc/hostname`; nil where it has none.
  package static func hostName(_ text: String) -> String? {
    hostNameLine(text).flatMap(known)
  }

  /// A name that tells one host from others: what hosts are called before they have a name is none
  /// (hostname(7); the kernel's UTS_NODENAME is `(none)`).
  private static func known(_ name: String) -> String? {
    let unnamed = ["", "(none)", "localhost", "localhost.localdomain"]
    let bare = name.lowercased()
    return unnamed.contains(bare.hasSuffix(".") ? String(bare.dropLast()) : bare) ? nil : name
  }

  /// The first line of `/etc/hostname` that is not empty and not a comment (hostname(5)).
  private static func hostNameLine(_ text: String) -> String? {
    for line in text.split(separator: "\n") {
      let name = trimmed(line)
      if !name.isEmpty, name.first != "#" { return name }
    }
    return nil
  }

  /// The value of the line `LPAR Name:` in `/proc/sysinfo` (arch/s390/kernel/sysinfo.c). Machines
  /// without partitions have none.
  package static func lparName(_ text: String) -> String? {
    let key = "LPAR Name:"
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      let name = trimmed(line.dropFirst(key.count))
      return name.isEmpty ? nil : name
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> String {
    let isSpace = { (character: Character) in character.isWhitespace }
    var text = text.drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    return String(text)
  }
}
