import APBus
package import ReservationRules
import JSONText

extension SourceLocation {
  /// The file's base name and the line. Among files in effect a base name is there once, since an
  /// earlier directory replaces it in a later one.
  package var shortFileAndLine: String { Self.shortText(file: file, line: line) }

  static func shortText(file: String, line: Int) -> String {
    let base = file.split(separator: "/").last.map(String.init) ?? file
    return "\(base):\(line)".printable
  }

  /// As JSON.
  var json: JSONValue {
    JSONObject.make {
      $0.set("file", text: file)
      $0.set("line", number: line)
    }
  }
}

extension Rule {
  /// Where it is written, and the label for people: `50-db.rules:2 "db guests"`.
  package var origin: String {
    location.shortFileAndLine + (name.map { " \"\($0.printable)\"" } ?? "")
  }
}

extension Decision {
  /// The request in one word; `-` where no rule names the queue.
  var request: String {
    guard let reserve else { return "undecidable" }
    return rule == nil ? "-" : reserve.rawValue
  }

  /// The rule that won and the label for people: `50-db.rules:2 "db guests"`.
  var origin: String? { rule?.origin }

  /// Adds request, rule and label.
  func write(to object: inout JSONObject) {
    object.set("reserve", text: reserve?.rawValue ?? "undecidable")
    object.set("rule", rule?.location.json)
    object.set("label", text: name)
  }
}
