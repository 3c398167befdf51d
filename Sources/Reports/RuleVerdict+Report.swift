import APBus
import ReservationRules
import JSONText

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
    case .waits: "matches, but a stronger rule that is undecided yet may decide otherwise"
    case .overridden(let location): "by \(location.shortFileAndLine), which is later"
    case .lockedOut(let location): "by \(location.shortFileAndLine), which has :="
    case .fails(let clause, let found): "wanted \(clause.text.printable), found \(found.printable)"
    case .unknown(let clause, let reason, let mayDecide):
      "wanted \(clause.text.printable), unknown: \(reason.printable)"
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
