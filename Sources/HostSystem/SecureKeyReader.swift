import Glibc
import Reservation

/// Reads who on the host has secure keys, and which queues can serve them.
///
/// A file that exists and cannot be read counts as a user whose keys may need any queue: it may name the
/// key of the root volume.
struct SecureKeyReader {
  /// The root directory, without a slash at its end.
  let root: String

  private static let sizeLimit = 1 << 20
  /// The most bytes of a secure key. The longest, two EP11 tokens, has 672.
  private static let keySizeLimit = 65536

  func users() -> [SecureKeyUser] {
    let keys = repositoryKeys()
    let volumes = volumes(with: keys)
    let known = volumes.known.union(keys.flatMap(\.volumes))
    return cipherUse(explained: known) + volumes.users
      + keys.filter { !$0.isIndependent }.map(\.user) + tokens()
  }

  // MARK: - zkey

  /// A key of zkey's repository, or what cannot be read there.
  private struct RepositoryKey {
    var user: SecureKeyUser
    var information = ZkeyRepository.Information()
    /// Whether the key is one that needs no adapter.
    var isIndependent = false

    var keyFile: String? {
      if case .repositoryKey(let name) = user.origin { ZkeyRepository.keyFile(name) } else { nil }
    }

    /// The volumes that it encrypts, by name; if it names none, it may be that of one.
    var volumes: [String] {
      guard isIndependent || user.key.kind != nil else { return [] }
      let names = information.volumes.map(\.name)
      return names.isEmpty ? [user.place] : names
    }
  }

  private func repositoryKeys() -> [RepositoryKey] {
    do throws(FileError) {
      let directory = try ConfigurationDirectory.read(root + ZkeyRepository.directory, owner: nil)
      return (directory?.entries.map(\.name) ?? []).compactMap { file in
        guard file.hasSuffix(ZkeyRepository.keySuffix) else { return nil }
        return repositoryKey(String(file.dropLast(ZkeyRepository.keySuffix.count)))
      }
    } catch {
      return [RepositoryKey(user: .unreadable(ZkeyRepository.directory))]
    }
  }

  private func repositoryKey(_ name: String) -> RepositoryKey {
    let text = try? text(ZkeyRepository.informationFile(name))
    let information = ZkeyRepository.Information(text ?? "")
    var key = RepositoryKey(
      user: .repositoryKey(name, apqns: information.apqns), information: information)
    switch blob(ZkeyRepository.keyFile(name)) {
    case .wrapped(let secureKey): key.user.key = secureKey
    case .independent: key.isIndependent = true
    case .unknown(let problem): key.user.problem = problem
    }
    return key
  }

  /// What the bytes of a key file are.
  private func blob(_ path: String) -> SecureKeyBlob {
    do throws(FileError) {
      return SecureKeyBlob(try HostFile.read(root + path, sizeLimit: Self.keySizeLimit))
    } catch {
      return .unknown(error.isAbsence ? "does not exist" : "cannot be read")
    }
  }

  // MARK: - crypttab

  /// The volumes of crypttab with the cipher `paes`: those that need queues other than zkey's keys do, and the
  /// names of all of which the key is known.
  private func volumes(
    with keys: [RepositoryKey]
  ) -> (users: [SecureKeyUser], known: Set<String>) {
    let path = "/etc/crypttab"
    var users: [SecureKeyUser] = []
    var known: Set<String> = []
    do throws(FileError) {
      for volume in PaesVolume.volumes(crypttab: try text(path) ?? "") {
        let user = user(of: volume, with: keys)
        if let user { users.append(user) }
        if user == nil || user?.key.kind != nil { known.insert(volume.name) }
      }
    } catch {
      users.append(.unreadable(path))
    }
    return (users, known)
  }

