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

  /// The lines that set something, and what is wrong with the others.
  ///
  /// Sections in brackets, `Key=value` without quotes, `#` and `;` begin comments at the beginning of a
  /// line: systemd's form (systemd.syntax(7)), without continued lines.
  func assignments() -> (assignments: [Assignment], problems: [ConfigurationProblem]) {
    var assignments: [Assignment] = []
    var problems: [ConfigurationProblem] = []
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
          assignments.append(try Self.assignment(line, section, index + 1))
        }
      } catch {
        problems.append(ConfigurationProblem(path, index + 1, error.text))
      }
    }
    return (assignments, problems)
  }

  private static func section(_ line: String) throws(ConfigurationProblem.Reason) -> String {
    let name = String(line.dropFirst().dropLast())
    guard line.hasSuffix("]"), ConfigurationKey.sections.contains(name) else {
      throw .init(
        "\(line) is no section; there are "
          + ConfigurationKey.sections.map { "[\($0)]" }.joined(separator: " and "))
    }
    return name
  }

  private static func assignment(
    _ line: String, _ section: String?, _ number: Int
  ) throws(ConfigurationProblem.Reason) -> Assignment {
    guard let equals = line.firstIndex(of: "=") else {
      throw .init("\"\(line)\" is neither a section nor Key=value")
    }
    let name = trimmed(String(line[..<equals]))
    guard !name.isEmpty else { throw .init("\"\(line)\" has no name before =") }
    guard let key = key(name) else {
      let known = ConfigurationKey.allCases.filter { section == nil || $0.section == section }
      throw .init(
        "there is no setting \(name); there are "
          + known.map(\.rawValue).joined(separator: ", "))
    }
    guard key.rawValue == name else { throw .init("write \(key.rawValue) instead of \(name)") }
    guard key.section == section else {
      throw .init("\(name) belongs below [\(key.section)]")
    }
    return Assignment(
      key: key, value: trimmed(String(line[line.index(after: equals)...])), line: number)
  }

  /// The setting of that name, whatever its letters' case.
  private static func key(_ name: String) -> ConfigurationKey? {
    ConfigurationKey.allCases.first { $0.rawValue.lowercased() == name.lowercased() }
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

/// A line that is not as it should be: where, and what to write instead.
package struct ConfigurationProblem: Equatable, Sendable, CustomStringConvertible {
  /// The file.
  package var path: String
  /// The line, from 1; 0 for the file as a whole.
  package var line: Int
  /// What is wrong.
  package var reason: String

  /// A reason on its way to its place.
  struct Reason: Error {
    var text: String

    init(_ text: String) {
      self.text = text
    }
  }

  /// A problem.
  package init(_ path: String, _ line: Int, _ reason: String) {
    self.path = path
    self.line = line
    self.reason = reason
  }

  /// `file:line: sentence`.
  package var description: String { line > 0 ? "\(path):\(line): \(reason)" : "\(path): \(reason)" }
}
