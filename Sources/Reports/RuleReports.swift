import APBus
package import ReservationRules
import JSONText

extension SourceLocation {
  /// The file's base name and the line. Among files in effect a base name is there once, since an
  /// earlier directory replaces it in a later one.
  package var shortFileAndLine: String { Self.shortText(file: file, line: line) }

  static func shortText(file: String, line: Int) -> String {
    "\(RuleFileSelection.baseName(file)):\(line)".printable
  }

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
    RuleReference(file: location.file, line: location.line, label: name).origin
  }
}

extension RuleReference {
  /// Where the rule is written, and the label for people.
  var origin: String {
    SourceLocation.shortText(file: file, line: line) + (label.map { " \"\($0.printable)\"" } ?? "")
  }

  /// Adds place, label and hash of the text.
  func write(to object: inout JSONObject) {
    object.set(
      "rule",
      JSONObject.make {
        $0.set("file", text: file)
        $0.set("line", number: line)
      })
    object.set("label", text: label)
    object.set("ruleHash", text: textHash)
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

extension RuleVerdict {
  /// What became of the rule, in one word.
  var word: String {
    switch outcome {
    case .decides: "decides"
    case .waits: "waits"
    case .overridden: "overridden"
    case .lockedOut: "locked out"
    case .fails: "fails"
    case .unknown: "unknown"
    }
  }

  /// Why; nil where the word says it all.
  var detail: String? {
    switch outcome {
    case .decides: nil
    case .waits: "matches, but it is unknown whether a stronger rule matches, too"
    case .overridden(let location): "by \(location.shortFileAndLine), which is later"
    case .lockedOut(let location): "by \(location.shortFileAndLine), which has :="
    case .fails(let clause, let found): "\(clause.text.printable) does not match \(found.printable)"
    case .unknown(let clause, let reason, let mayDecide):
      "\(clause.text.printable) is unknown: \(reason.printable)"
        + (mayDecide ? "; it may decide" : "")
    }
  }

  /// As JSON: the clause that failed with what was found or why that is unknown, or the rule that
  /// decides instead.
  var json: JSONValue {
    JSONObject.make {
      $0.set("rule", rule.location.json)
      $0.set("text", text: rule.text)
      $0.set("verdict", text: word.replacing(" ", with: "-"))
      switch outcome {
      case .decides, .waits: break
      case .overridden(let location), .lockedOut(let location): $0.set("by", location.json)
      case .fails(let clause, let found):
        $0.set("wanted", text: clause.text)
        $0.set("found", text: found)
      case .unknown(let clause, let reason, let mayDecide):
        $0.set("wanted", text: clause.text)
        $0.set("unknown", text: reason)
        $0.set("mayDecide", flag: mayDecide)
      }
      $0.set("detail", text: detail)
    }
  }
}
