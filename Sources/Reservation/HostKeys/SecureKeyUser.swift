package import APBus

/// Something on the host that has secure keys. Such a key is wrapped by an adapter's master key, so that
/// without a queue of the host with that master key it can no longer be used (SimulatedBus
/// documentation, "Host use").
package struct SecureKeyUser: Hashable, Sendable {
  /// What was found.
  package enum Origin: Hashable, Sendable {
    /// The cipher `paes` is in use now, for a volume that no file names.
    case cipherInUse
    /// An entry of `/etc/crypttab` names the cipher `paes`.
    case encryptedVolume(String)
    /// zkey's repository has a key.
    case repositoryKey(String)
    /// opencryptoki has a token that this file configures.
    case token(String)
    /// A file that would show it cannot be read, so there may be secure keys.
    case unreadable(String)
  }

  /// What it is.
  package var origin: Origin
  /// What a queue must be to serve it.
  package var key: SecureKey
  /// The queues that its file names.
  package var apqns: Set<APQN>
  /// Why more is not known of the key, the end of a sentence about its file.
  package var problem: String?

  package init(
    _ origin: Origin, key: SecureKey = .unknown, apqns: Set<APQN> = [], problem: String? = nil
  ) {
    self.origin = origin
    self.key = key
    self.apqns = apqns
    self.problem = problem
  }

  /// The cipher in use for a volume that no file names.
  package static let cipherInUse = SecureKeyUser(.cipherInUse)

  /// A volume of `/etc/crypttab`.
  package static func encryptedVolume(
    _ name: String, key: SecureKey = .unknown, problem: String? = nil
  ) -> SecureKeyUser {
    SecureKeyUser(.encryptedVolume(name), key: key, problem: problem)
  }

  /// A key of zkey's repository. The queues are those with which it is associated.
  package static func repositoryKey(
    _ name: String, key: SecureKey = .unknown, apqns: Set<APQN> = [], problem: String? = nil
  ) -> SecureKeyUser {
    SecureKeyUser(.repositoryKey(name), key: key, apqns: apqns, problem: problem)
  }

  /// A token of opencryptoki. It uses no other queues than those that are named, if there are any.
  package static func token(
    _ file: String, key: SecureKey, apqns: Set<APQN> = [], problem: String? = nil
  ) -> SecureKeyUser {
    SecureKeyUser(.token(file), key: key, apqns: apqns, problem: problem)
  }

  /// A file that cannot be read.
  package static func unreadable(_ path: String) -> SecureKeyUser {
    SecureKeyUser(.unreadable(path))
  }

  /// Whether it uses no other queues than those that its file names.
  var isRestricted: Bool {
    if case .token = origin { !apqns.isEmpty } else { false }
  }

  /// Whether it can use this queue, of a card with this mode and type, as far as that is known without its
  /// master keys.
  func canUse(_ apqn: APQN, mode: QueueMode?, type: HardwareType) -> Bool {
    guard !isRestricted || apqns.contains(apqn) else { return false }
    return key.suits(mode: mode, type: type)
  }
}

extension SecureKeyUser {
  /// The file with its key, or what else a sentence calls it.
  package var place: String {
    switch origin {
    case .cipherInUse: "/proc/crypto"
    case .encryptedVolume(let name): "volume \(name.printable) of /etc/crypttab"
    case .repositoryKey(let name): ZkeyRepository.keyFile(name).printable
    case .token(let file): "the token of \(file.printable)"
    case .unreadable(let path): path.printable
    }
  }

  /// The file that names its queues.
  package var listing: String {
    switch origin {
    case .repositoryKey(let name): ZkeyRepository.informationFile(name).printable
    case .token(let file): file.printable
    default: place
    }
  }

  /// What shows that there are secure keys, in parentheses.
  var evidence: String {
    if let problem { return "\(place) \(problem.printable)" }
    return switch origin {
    case .cipherInUse: "the cipher paes is in use, see /proc/crypto"
    case .encryptedVolume: "\(place) uses the cipher paes"
    case .repositoryKey, .token, .unreadable: place
    }
  }
}

