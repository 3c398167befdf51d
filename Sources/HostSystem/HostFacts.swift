package import APBus
import Glibc
import JSONText
package import Reservation

/// What files outside sysfs say about the host itself: its names and the current boot.
package struct HostFacts: Sendable {
  private let root: String

  private static let sizeLimit = 65536

  /// The facts of the system whose root directory is `root`. The running kernel counts only for `/`.
  package init(root: String = "/") {
    self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
  }

  /// The names of the machine, as far as they are known.
  package func identity() -> HostIdentity {
    HostIdentity(name: hostName(), lpar: text("/proc/sysinfo").flatMap(Self.lparName))
  }

  /// The kernel's random identifier of the current boot (random(4)); empty if it is not known.
  package var bootID: String {
    (text("/proc/sys/kernel/random/boot_id") ?? "").split(whereSeparator: \.isWhitespace).joined()
  }

  /// The release of the running kernel, such as `6.12.41`; nil if it is not known.
  package var kernelRelease: String? {
    text("/proc/sys/kernel/osrelease").map { Self.trimmed($0[...]) }.flatMap {
      $0.isEmpty ? nil : $0
    }
  }

  /// The file with the static host name, which neither DHCP nor a container runtime changes.
  package var nameFile: String { root + "/etc/hostname" }

  /// The static host name, or the kernel's if there is no such file. If the file cannot be read, the
  /// result is nil, since the kernel's name may be a different one.
  private func hostName() -> String? {
    do throws(FileError) {
      let bytes = try HostFile.read(nameFile, sizeLimit: Self.sizeLimit)
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
    guard let bytes = try? HostFile.read(root + path, sizeLimit: Self.sizeLimit)
    else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The name in the text of `/etc/hostname`; nil if there is none.
  package static func hostName(_ text: String) -> String? {
    hostNameLine(text).flatMap(known)
  }

  /// The name unless it is one that hosts have before they are named (hostname(7); the kernel's
  /// UTS_NODENAME is `(none)`).
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

  /// The value of the line `LPAR Name:` in `/proc/sysinfo` (`stsi_2_2_2`, 6.1); nil on machines without
  /// partitions.
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

/// Reads what the files of other programs say about the crypto queues of the host.
///
/// A file that does not exist, is unreadable or invalid says nothing, except of secure keys: the files belong to
/// other programs, and none of them may keep apreserve from working.
package struct HostConfigurationReader {
  private let root: String

  /// The most bytes that are read of a file; the definition of a virtual machine can be long.
  private static let sizeLimit = 1 << 20

  /// A reader of the system whose root directory is `root`.
  package init(root: String = "/") {
    self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
  }

  /// What the files of a system say; nothing without a root directory, for a machine whose files are not known.
  package static func read(root: String?) -> HostConfiguration {
    root.map { HostConfigurationReader(root: $0).read() } ?? HostConfiguration()
  }

  package func read() -> HostConfiguration {
    HostConfiguration(
      bootMasks: text("/proc/cmdline").flatMap {
        ConfiguredMasks(kernelCommandLine: $0, source: "the kernel's command line")
      },
      persistentMasks: text("/etc/udev/rules.d/41-ap.rules").flatMap {
        ConfiguredMasks(udevRule: $0, source: "/etc/udev/rules.d/41-ap.rules")
      },
      overrides: overrides(), definitions: definitions(), virtualMachines: virtualMachines(),
      callout: callout(), secureKeyUsers: SecureKeyReader(root: root).users())
  }

  private func overrides() -> [ConfiguredOverride] {
    let directory = "/etc/driverctl.d"
    return names(in: directory).filter { $0.hasPrefix("ap-") }.compactMap { name in
      let path = "\(directory)/\(name)"
      return text(path).flatMap { ConfiguredOverride(fileName: name, text: $0, source: path) }
    }
  }

  private func definitions() -> [MediatedDeviceDefinition] {
    let directory = "/etc/mdevctl.d/matrix"
    return names(in: directory).compactMap { name in
      guard BusObject.isUUID(name) else { return nil }
      let json = bytes("\(directory)/\(name)").flatMap { try? JSONParser.parse($0) }
      return MediatedDeviceDefinition(fileName: name, json: json)
    }
  }

  /// Machines as they are defined and as they run. A device that was attached to a running machine is
  /// in its state alone, one that is added at the next start in its definition alone.
  private func virtualMachines() -> [VirtualMachine] {
    var machines: [VirtualMachine] = []
    for directory in ["/etc/libvirt/qemu", "/run/libvirt/qemu"] {
      for name in names(in: directory) where name.hasSuffix(".xml") {
        guard let machine = text("\(directory)/\(name)").flatMap(VirtualMachine.init(domainXML:))
        else { continue }
        if let index = machines.firstIndex(where: { $0.name == machine.name }) {
          let known = machines[index].mediatedDevices
          machines[index].mediatedDevices += machine.mediatedDevices.filter { !known.contains($0) }
        } else {
          machines.append(machine)
        }
      }
    }
    return machines
  }

  /// s390-tools' callout, whatever its suffix: mdevctl(8) runs each file that is executable.
  private func callout() -> String? {
    for directory in [
      "/usr/lib/mdevctl/scripts.d/callouts", "/etc/mdevctl.d/scripts.d/callouts",
    ] {
      let name = names(in: directory).first { name in
        name.hasPrefix("ap-check") && isExecutable("\(directory)/\(name)")
      }
      if let name { return "\(directory)/\(name)" }
    }
    return nil
  }

  private func isExecutable(_ path: String) -> Bool {
    var status = stat()
    guard stat(root + path, &status) == 0 else { return false }
    return status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o111 != 0
  }

  private func names(in directory: String) -> [String] {
    let listing = try? ConfigurationDirectory.read(root + directory, owner: nil)
    return listing.flatMap { $0 }?.entries.map(\.name) ?? []
  }

  private func bytes(_ path: String) -> [UInt8]? {
    try? HostFile.read(root + path, sizeLimit: Self.sizeLimit)
  }

  private func text(_ path: String) -> String? {
    bytes(path).map { String(decoding: $0, as: UTF8.self) }
  }
}
