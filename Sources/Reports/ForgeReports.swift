import APBus
package import JSONText
import ReservationRules

// What a check of rule files has found, in the forms that forges and CI servers show beside the lines.

extension Verification {
  /// A log of the Static Analysis Results Interchange Format (SARIF 2.1.0, OASIS) by that version of the program.
  package func sarif(version: String) -> JSONValue {
    let unread = unreadFiles
    let codes =
      diagnostics.map(\.code.rawValue).grouped { $0 }.map(\.value).sorted()
      + unread.map(\.code).grouped { $0 }.map(\.value)
    let driver = JSONValue.object([
      .init("name", "apreserve"), .init("version", .string(version)),
      .init("rules", .array(codes.map { .object([.init("id", .string($0))]) })),
    ])
    let run = JSONValue.object([
      .init("tool", .object([.init("driver", driver)])),
      // Columns count scalars, and not the UTF-16 units that are the default.
      .init("columnKind", "unicodeCodePoints"),
      .init("results", .array(diagnostics.map(\.sarif) + unread.map(\.sarif))),
    ])
    return .object([
      .init("$schema", "https://json.schemastore.org/sarif-2.1.0.json"),
      .init("version", "2.1.0"), .init("runs", .array([run])),
    ])
  }

  /// A report of JUnit: each finding is a test case, and each file without any is one that succeeds. What a strict
  /// check refuses is a failure; anything else is printed by its case. A machine without a report, a file that cannot
  /// be read, and what else has ended the check is an error.
  package func junit(strict: Bool) -> String {
    let cases = diagnostics.map { $0.testCase(strict: strict) }
    let found = Set(diagnostics.map(\.location.file))
    let clean = rules.files.filter { !found.contains($0) }
      .map {
        "  <testcase classname=\"apreserve verify\" name=\"\($0.xml)\" file=\"\($0.xml)\"/>\n"
      }
    let errors = unreadFiles.map(\.testCase)
    let count = cases.count + clean.count + errors.count
    let failures = diagnostics.count { $0.isFailure(strict: strict) }
    return """
      <?xml version="1.0" encoding="UTF-8"?>
      <testsuites>
      <testsuite name="apreserve verify" tests="\(count)" failures="\(failures)" errors="\(errors.count)" skipped="0">

      """ + (cases + clean + errors).joined() + "</testsuite>\n</testsuites>\n"
  }
}

extension Verification {
  /// What the rules could not be held against: what was not checked must not look as if it were right.
  private var unreadFiles: [UnreadFile] {
    machines.filter { [.unreadable, .failed].contains($0.standing) }.map { machine in
      UnreadFile(
        machine.heading.path ?? machine.heading.name, code: "\(machine.standing.rawValue)-machine",
        message: machine.note, at: machine.position)
    } + unread
  }
}

/// A file about machines that is of no use, a machine on which there is no report for another reason, or what else a
/// check has ended with.
package struct UnreadFile {
  private let file: String?
  fileprivate let code: String
  private let message: String
  private let position: FilePosition?

  fileprivate init(_ file: String?, code: String, message: String, at position: FilePosition?) {
    self.file = file
    self.code = code
    self.message = message
    self.position = position
  }

  package enum Kind: String, Sendable {
    /// It is no description of a machine, nor a directory of them.
    case machine = "unreadable-machine"
    /// It cannot be read, or does not have an LPAR.
    case lpars = "unusable-lpar-file"
    /// The check has ended because of it, or because of something else.
    case check = "failed-check"
  }

  /// A file, if it is one, in which something is wrong at `position`, if that is known.
  package init(
    _ file: String?, _ kind: Kind, message: String, at position: FilePosition? = nil
  ) {
    self.init(file, code: kind.rawValue, message: message, at: position)
  }

  fileprivate var sarif: JSONValue {
    var result: [JSONValue.Member] = [
      .init("ruleId", .string(code)), .init("level", "error"),
      .init("message", .object([.init("text", .string(message.printableLines))])),
    ]
    guard let file else { return .object(result) }
    var place: [JSONValue.Member] = [
      .init("artifactLocation", .object([.init("uri", .string(file.uri))]))
    ]
    if let position {
      place.append(
        .init(
          "region",
          .object([
            .init("startLine", .integer(position.line)),
            .init("startColumn", .integer(position.column)),
          ])))
    }
    result.append(
      .init("locations", .array([.object([.init("physicalLocation", .object(place))])])))
    return .object(result)
  }

  fileprivate var testCase: String {
    let place = file.map { " file=\"\($0.xml)\"" } ?? ""
    let line = position.map { " line=\"\($0.line)\"" } ?? ""
    return
      "  <testcase classname=\"apreserve verify\" name=\"\((file ?? code).xml)\"\(place)\(line)>\n"
      + "    <error type=\"\(code)\" message=\"\(message.xml)\"/>\n  </testcase>\n"
  }
}

extension Diagnostic {
  fileprivate var sarif: JSONValue {
    var place: [JSONValue.Member] = [
      .init("artifactLocation", .object([.init("uri", .string(location.file.uri))]))
    ]
    if length > 0 {
      place.append(
        .init(
          "region",
          .object([
            .init("startLine", .integer(location.line)),
            .init("startColumn", .integer(location.column)),
            .init("endColumn", .integer(location.column + length)),
          ])))
    }
    return .object([
      .init("ruleId", .string(code.rawValue)),
      // Its levels have the names of these.
      .init("level", .string(severity.rawValue)),
      .init("message", .object([.init("text", .string(sentence))])),
      .init("locations", .array([.object([.init("physicalLocation", .object(place))])])),
    ])
  }

  /// What is wrong and what to write, for a reader who sees the line.
  private var sentence: String { message + (fix.map { "; write: \($0)" } ?? "") }

  fileprivate func isFailure(strict: Bool) -> Bool {
    severity == .error || strict && severity == .warning
  }

  fileprivate func testCase(strict: Bool) -> String {
    let file = location.file.xml
    let name = "\(location.fileAndLine): \(code.rawValue)".xml
    let start =
      "  <testcase classname=\"apreserve verify\" name=\"\(name)\" file=\"\(file)\" line=\"\(location.line)\">\n"
    let body =
      isFailure(strict: strict)
      ? "    <failure type=\"\(code.rawValue)\" message=\"\(sentence.xml)\">\(description.xml)</failure>\n"
      : "    <system-out>\(description.xml)</system-out>\n"
    return start + body + "  </testcase>\n"
  }
}

extension String {
  /// A relative or absolute path as a URI reference (RFC 3986).
  fileprivate var uri: String {
    var text = hasPrefix("/") ? "file://" : ""
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"),
        UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += "%" + Hex.text(byte, digits: 2).uppercased()
      }
    }
    return text
  }

  /// The text in XML, where it may have several lines.
  fileprivate var xml: String { printableLines.escapedForXML }
}