extension SecureKeyUser {
  /// How many users the `paes` algorithms of `/proc/crypto` have: each algorithm has one reference of its own
  /// for being registered (crypto/proc.c), and one more for each user, such as an open volume.
  package static func cipherUses(procCrypto text: String) -> Int {
    var uses = 0
    var isProtected = false
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
        .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
      switch parts.first {
      // The first line of each algorithm.
      case "name": isProtected = parts.count == 2 && parts[1].contains("paes")
      case "refcnt":
        guard isProtected, parts.count == 2, let count = Int32(parts[1]), count > 1
        else { continue }
        uses += Int(count) - 1
      default: break
      }
    }
    return uses
  }
}

/// An entry of crypttab(5) whose option `cipher=` names `paes`.
package struct PaesVolume: Equatable, Sendable {
  package var name: String
  package var device: String
  /// The file with the key, or the passphrase of the key.
  package var keyFile: String
  /// Whether the key is all of the file.
  package var isWholeFile: Bool

  /// Where an entry's key is.
  package enum KeyPlace: Equatable, Sendable {
    /// The processor generates it at each read, without any adapter: for swap.
    case processor
    /// Queues of this kind generate it at each read; nil for a directory that is not known.
    case adapter(SecureKey.Kind?)
    /// In this file, if it is not that of a passphrase.
    case file(String)
    /// Not in a file.
    case nowhere
  }

  /// Where the key is. Below `/sys` there are the groups of `pkey_attr_groups` (drivers/s390/crypto/pkey_api.c,
  /// 6.1; pkey_sysfs.c since 6.12).
  package var keyPlace: KeyPlace {
    let parts = keyFile.split(separator: "/")
    guard keyFile.hasPrefix("/"), isWholeFile, !parts.contains("..") else { return .nowhere }
    guard parts.first == "sys" else { return .file(keyFile) }
    guard let group = parts.firstIndex(of: "pkey"), group + 2 < parts.count else {
      return .adapter(nil)
    }
    switch parts[group + 1] {
    case "protkey": return .processor
    case "ccadata": return .adapter(.ccaData)
    case "ccacipher": return .adapter(.ccaCipher)
    case "ep11": return .adapter(.ep11AES)
    default: return .adapter(nil)
    }
  }

  /// The entries of a crypttab.
  package static func volumes(crypttab text: String) -> [PaesVolume] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
      let fields = line.split(whereSeparator: \.isWhitespace)
      guard let name = fields.first, name.first != "#", fields.count >= 4 else { return nil }
      let options = fields[3].split(separator: ",")
      guard options.contains(where: { $0.hasPrefix("cipher=") && $0.contains("paes") }) else {
        return nil
      }
      return PaesVolume(
        name: String(name), device: String(fields[1]), keyFile: String(fields[2]),
        isWholeFile: !options.contains { $0.hasPrefix("keyfile-offset=") })
    }
  }
}

/// zkey's repository of keys: a file `NAME.skey` with the key, and `NAME.info` with what is known of it (keystore.c
/// and properties.c of s390-tools).
package enum ZkeyRepository {
  package static let directory = "/etc/zkey/repository"
  package static let keySuffix = ".skey"

  package static func keyFile(_ name: String) -> String { "\(directory)/\(name)\(keySuffix)" }
  package static func informationFile(_ name: String) -> String { "\(directory)/\(name).info" }

  /// What `NAME.info` says.
  package struct Information: Equatable, Sendable {
    /// The queues that the key is associated with.
    package var apqns: Set<APQN> = []
    package var volumes: [Volume] = []

    /// A volume that the key encrypts.
    package struct Volume: Equatable, Sendable {
      package var device: String
      /// Its name when it is open.
      package var name: String
    }

    package init() {}

    /// What a text says; lines that are not understood say nothing.
    package init(_ text: String) {
      for line in text.split(separator: "\n") where line.first != "#" {
        let parts = line.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { continue }
        let elements = parts[1].split(separator: ",")
        switch parts[0] {
        case "apqns": apqns.formUnion(elements.compactMap { APQN(String($0)) })
        case "volumes":
          for element in elements {
            guard let colon = element.lastIndex(of: ":") else { continue }
            volumes.append(
              Volume(
                device: String(element[..<colon]),
                name: String(element[element.index(after: colon)...])))
          }
        default: continue
        }
      }
    }

    /// Whether the key is that of a volume of crypttab.
    package func names(_ volume: PaesVolume) -> Bool {
      volumes.contains { $0.name == volume.name || $0.device == volume.device }
    }
  }
}
