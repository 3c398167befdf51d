import APBus

/// Changes on the hardware's side.
extension ScenarioLine {
  /// `card add LIST [TYPE [MODE]]` and its like; lists are in hex, types in decimal.
  func hardware(_ words: [String]) throws(ScenarioProblem) -> HardwareStep {
    guard words.count > 2 else {
      throw ScenarioProblem("\(words[0]): add or del, and which, such as: \(words[0]) add 05")
    }
    let last = words[0] == "card" ? (words[1] == "add" ? 5 : words[1] == "del" ? 3 : 4) : 3
    guard words.count <= last else {
      throw ScenarioProblem("\"\(words[last])\" is too much in this line")
    }
    switch (words[0], words[1]) {
    case ("card", "add"):
      return .plug(try numbers(words[2]), try type(words), try mode(words))
    case ("card", "del"): return .unplug(try numbers(words[2]))
    case ("card", "config"): return .configure(try numbers(words[2]), try flag(words))
    case ("card", "chkstop"): return .checkStop(try numbers(words[2]), try flag(words))
    case ("domain", "add"), ("dom", "add"): return .addDomains(try numbers(words[2]))
    case ("domain", "del"), ("dom", "del"): return .removeDomains(try numbers(words[2]))
    case ("control", "add"): return .addControlDomains(try numbers(words[2]))
    case ("control", "del"): return .removeControlDomains(try numbers(words[2]))
    case ("queue", "add"): return .plugQueue(try Self.queue(words[2]))
    case ("queue", "del"): return .unplugQueue(try Self.queue(words[2]))
    default:
      throw ScenarioProblem(
        "\"\(words[1])\" is nothing that happens to a \(words[0]): "
          + (words[0] == "card" ? "add, del, config or chkstop" : "add or del"))
    }
  }

  private func type(_ words: [String]) throws(ScenarioProblem) -> HardwareType {
    guard words.count > 3 else { return HardwareType(rawValue: 13) }
    guard let type = UInt8(words[3]) else {
      throw ScenarioProblem("\"\(words[3])\" is no hardware type: a decimal number, such as 13")
    }
    return HardwareType(rawValue: type)
  }

  private func mode(_ words: [String]) throws(ScenarioProblem) -> QueueMode {
    guard words.count > 4 else { return .cca }
    guard let mode = QueueMode(rawValue: words[4]) else {
      throw ScenarioProblem("\"\(words[4])\" is no mode: accel, cca or ep11")
    }
    return mode
  }

  private func flag(_ words: [String]) throws(ScenarioProblem) -> Bool {
    guard words.count > 3, words[3] == "0" || words[3] == "1" else {
      throw ScenarioProblem("1 or 0 is missing at the end")
    }
    return words[3] == "1"
  }

  private func numbers(_ text: String) throws(ScenarioProblem) -> [UInt8] {
    guard let numbers = NumberList.numbers(text, radix: 16) else {
      throw ScenarioProblem(
        "\"\(text)\" is no list of numbers from 0 to ff, in hex without 0x: 0-3,0a")
    }
    return numbers
  }
}

/// Lists of adapters or domains, as people write them: `0-3,8`.
package enum NumberList {
  /// The numbers, in the order of the text; nil for what is none.
  package static func numbers(_ text: some StringProtocol, radix: Int) -> [UInt8]? {
    var numbers: [UInt8] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
        .map { UInt8($0, radix: radix) }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil,
        first <= last
      else { return nil }
      numbers += first...last
    }
    return numbers
  }
}
