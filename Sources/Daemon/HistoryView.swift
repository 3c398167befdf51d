import APBus
package import JSONText

/// The moves that a daemon has told of, for people.
package struct HistoryView {
  private let moves: [JSONValue]

  /// A view of values of the type `Move` (`org.apreserve.varlink`).
  package init(_ moves: [JSONValue]) {
    self.moves = moves
  }

  /// A line each, the oldest first.
  package func text() -> String {
    moves.map { move in
      var words = ["time", "queue", "from"].map { move[$0]?.text ?? "?" }
      words += ["->", move["to"]?.text ?? "?", " \(move["mechanism"]?.text ?? "not by apreserve")"]
      switch move["cause"]?.text {
      case "given-back"?: words.append(" given back")
      case "collateral"?: words.append(" collateral, accepted by the rules")
      case "side-effect"?: words.append(" side effect of the mask write")
      default: break
      }
      if let rule = move["rule"] {
        words.append(" \(rule["file"]?.text ?? "?"):\(rule["line"]?.integer ?? 0)")
      }
      if let label = move["label"]?.text { words.append("\"\(label)\"") }
      if let failure = move["failure"]?.text { words.append(" failed: \(failure)") }
      return words.joined(separator: " ").printable + "\n"
    }.joined()
  }
}
