package import Configuration

/// The configuration file of a host with its drop-ins.
package struct ConfigurationFiles {
  /// The directories that have them, the strongest first.
  package static let directories = [
    "/etc/apreserve", "/run/apreserve", "/usr/local/lib/apreserve", "/usr/lib/apreserve",
  ]

  private static let name = "apreserve.conf"
  private static let sizeLimit = 1 << 20

  /// The files, the weakest first.
  package private(set) var texts: [ConfigurationText] = []
  /// What cannot be read.
  package private(set) var problems: [ConfigurationProblem] = []

  /// Reads the files of the system whose root directory is `root`: the first `apreserve.conf` of the
  /// directories, and all drop-ins by name; a name in an earlier directory replaces it in a later one.
  /// With an `owner` they must belong to that user.
  package init(root: String, owner: UInt32? = HostFile.trustedOwner) {
    let prefix = root.hasSuffix("/") ? String(root.dropLast()) : root
    for directory in Self.directories where texts.isEmpty {
      read("\(prefix)\(directory)/\(Self.name)", owner, mayBeAbsent: true)
    }
    var dropIns: [String: String] = [:]
    for directory in Self.directories {
      let path = "\(prefix)\(directory)/\(Self.name).d"
      do throws(FileError) {
        for entry in try ConfigurationDirectory.read(path, owner: owner)?.entries ?? []
        where entry.name.hasSuffix(".conf") && dropIns[entry.name] == nil {
          dropIns[entry.name] = entry.kind == .file ? "\(path)/\(entry.name)" : ""
        }
      } catch {
        problems.append(ConfigurationProblem(path, 0, "\(error)"))
      }
    }
    let names = dropIns.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for path in names.compactMap({ dropIns[$0] }) where !path.isEmpty {
      read(path, owner, mayBeAbsent: false)
    }
  }

  /// Reads one file and no other.
  package init(file path: String, owner: UInt32? = nil) {
    read(path, owner, mayBeAbsent: false)
  }

  /// The settings that the files make.
  package var configuration: Configuration { Configuration(texts, problems) }

  private mutating func read(_ path: String, _ owner: UInt32?, mayBeAbsent: Bool) {
    do throws(FileError) {
      let bytes = try HostFile.read(path, .init(sizeLimit: Self.sizeLimit, owner: owner))
      texts.append(ConfigurationText(path: path, bytes: bytes))
    } catch {
      guard !(mayBeAbsent && error.isAbsence) else { return }
      problems.append(ConfigurationProblem(path, 0, "\(error)"))
    }
  }
}
