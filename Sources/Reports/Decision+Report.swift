import APBus
import ReservationRules
import JSONText

extension SourceLocation {
  /// The file's base name and the line. Among files in effect a base name is there once, since an
  /// earlier directory replaces it in a later one.
  var shortFileAndLine: String {
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

extension Decision {
  /// The request in one word; `-` where no rule names the queue.
  var request: String {
    guard let reserve else { return "undecidable" }
    return rule == nil ? "-" : reserve.rawValue
  }

  /// The rule that won and the label for people: `50-db.rules:2 "db guests"`.
  var origin: String? {
    guard let rule else { return nil }
    let label = rule.name.map { " \"\($0.printable)\"" } ?? ""
    return rule.location.shortFileAndLine + label
  }

  /// Adds request, rule and label.
  func write(to object: inout JSONObject) {
    object.set("reserve", text: reserve?.rawValue ?? "undecidable")
    object.set("rule", rule?.location.json)
    object.set("label", text: name)
  }
}
