import APBus

/// Keys of udev and attributes of devices that rules do not have: why, and what to write instead.
struct RefusedWord {
  var reason: String
  var fix: String?

  /// The message about a key of udev; nil for any other word.
  static func key(_ key: String, attribute: String?) -> RefusedWord? {
    switch key {
    case "ACTION":
      RefusedWord("a rule describes a state, not an event; remove ACTION")
    case "DRIVER", "DRIVERS":
      RefusedWord("the driver is what rules decide; remove \(key) and assign RESERVE")
    case "ENV":
      switch attribute {
      case "MODE": RefusedWord("rules cannot match event variables; match MODE", fix: "MODE")
      case "DEV_TYPE":
        RefusedWord("rules cannot match event variables; match HWTYPE, in decimal")
      default: RefusedWord("rules cannot match event variables; match HWTYPE, TYPE or MODE")
      }
    case "RUN", "PROGRAM", "RESULT", "TEST":
      RefusedWord("rules cannot run programs or test files; remove \(key)")
    case "GOTO", "LABEL":
      RefusedWord(
        "rules have no jumps; repeat the clauses in each rule, of which the last that matches wins")
    case "IMPORT":
      RefusedWord(
        "rules cannot import properties; match the card with CARD{attribute}, the host with HOST or LPAR"
      )
    case "ATTR", "ATTRS": attributeKey(key, attribute: attribute ?? "")
    case "SUBSYSTEM", "SUBSYSTEMS":
      RefusedWord("every rule is about AP queues; remove \(key)")
    case "KERNELS":
      RefusedWord("the parents of a queue cannot be matched; match its card with ADAPTER")
    case "DEVPATH": RefusedWord("device paths cannot be matched; match APQN", fix: "APQN")
    case "SYMLINK", "OWNER", "GROUP", "TAG", "TAGS", "OPTIONS", "SECLABEL", "SYSCTL", "CONST":
      RefusedWord("a queue has no device node, so \(key) does not apply; remove it")
    default: nil
    }
  }

  private static func attributeKey(_ key: String, attribute: String) -> RefusedWord {
    if let refused = cardAttribute(attribute) { return refused }
    if Card.ruleAttributes.contains(attribute) {
      return RefusedWord(
        "an attribute of the card is matched with CARD{\(attribute)}", fix: "CARD{\(attribute)}")
    }
    return RefusedWord(
      "\(key) cannot be matched; attributes of the card can, with CARD{attribute} and one of "
        + Card.ruleAttributes.joined(separator: ", "))
  }

  /// The message about an attribute that exists but cannot be matched; nil for any other word.
  static func cardAttribute(_ attribute: String) -> RefusedWord? {
    switch attribute {
    case "mkvps":
      RefusedWord(
        "the master keys of a queue's domain are matched with MKVP{aes}, and MKVP{apka}, MKVP{asym} or MKVP{ep11}",
        fix: "MKVP{aes}")
    case "online", "load", "status", "op_modes", "interrupt", "reset":
      RefusedWord(
        "\(attribute) depends on the driver, which is what rules decide; "
          + "match something lasting: HWTYPE, MODE or CARD{serialnr}")
    case "config", "chkstop", "states", "last_err_rc", "se_bind", "se_associate":
      RefusedWord(
        "\(attribute) changes while the machine runs, but a reservation must last; "
          + "match something lasting: ADAPTER, HWTYPE or CARD{serialnr}")
    case "request_count", "requestq_count", "pendingq_count":
      RefusedWord(
        "\(attribute) changes with every request; match something lasting: ADAPTER, HWTYPE or MODE")
    case "driver", "driver_override":
      RefusedWord("the driver is what rules decide; remove the clause and assign RESERVE")
    case "hwtype", "modalias":
      RefusedWord("the type of the card is matched with HWTYPE", fix: "HWTYPE")
    case "type": RefusedWord("the product and mode of the card are matched with TYPE", fix: "TYPE")
    case "ap_functions": RefusedWord("the mode of the card is matched with MODE", fix: "MODE")
    default: nil
    }
  }

  /// The message about a name for a master key that has another name here; nil for any other word.
  static func masterKey(_ attribute: String) -> RefusedWord? {
    switch attribute.lowercased() {
    case "wk", "wrapping", "p11": RefusedWord("the wrapping key of EP11 is written {ep11}")
    case "rsa", "ecc", "asymmetric": RefusedWord("the asymmetric master key is written {asym}")
    case let name where MasterKeyKind(rawValue: name) != nil:
      RefusedWord("the kinds of master keys are written in lower case, {\(name)}")
    default: nil
    }
  }

  /// The message about what a definition has but rules cannot match; nil for any other word.
  static func guestAttribute(_ attribute: String) -> RefusedWord? {
    switch attribute {
    case "name", "uuid", "label":
      RefusedWord("the name or UUID of a guest is matched with GUEST alone", fix: "GUEST")
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
