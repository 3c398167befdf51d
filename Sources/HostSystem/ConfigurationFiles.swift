/// The configuration file of a host with its drop-ins.
package struct ConfigurationFiles {
  /// The directories that have them, the strongest first.
  package static let directories = [
    "/etc/apreserve", "/run/apreserve", "/usr/local/lib/apreserve", "/usr/lib/apreserve",
  ]

  private static let name = "apreserve.conf"
  private static let sizeLimit = 1 << 20

  /// The files, the weakest first, and what cannot be read among them.
  package private(set) var sources: [ConfigurationSource] = []

  /// Reads the files of the system whose root directory is `root`.
  /// With an `owner` they must belong to that user.
  package init(root: String, owner: UInt32? = HostFile.trustedOwner) {
    let prefix = root.hasSuffix("/") ? String(root.dropLast()) : root
    self.init(directories: Self.directories.map { prefix + $0 }, owner: owner)
  }

  /// Reads the first `apreserve.conf` of the directories, and all drop-ins by name; a name in an earlier
  /// directory replaces it in a later one.
  private init(directories: [String], owner: UInt32?) {
    for directory in directories where sources.isEmpty {
      read("\(directory)/\(Self.name)", owner, mayBeAbsent: true)
    }
    var dropIns: [String: String] = [:]
    var unreadable: [ConfigurationSource] = []
    for directory in directories {
      let path = "\(directory)/\(Self.name).d"
      do throws(FileError) {
        for entry in try ConfigurationDirectory.read(path, owner: owner)?.entries ?? []
        where entry.name.hasSuffix(".conf") && dropIns[entry.name] == nil {
          dropIns[entry.name] = entry.kind == .file ? "\(path)/\(entry.name)" : ""
        }
      } catch {
        unreadable.append(.unreadable(ConfigurationProblem(path, 0, "\(error)")))
      }
    }
    let names = dropIns.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for path in names.compactMap({ dropIns[$0] }) where !path.isEmpty {
      read(path, owner, mayBeAbsent: false)
    }
    // Its drop-ins may be the strongest of all.
    sources += unreadable
  }

  /// Reads one file and no other, or the files of one directory.
  package init(path: String, owner: UInt32? = nil) {
    let isDirectory = (try? ConfigurationDirectory.read(path, owner: nil)) != nil
    self.init(directories: isDirectory ? [path] : [], owner: owner)
    if !isDirectory { read(path, owner, mayBeAbsent: false) }
  }

  /// What cannot be read.
  package var unreadable: [ConfigurationProblem] {
    sources.compactMap { if case .unreadable(let problem) = $0 { problem } else { nil } }
  }

  /// The settings that the files make; `previous` are those in force, if there are any.
  package func configuration(previous: Configuration? = nil) -> Configuration {
    Configuration(sources, previous: previous)
  }

  private mutating func read(_ path: String, _ owner: UInt32?, mayBeAbsent: Bool) {
    do throws(FileError) {
      let bytes = try HostFile.read(path, .init(sizeLimit: Self.sizeLimit, owner: owner))
      sources.append(.text(ConfigurationText(path: path, bytes: bytes)))
    } catch {
      guard !(mayBeAbsent && error.isAbsence) else { return }
      sources.append(.unreadable(ConfigurationProblem(path, 0, "\(error)")))
    }
  }
}
