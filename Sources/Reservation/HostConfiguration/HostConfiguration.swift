package import APBus

/// What a host's other files say of its crypto queues: masks that take effect at the next boot,
/// overrides that another tool sets, what mediated devices are defined as, which virtual machines have
/// them, and who on the host itself needs a queue.
///
/// All of it is the configuration of other tools: it is read to decide well and to name things, and never
/// written.
package struct HostConfiguration: Equatable, Sendable {
  /// `ap.apmask=` and `ap.aqmask=` of the kernel's command line.
  package var bootMasks: ConfiguredMasks?
  /// What chzdev sets at every boot, in its own udev rule.
  package var persistentMasks: ConfiguredMasks?
  /// The overrides that driverctl sets when a queue is added, by queue.
  package var overrides: [ConfiguredOverride]
  /// What mdevctl defines for the matrix device.
  package var definitions: [MediatedDeviceDefinition]
  /// The virtual machines that have mediated devices, as libvirt defines them.
  package var virtualMachines: [VirtualMachine]
  /// Where s390-tools' ap-check callout is installed, which refuses to start a mediated device whose
  /// queues are reserved by override (SimulatedBus documentation, "s390-tools"); nil where it is not.
  package var callout: String?
  /// Who on the host itself has secure keys, which only a queue of the host can use.
  package var secureKeyUsers: [SecureKeyUser]

  /// What is found; a new one has found nothing.
  package init(
    bootMasks: ConfiguredMasks? = nil, persistentMasks: ConfiguredMasks? = nil,
    overrides: [ConfiguredOverride] = [], definitions: [MediatedDeviceDefinition] = [],
    virtualMachines: [VirtualMachine] = [], callout: String? = nil,
    secureKeyUsers: [SecureKeyUser] = []
  ) {
    self.bootMasks = bootMasks
    self.persistentMasks = persistentMasks
    self.overrides = overrides
    self.definitions = definitions
    self.virtualMachines = virtualMachines
    self.callout = callout
    self.secureKeyUsers = secureKeyUsers
  }

  /// A mediated device as a sentence names it: its UUID, and its virtual machine where one is known.
  package func name(ofMediatedDevice uuid: String) -> String {
    guard let machine = virtualMachines.first(where: { $0.mediatedDevices.contains(uuid) }) else {
      return uuid
    }
    return "\(uuid) (virtual machine \(machine.name))"
  }
}

/// An override that driverctl sets whenever the queue is added.
package struct ConfiguredOverride: Equatable, Sendable {
  package var apqn: APQN
  /// The driver that it is to have.
  package var driver: String
  /// The file that says so.
  package var source: String

  package init(apqn: APQN, driver: String, source: String) {
    self.apqn = apqn
    self.driver = driver
    self.source = source
  }

  /// The file `ap-05.0004` of driverctl's directory, whose text is a driver's name; nil for a file
  /// of another bus or without a name.
  package init?(fileName: String, text: String, source: String) {
    guard fileName.hasPrefix("ap-"), let apqn = APQN(String(fileName.dropFirst(3))),
      let driver = text.split(whereSeparator: \.isWhitespace).first
    else { return nil }
    self.init(apqn: apqn, driver: String(driver), source: source)
  }
}

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
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
        .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
      switch parts.first {
      // The first line of each algorithm.
      case "name": isProtected = parts.count == 2 && parts[1].contains("paes")
      case "refcnt":
        if isProtected, parts.count == 2, let count = Int(parts[1]), count > 1 { return true }
      default: break
      }
    }
    return false
  }

  /// The volumes of a crypttab whose option `cipher=` names `paes` (crypttab(5)), and whose key needs an
  /// adapter.
  package static func encryptedVolumes(crypttab text: String) -> [String] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
      let fields = line.split(whereSeparator: \.isWhitespace)
      guard let volume = fields.first, volume.first != "#", fields.count >= 4,
        fields[3].split(separator: ",").contains(where: {
          $0.hasPrefix("cipher=") && $0.contains("paes")
        }), !isVolatileKey(fields[2])
      else { return nil }
      return String(volume)
    }
  }

  /// Whether a key file is one that the processor generates at each read, without any adapter (group
  /// `protkey` of drivers/s390/crypto/pkey_sysfs.c, Linux 6.12): for swap.
  private static func isVolatileKey(_ file: Substring) -> Bool {
    file.hasPrefix("/sys/") && file.contains("/pkey/protkey/")
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
