import APBus
import ReservationRules

/// apreserve.conf and its drop-ins.
package struct ConfigurationFiles {
  /// The directories with such files, the one with the highest priority first.
  package static let directories = [
    "/etc/apreserve", "/run/apreserve", "/usr/local/lib/apreserve", "/usr/lib/apreserve",
  ]

  private static let name = "apreserve.conf"
  private static let sizeLimit = 1 << 20

  /// The files, the one with the lowest priority first, and what cannot be read.
  package private(set) var sources: [ConfigurationSource] = []

  /// Reads the files of the system whose root directory is `root`. With an `owner` they must belong to that
  /// user, who alone may write to them.
  package init(root: String, owner: UInt32? = HostFile.trustedOwner) {
    let prefix = root.hasSuffix("/") ? String(root.dropLast()) : root
    self.init(directories: Self.directories.map { prefix + $0 }, owner: owner)
  }

  /// Reads the first `apreserve.conf` of the directories, and all drop-ins sorted by name. A name in an
  /// earlier directory replaces the same name in a later one.
  private init(directories: [String], owner: UInt32?) {
    for directory in directories where sources.isEmpty {
      read("\(directory)/\(Self.name)", owner: owner, mayBeAbsent: true)
    }
    var dropIns: [String: String] = [:]
    var unreadable: [ConfigurationSource] = []
    for directory in directories {
      let path = "\(directory)/\(Self.name).d"
      do throws(FileError) {
        for entry in try ConfigurationDirectory.read(path, owner: owner)?.entries ?? []
        where entry.name.hasSuffix(".conf") && dropIns[entry.name] == nil {
          // What a link to nothing has said may only be missing for now.
          let isRead = entry.kind == .file || entry.kind == .danglingLink
          dropIns[entry.name] = isRead ? "\(path)/\(entry.name)" : ""
        }
      } catch {
        unreadable.append(.unreadable(ConfigurationProblem("\(error)", path: path)))
      }
    }
    let names = dropIns.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for path in names.compactMap({ dropIns[$0] }) where !path.isEmpty {
      read(path, owner: owner)
    }
    // An unreadable drop-in may have the highest priority.
    sources += unreadable
  }

  /// Reads a single file, or the files of a single directory.
  package init(path: String, owner: UInt32? = nil) {
    let isDirectory = (try? ConfigurationDirectory.read(path, owner: nil)) != nil
    self.init(directories: isDirectory ? [path] : [], owner: owner)
    if !isDirectory { read(path, owner: owner) }
  }

  package var unreadable: [ConfigurationProblem] {
    sources.compactMap { if case .unreadable(let problem) = $0 { problem } else { nil } }
  }

  /// The settings of the files. `previous` are those in force, if there are any.
  package func configuration(previous: Configuration? = nil) -> Configuration {
    Configuration(sources, previous: previous)
  }

  private mutating func read(_ path: String, owner: UInt32?, mayBeAbsent: Bool = false) {
    do throws(FileError) {
      let bytes = try HostFile.read(path, sizeLimit: Self.sizeLimit, owner: owner)
      sources.append(.text(ConfigurationText(path: path, bytes: bytes)))
    } catch {
      guard !(mayBeAbsent && error.isAbsence) else { return }
      sources.append(.unreadable(ConfigurationProblem("\(error)", path: path)))
    }
  }
}

