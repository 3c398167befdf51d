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
    case .waits: "matches, but a stronger rule that cannot be told yet may decide otherwise"
    case .overridden(let location): "by \(location.shortFileAndLine), which is later"
    case .lockedOut(let location): "by \(location.shortFileAndLine), which has :="
    case .fails(let clause, let found): "\(clause.text.printable) does not hold: \(found.printable)"
    case .unknown(let clause, let reason, let mayDecide):
      "\(clause.text.printable) cannot be told: \(reason.printable)"
        + (mayDecide ? "; it would decide" : "")
    }
  }

  /// As JSON.
  var json: JSONValue {
    JSONObject.make {
      $0.set("rule", rule.location.json)
      $0.set("text", text: rule.text)
      $0.set("verdict", text: word.replacing(" ", with: "-"))
      $0.set("detail", text: detail)
    }
  }
}
