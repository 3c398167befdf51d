import APBus

/// Keys of udev and attributes of devices that rules do not have: why, and what to write instead.
struct RefusedWord {
  var reason: String
  var fix: String?

  /// What to say of a key of udev; nil for a word that is none.
  static func key(_ key: String, attribute: String?) -> RefusedWord? {
    switch key {
    case "ACTION":
      RefusedWord("a rule describes a state, not an event; leave ACTION out")
    case "DRIVER", "DRIVERS":
      RefusedWord("the driver is what a rule decides; leave \(key) out and assign RESERVE")
    case "ENV":
      switch attribute {
      case "MODE": RefusedWord("rules do not see the variables of an event; ask MODE", fix: "MODE")
      case "DEV_TYPE":
        RefusedWord("rules do not see the variables of an event; ask HWTYPE, in decimal")
      default: RefusedWord("rules do not see the variables of an event; ask HWTYPE, TYPE or MODE")
      }
    case "RUN", "PROGRAM", "RESULT", "TEST":
      RefusedWord("rules run no programs and test no files; leave \(key) out")
    case "GOTO", "LABEL":
      RefusedWord(
        "rules have no jumps; repeat the clauses in each rule, the last matching one wins")
    case "IMPORT":
      RefusedWord(
        "rules import nothing; ask the card with CARD{attribute}, the host with HOST or LPAR")
    case "ATTR", "ATTRS": attributeKey(key, attribute ?? "")
    case "SUBSYSTEM", "SUBSYSTEMS":
      RefusedWord("every rule is about AP queues; leave \(key) out")
    case "KERNELS":
      RefusedWord("a queue has no parents to search; ask ADAPTER for its card")
    case "DEVPATH": RefusedWord("rules do not name paths; ask APQN", fix: "APQN")
    case "SYMLINK", "OWNER", "GROUP", "TAG", "TAGS", "OPTIONS", "SECLABEL", "SYSCTL", "CONST":
      RefusedWord("a queue has no device node, and udev's \(key) no meaning here; leave it out")
    default: nil
    }
  }

  private static func attributeKey(_ key: String, _ attribute: String) -> RefusedWord {
    if let refused = cardAttribute(attribute) { return refused }
    if Card.ruleAttributes.contains(attribute) {
      return RefusedWord(
        "an attribute of the card is asked as CARD{\(attribute)}", fix: "CARD{\(attribute)}")
    }
    return RefusedWord(
      "\(key) is not asked; attributes of the card are, as CARD{} with one of "
        + Card.ruleAttributes.joined(separator: ", "))
  }

  /// What to say of an attribute that exists and that no rule may ask; nil for any other.
  static func cardAttribute(_ attribute: String) -> RefusedWord? {
    switch attribute {
    case "online", "load", "mkvps", "status", "op_modes", "interrupt", "reset":
      RefusedWord(
        "\(attribute) comes and goes with the driver, which is what a rule decides; "
          + "ask what stays: HWTYPE, MODE or CARD{serialnr}")
    case "config", "chkstop", "states", "last_err_rc", "se_bind", "se_associate":
      RefusedWord(
        "\(attribute) changes while the machine runs, and a reservation must outlast that; "
          + "ask what stays: ADAPTER, HWTYPE or CARD{serialnr}")
    case "request_count", "requestq_count", "pendingq_count":
      RefusedWord(
        "\(attribute) changes with every request; ask what stays: ADAPTER, HWTYPE or MODE")
    case "driver", "driver_override":
      RefusedWord("the driver is what a rule decides; leave the clause out and assign RESERVE")
    case "hwtype", "modalias": RefusedWord("the card's type is asked as HWTYPE", fix: "HWTYPE")
    case "type": RefusedWord("the card's product and mode are asked as TYPE", fix: "TYPE")
    case "ap_functions": RefusedWord("the card's mode is asked as MODE", fix: "MODE")
    default: nil
    }
  }

  private init(_ reason: String, fix: String? = nil) {
    self.reason = reason
    self.fix = fix
  }
}

/// Finds the word that was probably meant.
package enum Spelling {
  /// The candidate that differs from `word` in fewest letters, if few enough: one in a short word, two
  /// from five letters on. Two neighbours in the wrong order count as one. Case does not count.
  package static func nearest(to word: String, among candidates: [String]) -> String? {
    let letters = word.unicodeScalars.prefix(33).map { Glob.lowerCase($0.value) }
    guard !letters.isEmpty, letters.count <= 32 else { return nil }
    let allowed = letters.count < 5 ? 1 : 2
    var best: (distance: Int, word: String)?
    for candidate in candidates {
      let other = candidate.unicodeScalars.map { Glob.lowerCase($0.value) }
      guard abs(other.count - letters.count) <= allowed else { continue }
      let distance = distance(letters, other)
      if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.word
  }

  private static func distance(_ left: [UInt32], _ right: [UInt32]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        var cost = min(last[column + 1], current[column]) + 1
        cost = min(cost, last[column] + (left[row] == right[column] ? 0 : 1))
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          cost = min(cost, beforeLast[column - 1] + 1)
        }
        current.append(cost)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