/// The contents of a configuration file.
package struct ConfigurationText: Equatable, Sendable {
  package let path: String
  package let bytes: [UInt8]

  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  struct Assignment: Equatable {
    let setting: Setting
    let value: String
    let line: Int
  }

  enum Line: Equatable {
    case assignment(Assignment)
    case problem(ConfigurationProblem)
  }

  /// The lines with settings and those that are invalid, in their order.
  ///
  /// The syntax is that of systemd.syntax(7) without continued lines: sections in brackets, `Key=value`
  /// without quotes, comments from `#` or `;` at the beginning of a line.
  func lines() -> [Line] {
    var lines: [Line] = []
    var section: Setting.Section?
    for (index, bytes) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated()
    {
      let line = Self.trimmed(String(decoding: bytes, as: UTF8.self))
      guard let first = line.first, first != "#", first != ";" else { continue }
      do throws(ConfigurationProblem.Reason) {
        if first == "[" {
          section = nil
          section = try Self.section(line)
        } else {
          lines.append(.assignment(try Self.assignment(line, in: section, number: index + 1)))
        }
      } catch {
        lines.append(
          .problem(
            ConfigurationProblem(
              error.text, path: path, line: index + 1, about: error.setting.map { [$0] } ?? [])))
      }
    }
    return lines
  }

  private static func section(
    _ line: String
  ) throws(ConfigurationProblem.Reason) -> Setting.Section {
    guard line.hasSuffix("]"),
      let section = Setting.Section(rawValue: String(line.dropFirst().dropLast()))
    else {
      let names = Setting.Section.allCases.map { "[\($0.rawValue)]" }.joined(separator: " and ")
      throw .init("unknown section \(line); the sections are \(names)")
    }
    return section
  }

  private static func assignment(
    _ line: String, in section: Setting.Section?, number: Int
  ) throws(ConfigurationProblem.Reason) -> Assignment {
    guard let equals = line.firstIndex(of: "=") else {
      let word = line.split { $0 == " " || $0 == "\t" || $0 == ":" }.first.map(String.init) ?? line
      throw .init("\"\(line)\" is neither a section nor Key=value", about: nearest(to: word))
    }
    let name = trimmed(String(line[..<equals]))
    guard !name.isEmpty else { throw .init("\"\(line)\" has no name before =") }
    guard let setting = Setting(rawValue: name) else {
      if let nearest = nearest(to: name) {
        throw .init(
          "unknown setting \(name) (did you mean \(nearest.rawValue)?)", about: nearest)
      }
      let known = Setting.allCases.filter { section == nil || $0.section == section }
      throw .init(
        "unknown setting \(name); the settings are "
          + known.map(\.rawValue).joined(separator: ", "))
    }
    guard setting.section == section else {
      throw .init(
        "\(name) belongs in the section [\(setting.section.rawValue)]", about: setting)
    }
    return Assignment(
      setting: setting, value: trimmed(String(line[line.index(after: equals)...])), line: number)
  }

  /// The setting that was probably meant.
  private static func nearest(to name: String) -> Setting? {
    Spelling.nearest(to: name, among: Setting.allCases.map(\.rawValue)).flatMap(
      Setting.init(rawValue:))
  }

  private static func trimmed(_ text: String) -> String {
    let isSpace = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\t" || scalar == "\r" }
    var scalars = text.unicodeScalars.drop(while: isSpace)
    while let last = scalars.last, isSpace(last) { scalars.removeLast() }
    // Control characters must not reach a terminal with a message.
    return String(
      String.UnicodeScalarView(
        scalars.map { $0.value < 0x20 || $0.value == 0x7f ? "\u{fffd}" : $0 })
    )
  }
}

package enum ConfigurationSource: Equatable, Sendable {
  case text(ConfigurationText)
  /// A file or a directory that cannot be read.
  case unreadable(ConfigurationProblem)
}

/// What is wrong with a line or a file, and what to write instead.
package struct ConfigurationProblem: Equatable, Sendable, CustomStringConvertible {
  package let path: String
  /// The line, from 1; 0 for the file as a whole.
  package let line: Int
  package var reason: String
  /// The settings that it is or may be about.
  let settings: [Setting]

  /// A reason before its place is known.
  struct Reason: Error {
    let text: String
    let setting: Setting?

    init(_ text: String, about setting: Setting? = nil) {
      self.text = text
      self.setting = setting
    }
  }

  /// A file that cannot be read may be about every setting.
  package init(
    _ reason: String, path: String, line: Int = 0, about settings: [Setting] = Setting.allCases
  ) {
    self.path = path
    self.line = line
    self.reason = reason
    self.settings = settings
  }

  /// `FILE:LINE`, or only the file.
  package var place: String { line > 0 ? "\(path):\(line)" : path }

  package var description: String { "\(place): \(reason)".printable }
}
