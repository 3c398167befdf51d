import APBus
package import Reservation
import JSONText

/// Reads what a host's other files say of its crypto queues.
///
/// A file that is not there, cannot be read or makes no sense says nothing: none of them is ours, and
/// none of them may keep us from working.
package struct HostConfigurationReader {
  private let root: String

  /// The most bytes that are read of one file; a virtual machine's definition can be long.
  private static let sizeLimit = 1 << 20

  /// A reader of the system whose root directory is `root`.
  package init(root: String = "/") {
    self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
  }

  /// What the files say now.
  package func read() -> HostConfiguration {
    HostConfiguration(
      bootMasks: text("/proc/cmdline").flatMap {
        ConfiguredMasks(kernelCommandLine: $0, source: "the kernel's command line")
      },
      persistentMasks: text("/etc/udev/rules.d/41-ap.rules").flatMap {
        ConfiguredMasks(udevRule: $0, source: "/etc/udev/rules.d/41-ap.rules")
      },
      overrides: overrides(), definitions: definitions(), virtualMachines: virtualMachines(),
      callout: callout(), secureKeyUsers: secureKeyUsers())
  }

  private func overrides() -> [ConfiguredOverride] {
    let directory = "/etc/driverctl.d"
    return names(directory).filter { $0.hasPrefix("ap-") }.compactMap { name in
      let path = "\(directory)/\(name)"
      return text(path).flatMap { ConfiguredOverride(fileName: name, text: $0, source: path) }
    }
  }

  private func definitions() -> [MediatedDeviceDefinition] {
    let directory = "/etc/mdevctl.d/matrix"
    return names(directory).compactMap { name in
      guard BusObject.isUUID(name), let bytes = bytes("\(directory)/\(name)"),
        let json = try? JSONParser.parse(bytes)
      else { return nil }
      return MediatedDeviceDefinition(fileName: name, json: json)
    }
  }

  /// Defined machines, and running ones that are defined nowhere.
  private func virtualMachines() -> [VirtualMachine] {
    var machines: [VirtualMachine] = []
    for directory in ["/etc/libvirt/qemu", "/run/libvirt/qemu"] {
      for name in names(directory) where name.hasSuffix(".xml") {
        guard let machine = text("\(directory)/\(name)").flatMap(VirtualMachine.init(domainXML:)),
          !machines.contains(where: { $0.name == machine.name })
        else { continue }
        machines.append(machine)
      }
    }
    return machines
  }

  private func callout() -> String? {
    for directory in [
      "/usr/lib/mdevctl/scripts.d/callouts", "/etc/mdevctl.d/scripts.d/callouts",
    ] {
      if let name = names(directory).first(where: { $0.hasPrefix("ap-check") }) {
        return "\(directory)/\(name)"
      }
    }
    return nil
  }

  /// Here a file that is there and cannot be read counts: it may name the keys of the root volume.
  private func secureKeyUsers() -> [SecureKeyUser] {
    users(in: "/proc/crypto") { SecureKeyUser.isCipherInUse(procCrypto: $0) ? [.cipherInUse] : [] }
      + users(in: "/etc/crypttab") { text in
        SecureKeyUser.encryptedVolumes(crypttab: text).map { .encryptedVolume($0) }
      } + repositoryKeys()
  }

  private func users(
    in path: String, _ read: (String) -> [SecureKeyUser]
  ) -> [SecureKeyUser] {
    do throws(FileError) {
      let bytes = try HostFile.read(root + path, HostFile.Requirements(sizeLimit: Self.sizeLimit))
      return read(String(decoding: bytes, as: UTF8.self))
    } catch {
      return error.isAbsence ? [] : [.unreadable(path)]
    }
  }

  private func repositoryKeys() -> [SecureKeyUser] {
    let path = "/etc/zkey/repository"
    let suffix = ".skey"
    do throws(FileError) {
      let directory = try ConfigurationDirectory.read(root + path, owner: nil)
      return (directory?.entries.map(\.name) ?? []).filter { $0.hasSuffix(suffix) }
        .map { .repositoryKey(String($0.dropLast(suffix.count))) }
    } catch {
      return [.unreadable(path)]
    }
  }

  private func names(_ directory: String) -> [String] {
    let listing = try? ConfigurationDirectory.read(root + directory, owner: nil)
    return listing.flatMap { $0 }?.entries.map(\.name) ?? []
  }

  private func bytes(_ path: String) -> [UInt8]? {
    try? HostFile.read(root + path, HostFile.Requirements(sizeLimit: Self.sizeLimit))
  }

  private func text(_ path: String) -> String? {
    bytes(path).map { String(decoding: $0, as: UTF8.self) }
  }
}
