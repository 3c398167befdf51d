import APBus
import ReservationRules

/// A configuration file as read: its path and its bytes, not yet trusted to be text.
package struct ConfigurationText: Equatable, Sendable {
  /// The path, as messages print it.
  package var path: String
  /// The contents.
  package var bytes: [UInt8]

  /// A file of these bytes.
  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  /// A line that sets something.
  struct Assignment: Equatable {
    var key: ConfigurationKey
    var value: String
    var line: Int
  }

  /// What a line says.
  enum Line: Equatable {
    case assignment(Assignment)
    case problem(ConfigurationProblem)
  }

  /// The lines that say anything, in their order.
  ///
  /// Sections in brackets, `Key=value` without quotes, `#` and `;` begin comments at the beginning of a
  /// line: systemd's form (systemd.syntax(7)), without continued lines.
  func lines() -> [Line] {
    var lines: [Line] = []
    var section: String?
    for (index, bytes) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated()
    {
      let line = Self.trimmed(String(decoding: bytes, as: UTF8.self))
      guard let first = line.first, first != "#", first != ";" else { continue }
      do throws(ConfigurationProblem.Reason) {
        if first == "[" {
          section = nil
          section = try Self.section(line)
        } else {
          lines.append(.assignment(try Self.assignment(line, section, index + 1)))
        }
      } catch {
        lines.append(
          .problem(ConfigurationProblem(path, index + 1, error.text, about: error.keys)))
      }
    }
    return lines
  }

  private static func section(_ line: String) throws(ConfigurationProblem.Reason) -> String {
    let name = String(line.dropFirst().dropLast())
    guard line.hasSuffix("]"), ConfigurationKey.sections.contains(name) else {
      throw .init(
        "\(line) is no section; there are "
          + ConfigurationKey.sections.map { "[\($0)]" }.joined(separator: " and "), about: nil)
    }
    return name
  }

  private static func assignment(
    _ line: String, _ section: String?, _ number: Int
  ) throws(ConfigurationProblem.Reason) -> Assignment {
    guard let equals = line.firstIndex(of: "=") else {
      let word = line.split { $0 == " " || $0 == "\t" || $0 == ":" }.first.map(String.init) ?? line
      throw .init("\"\(line)\" is neither a section nor Key=value", about: nearestKey(word))
    }
    let name = trimmed(String(line[..<equals]))
    guard !name.isEmpty else { throw .init("\"\(line)\" has no name before =", about: nil) }
    guard let key = key(name) else {
      if let nearest = nearestKey(name) {
        throw .init(
          "there is no setting \(name); write \(nearest.rawValue) if that is meant", about: nearest)
      }
      let known = ConfigurationKey.allCases.filter { section == nil || $0.section == section }
      throw .init(
        "there is no setting \(name); there are "
          + known.map(\.rawValue).joined(separator: ", "), about: nil)
    }
    guard key.rawValue == name else {
      throw .init("write \(key.rawValue) instead of \(name)", about: key)
    }
    guard key.section == section else {
      throw .init("\(name) belongs below [\(key.section)]", about: key)
    }
    return Assignment(
      key: key, value: trimmed(String(line[line.index(after: equals)...])), line: number)
  }

  /// The setting of that name, whatever its letters' case.
  private static func key(_ name: String) -> ConfigurationKey? {
    ConfigurationKey.allCases.first { $0.rawValue.lowercased() == name.lowercased() }
  }

  /// The setting whose name was probably meant.
  private static func nearestKey(_ name: String) -> ConfigurationKey? {
    Spelling.nearest(to: name, among: ConfigurationKey.allCases.map(\.rawValue)).flatMap(key)
  }

  private static func trimmed(_ text: String) -> String {
    let isSpace = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\t" || scalar == "\r" }
    var scalars = text.unicodeScalars.drop(while: isSpace)
    while let last = scalars.last, isSpace(last) { scalars.removeLast() }
    // What a terminal would act on does not belong into messages.
    return String(
      String.UnicodeScalarView(
        scalars.map { $0.value < 0x20 || $0.value == 0x7f ? "\u{fffd}" : $0 })
    )
  }
}

/// A configuration file, or why it cannot be read.
package enum ConfigurationSource: Equatable, Sendable {
  /// A file that was read.
  case text(ConfigurationText)
  /// A file, or a directory of files, that cannot be read.
  case unreadable(ConfigurationProblem)
}

/// A line that is not as it should be: where, and what to write instead.
package struct ConfigurationProblem: Equatable, Sendable, CustomStringConvertible {
  /// The file.
  package var path: String
  /// The line, from 1; 0 for the file as a whole.
  package var line: Int
  /// What is wrong.
  package var reason: String
  /// The settings that it is about, or may be about. They count as protectively as they can, since what
  /// cannot be understood may have been meant to protect.
  package var keys: [ConfigurationKey]

  /// A reason on its way to its place.
  struct Reason: Error {
    var text: String
    var keys: [ConfigurationKey]

    init(_ text: String, about key: ConfigurationKey?) {
      self.text = text
      keys = key.map { [$0] } ?? []
    }
  }

  /// A problem; what cannot be read at all may be about every setting.
  package init(
    _ path: String, _ line: Int, _ reason: String,
    about keys: [ConfigurationKey] = ConfigurationKey.allCases
  ) {
    self.path = path
    self.line = line
    self.reason = reason
    self.keys = keys
  }

  /// `file:line`, or the file where the problem is the file as a whole.
  package var place: String { line > 0 ? "\(path):\(line)" : path }

  /// `file:line: sentence`.
  package var description: String { "\(place): \(reason)".printable }
}
