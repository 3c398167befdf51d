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

  /// The name unless it is one that hosts have before they are named.
  private static func known(_ name: String) -> String? {
    let bare = name.lowercased()
    return HostIdentity.unnamed.contains(bare.hasSuffix(".") ? String(bare.dropLast()) : bare)
      ? nil : name
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
/// A file that does not exist, is unreadable or invalid says nothing, except of secure keys and of guests: the files
/// belong to other programs, and none of them may keep apreserve from working.
package struct HostConfigurationReader {
  private let root: String

  /// The most bytes that are read of a file.
  private static let sizeLimit = 1 << 20
  /// The most bytes that are read of the definition of a virtual machine, which can be long.
  private static let domainLimit = 64 << 20

  /// A reader of the system whose root directory is `root`.
  package init(root: String = "/") {
    self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
  }

  /// The directories with definitions of guests below a root directory, and how the names of the files end.
  package static func guestDirectories(root: String) -> [(path: String, suffix: String)] {
    let root = root.hasSuffix("/") ? String(root.dropLast()) : root
    return [
      (root + MediatedDeviceDefinition.directory, ""),
      (root + VirtualMachine.definedDirectory, ".xml"),
      (root + VirtualMachine.liveDirectory, ".xml"),
    ]
  }

  /// What the files of a system say. There is no root directory for a machine whose files are not known.
  package static func read(root: String?) -> HostConfiguration {
    root.map { HostConfigurationReader(root: $0).read() } ?? .unread
  }

  package func read() -> HostConfiguration {
    var configuration = HostConfiguration(
      bootMasks: text("/proc/cmdline").flatMap {
        ConfiguredMasks(kernelCommandLine: $0, source: "the kernel's command line")
      },
      persistentMasks: text("/etc/udev/rules.d/41-ap.rules").flatMap {
        ConfiguredMasks(udevRule: $0, source: "/etc/udev/rules.d/41-ap.rules")
      },
      overrides: overrides(), callout: callout(),
      secureKeyUsers: SecureKeyReader(root: root).users(),
      managers: QueueManager.allCases.filter(isInstalled))
    readGuests(into: &configuration)
    return configuration
  }

  /// Reads nothing but the definitions of guests.
  package func readGuests() -> HostConfiguration {
    var configuration = HostConfiguration()
    readGuests(into: &configuration)
    return configuration
  }

  private func readGuests(into configuration: inout HostConfiguration) {
    readDefinitions(into: &configuration)
    readMachines(into: &configuration)
  }

  private func overrides() -> [ConfiguredOverride] {
    let directory = "/etc/driverctl.d"
    return names(in: directory).filter { $0.hasPrefix("ap-") }.compactMap { name in
      let path = "\(directory)/\(name)"
      return text(path).flatMap { ConfiguredOverride(fileName: name, text: $0, source: path) }
    }
  }

  private func readDefinitions(into configuration: inout HostConfiguration) {
    let directory = MediatedDeviceDefinition.directory
    for name in names(in: directory, of: .mediatedDevices, into: &configuration)
    where BusObject.isUUID(name) {
      do throws(FileError) {
        let bytes = try HostFile.read(root + "\(directory)/\(name)", sizeLimit: Self.sizeLimit)
        guard let definition = MediatedDeviceDefinition(fileName: name, bytes: bytes) else {
          continue
        }
        configuration.definitions.append(definition)
      } catch {
        // It was removed meanwhile.
        guard !error.isAbsence else { continue }
        configuration.definitions.append(
          MediatedDeviceDefinition(uuid: name, unreadable: error.reason))
      }
    }
  }

  /// Whether the system is an initrd (os-release(5)), which is given definitions of mediated devices, but none of
  /// virtual machines: these may have secrets in them.
  private var isInitrd: Bool { access(root + "/etc/initrd-release", F_OK) == 0 }

  /// Reads machines as they are defined and as they run. A device that was attached to a running machine is
  /// in its state alone, one that is added at the next start in its definition alone.
  private func readMachines(into configuration: inout HostConfiguration) {
    if isInitrd {
      configuration.unreadable.append(
        UnreadableDefinitions(
          .virtualMachines, place: "", reason: "virtual machines are not known in the initrd"))
    }
    for directory in [VirtualMachine.definedDirectory, VirtualMachine.liveDirectory] {
      for name in names(in: directory, of: .virtualMachines, into: &configuration)
      where name.hasSuffix(".xml") {
        let path = "\(directory)/\(name)"
        do throws(FileError) {
          let bytes = try HostFile.read(root + path, sizeLimit: Self.domainLimit)
          do throws(XMLError) {
            guard let domain = try DomainDescription(xml: bytes), !domain.mediatedDevices.isEmpty
            else { continue }
            configuration.note(domain, isLive: directory == VirtualMachine.liveDirectory)
          } catch {
            configuration.unreadable.append(
              UnreadableDefinitions(
                .virtualMachines, place: "\(path):\(error.line)", reason: error.problem))
          }
        } catch {
          guard !error.isAbsence else { continue }
          configuration.unreadable.append(
            UnreadableDefinitions(.virtualMachines, place: path, reason: error.reason))
        }
      }
    }
  }

  /// The names in a directory with definitions of guests, none if there is no such directory. What cannot be read as a
  /// file is one of them: it is there, and may only not be readable for now.
  private func names(
    in directory: String, of subject: UnreadableDefinitions.Subject,
    into configuration: inout HostConfiguration
  ) -> [String] {
    do throws(FileError) {
      return try ConfigurationDirectory.read(root + directory, owner: nil)?.entries
        .filter { $0.kind != .linkToNull }.map(\.name) ?? []
    } catch {
      configuration.unreadable.append(
        UnreadableDefinitions(subject, place: directory, reason: error.reason))
      return []
    }
  }

  /// s390-tools' callout where mdevctl would use it: where apreserve's own does not come before it, which answers in its
  /// place (apreserve(1)). Whatever its suffix is: mdevctl(8) runs each file that is executable.
  private func callout() -> String? {
    let first = callouts().first { path in
      let name = path.split(separator: "/").last ?? ""
      return (name == "ap-apreserve" || name.hasPrefix("ap-check")) && isExecutable(path)
    }
    return first.flatMap { $0.hasSuffix("/ap-apreserve") ? nil : $0 }
  }

  /// The scripts that mdevctl tries, in its order. 1.3 and newer try first those in /usr/lib, then those in /etc, each
  /// directory by name, and do not work without the directory of notifiers in /usr/lib. Older ones know only the
  /// directory in /etc, and take its names as the file system lists them.
  private func callouts() -> [String] {
    let (current, old) = ("/usr/lib/mdevctl/scripts.d", "/etc/mdevctl.d/scripts.d/callouts")
    let isCurrent = access(root + current + "/notifiers", F_OK) == 0
    let inUsr = names(in: current + "/callouts").map { "\(current)/callouts/\($0)" }
    let inEtc = (isCurrent ? names(in: old) : unsortedNames(in: old)).map { "\(old)/\($0)" }
    return isCurrent ? inUsr + inEtc : inEtc + inUsr
  }

  private func unsortedNames(in directory: String) -> [String] {
    let number = open(root + directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { return [] }
    return (try? FileDescriptor(number).directoryNames()) ?? []
  }

  private func isInstalled(_ manager: QueueManager) -> Bool {
    guard let slash = manager.path.lastIndex(of: "/") else { return false }
    let prefix = manager.path[slash...].dropFirst()
    return names(in: String(manager.path[..<slash])).contains { $0.hasPrefix(prefix) }
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

extension HostConfiguration {
  fileprivate mutating func note(_ domain: DomainDescription, isLive: Bool) {
    let known = virtualMachines.firstIndex { $0.name == domain.name }
    let index = known ?? virtualMachines.endIndex
    if known == nil {
      virtualMachines.append(VirtualMachine(name: domain.name, mediatedDevices: []))
    }
    if isLive {
      virtualMachines[index].liveDevices = domain.mediatedDevices
    } else {
      virtualMachines[index].definedDevices += domain.mediatedDevices
    }
  }
}

extension FileError {
  /// Why the file cannot be read, without its path.
  fileprivate var reason: String {
    switch problem {
    case .failed(_, let errno): "\(errno)"
    case .tooLarge(let limit): "it has more than \(limit) bytes"
    case .notRegular: "it is not a regular file"
    case .notDirectory: "it is not a directory"
    default: "\(self)"
    }
  }
}
