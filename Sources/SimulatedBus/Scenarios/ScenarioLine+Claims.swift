import APBus

/// What is to be so after a step.
extension ScenarioLine {
  /// `ok`, `ok (8)`, `EBUSY`, `write: EBUSY (16)`, `open: ENOENT (2)`; nil for what is no outcome.
  func outcome() throws(ScenarioProblem) -> WriteOutcome? {
    let last = words.count > 1 ? words[words.count - 1] : ""
    let hasNumber = last.hasPrefix("(") && last.hasSuffix(")")
    let essence = hasNumber ? Array(words.dropLast()) : words
    switch essence.count {
    case 1 where essence[0] == "ok": return .success
    case 1:
      return Errno(name: essence[0]).map { .failure($0, opening: false) }
    case 2 where essence[0] == "open:" || essence[0] == "write:":
      guard let errno = Errno(name: essence[1]) else {
        throw ScenarioProblem("\"\(essence[1])\" is no error that sysfs answers")
      }
      return .failure(errno, opening: essence[0] == "open:")
    default: return nil
    }
  }

  /// A line that is indented, and no outcome.
  func claim() throws(ScenarioProblem) -> ScenarioClaim {
    if words[0] == "event" {
      guard words.count > 1 else {
        throw ScenarioProblem("an event has a header: event bind@/devices/ap/card05/05.0004")
      }
      let properties = Array(words.dropFirst(2))
      for property in properties where !property.contains("=") {
        throw ScenarioProblem("\"\(property)\" is no property; write KEY=VALUE")
      }
      return .event(EventPattern(words[1]), properties)
    }
    if words[0] == "no", words.count > 1, words[1] == "event" || words[1] == "events" {
      guard words.count <= 3 else { throw ScenarioProblem("only a header stands behind no event") }
      return .noEvent(words.count == 3 ? EventPattern(words[2]) : .any)
    }
    if words.count > 1, words[1] == "driver:" {
      guard words.count <= 3 else { throw ScenarioProblem("a queue has one driver, or none") }
      return .driver(try Self.queue(words[0]), words.count == 3 ? words[2] : nil)
    }
    if words.count > 1, words[1] == "=" {
      // What stands behind the sign, blanks within it as they are.
      let rest = text.drop { $0 != "=" }.dropFirst().drop(while: \.isWhitespace)
      let value = rest.replacing("\\n", with: "\n")
      return .text(try Self.place(words[0]), value == "(absent)" ? nil : String(value))
    }
    throw ScenarioProblem(
      "\"\(text)\" claims nothing: write an outcome such as EBUSY, FILE = TEXT, "
        + "QUEUE driver: NAME, event HEADER or no events")
  }
}
