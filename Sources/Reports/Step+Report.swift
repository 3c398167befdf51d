import APBus
import Reservation
import JSONText

extension Step {
  /// The write as a person would type it into a shell; a step that only looks, in words.
  var commandLine: String {
    guard let path else { return "(\(self))" }
    let words = text.filter { $0 != "\n" }
    return "echo \(words.isEmpty ? "" : words + " ")> \(path)"
  }

  /// As JSON: the file and the exact text, or the queue that is only looked at.
  var json: JSONValue {
    JSONObject.make {
      switch self {
      case .requireUnassigned(let apqn): $0.set("requireUnassigned", text: apqn.description)
      case .awaitIdle(let apqn): $0.set("awaitIdle", text: apqn.description)
      default:
        $0.set("path", text: path?.description)
        $0.set("text", text: text)
      }
    }
  }
}