  /// What a volume needs; nil for one that needs no adapter, or nothing but a key of zkey's repository.
  private func user(of volume: PaesVolume, with keys: [RepositoryKey]) -> SecureKeyUser? {
    var problem: String?
    switch volume.keyPlace {
    case .processor: return nil
    case .adapter(let kind): return .encryptedVolume(volume.name, key: SecureKey(kind: kind))
    case .file(let path):
      if keys.contains(where: { $0.keyFile == path }) { return nil }
      switch blob(path) {
      case .wrapped(let key): return .encryptedVolume(volume.name, key: key)
      case .independent: return nil
      case .unknown(let why): problem = "has the key file \(path), which \(why)"
      }
    case .nowhere: break
    }
    // It is, or may be, the passphrase of a volume that has its key in its header.
    if keys.contains(where: { $0.information.names(volume) }) { return nil }
    return .encryptedVolume(volume.name, problem: problem)
  }

  // MARK: - The kernel

  /// The cipher's use that is not explained by volumes whose keys are known.
  private func cipherUse(explained volumes: Set<String>) -> [SecureKeyUser] {
    let path = "/proc/crypto"
    do throws(FileError) {
      let uses = SecureKeyUser.cipherUses(procCrypto: try text(path) ?? "")
      // Most hosts do not use it, and may have thousands of disks.
      guard uses > 0 else { return [] }
      let explained = openVolumes().map(volumes.intersection) ?? volumes
      return uses > explained.count ? [.cipherInUse] : []
    } catch {
      return [.unreadable(path)]
    }
  }

  /// The names of the volumes that are open; nil where that cannot be found out. One that is closed has no part in
  /// the cipher's use, and must not explain that of another one.
  private func openVolumes() -> Set<String>? {
    guard let disks = try? ConfigurationDirectory.read("\(root)/sys/block", owner: nil) else {
      return nil
    }
    let names = disks.entries.lazy.filter { $0.name.hasPrefix("dm-") }.compactMap { disk in
      try? text("/sys/block/\(disk.name)/dm/name")
    }
    return Set(names.map { String($0.prefix { $0 != "\n" }) })
  }

  // MARK: - opencryptoki

  private func tokens() -> [SecureKeyUser] {
    let directory = OpencryptokiConfiguration.directory
    let path = directory + "/opencryptoki.conf"
    do throws(FileError) {
      if let text = try text(path) {
        return OpencryptokiConfiguration(text).tokens.compactMap { user(of: $0) }
      }
      let usual = OpencryptokiConfiguration.usualEP11
      let isThere = try text("\(directory)/\(usual.fileName)") != nil
      return isThere ? user(of: usual).map { [$0] } ?? [] : []
    } catch {
      return [.unreadable(path)]
    }
  }

  /// What a token needs; nil for one that has never been used and insists on no queues.
  private func user(of token: OpencryptokiConfiguration.Token) -> SecureKeyUser? {
    let directory = OpencryptokiConfiguration.directory
    let file = "\(directory)/\(token.fileName)"
    guard token.kind == .ep11 else {
      return hasData(token) ? .token(file, key: SecureKey(kind: .cca)) : nil
    }
    let key = SecureKey(kind: .ep11)
    do throws(FileError) {
      switch EP11TokenQueues(try text(file) ?? "") {
      case .listed(let apqns): return .token(file, key: key, apqns: apqns)
      case .any, .unknown: return hasData(token) ? .token(file, key: key) : nil
      }
    } catch {
      return .token(file, key: key)
    }
  }

  /// Whether a token has been used, or that cannot be found out. A token writes the file when a program uses it for
  /// the first time (`load_token_data` in loadsave.c of opencryptoki).
  private func hasData(_ token: OpencryptokiConfiguration.Token) -> Bool {
    let directory = "/var/lib/opencryptoki"
    var status = stat()
    guard stat(root + directory, &status) == 0 else { return true }
    return stat("\(root)\(directory)/\(token.name)/NVTOK.DAT", &status) == 0
      || errno != ENOENT && errno != ENOTDIR
  }

  // MARK: - Files

  /// The text of a file; nil if it does not exist.
  private func text(_ path: String) throws(FileError) -> String? {
    do throws(FileError) {
      return String(
        decoding: try HostFile.read(root + path, sizeLimit: Self.sizeLimit), as: UTF8.self)
    } catch {
      if error.isAbsence { return nil }
      throw error
    }
  }
}
