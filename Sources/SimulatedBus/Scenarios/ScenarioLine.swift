import APBus

/// One line of a scenario, as words.
struct ScenarioLine {
  /// The line without blanks around it.
  let text: String
  /// Its words.
  let words: [String]
  /// Whether it claims something: it begins with a blank, as in transcripts, or with `expect`.
  let isClaim: Bool

  /// A line without its newline.
  init(_ line: some StringProtocol) {
    let isIndented = line.first?.isWhitespace == true
    var words = line.split { $0.isWhitespace }.map { String($0) }
    var text = Self.trimmed(line)
    let isExpectation = words.first == "expect"
    if isExpectation {
      words.removeFirst()
      text = Self.trimmed(text.dropFirst("expect".count))
    }
    isClaim = isIndented || isExpectation
    self.words = words
    self.text = text
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    let start = text.drop(while: \.isWhitespace)
    guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...end])
  }

  /// `kernel 6.1`.
  func kernel() throws(ScenarioProblem) -> KernelBehavior {
    let name = words.dropFirst().joined(separator: " ")
    guard let kernel = KernelBehavior.kernels.first(where: { $0.name == name }) else {
      let names = KernelBehavior.kernels.map(\.name).joined(separator: ", ")
      throw ScenarioProblem("unknown kernel \"\(name)\"; write one of \(names)")
    }
    return kernel.behavior
  }

  /// A line that is not indented.
  func step() throws(ScenarioProblem) -> ScenarioStep {
    let isQuiet = words.first == "quiet"
    let words = isQuiet ? words.dropFirst() : words[...]
    switch words.first ?? "" {
    case "card", "domain", "dom", "control", "queue", "key":
      return .hardware(try hardware(Array(words)), quietly: isQuiet)
    case _ where isQuiet:
      throw ScenarioProblem("only a change of cards, domains and queues can be quiet")
    case "write": return try write()
    case "load": return .load(try module())
    case "unload": return .unload(try module())
    case "guest": return try guest()
    case "busy": return try busy()
    case "scan":
      try end(after: 1)
      return .scan
    case "pass":
      try end(after: 2)
      guard words.count > 1 else { return .pass(1) }
      guard let count = Int(words[1]), (1...1_000_000).contains(count) else {
        throw ScenarioProblem("\"\(words[1])\" is not a number of steps; write 1 to 1000000")
      }
      return .pass(count)
    case let other:
      throw ScenarioProblem(
        "unknown step \"\(other)\"; write card, domain, control, queue, key, load, unload, guest, busy, pass, scan "
          + "or write; claims about a step are indented")
    }
  }

  private func end(after count: Int) throws(ScenarioProblem) {
    guard words.count > count else { return }
    throw ScenarioProblem("unexpected \"\(words[count])\" at the end of the line")
  }

  /// `write TEXT > PATH`; the text may be empty.
  private func write() throws(ScenarioProblem) -> ScenarioStep {
    let rest = text.dropFirst("write".count)
    guard let sign = rest.firstRange(of: " > ") else {
      throw ScenarioProblem("a write is a text, a > and a file: write 1 > /sys/bus/ap/scans")
    }
    let written = rest[..<sign.lowerBound].dropFirst()
    return .write(String(written), try Self.place(rest[sign.upperBound...]), .success)
  }

  private func module() throws(ScenarioProblem) -> SimulatedBus.Module {
    try end(after: 2)
    guard words.count == 2, let module = SimulatedBus.Module(rawValue: words[1]) else {
      throw ScenarioProblem("the modules are zcrypt_cex4 and vfio_ap")
    }
    return module
  }

  private func guest() throws(ScenarioProblem) -> ScenarioStep {
    try end(after: 3)
    guard words.count == 3, words[1] == "start" || words[1] == "stop",
      BusObject.isUUID(words[2])
    else {
      throw ScenarioProblem("a guest starts or stops with a mediated device: guest start UUID")
    }
    return words[1] == "start" ? .startGuest(words[2]) : .stopGuest(words[2])
  }

  /// `busy 05.0004 WAITING PENDING [RATE]`.
  private func busy() throws(ScenarioProblem) -> ScenarioStep {
    try end(after: 5)
    let numbers = words.dropFirst(2).compactMap { UInt32($0) }.map(UInt64.init)
    guard words.count > 3, numbers.count == words.count - 2 else {
      throw ScenarioProblem(
        "a busy queue has requests that wait, requests that are pending, and if it drains slowly "
          + "how many a step: busy 05.0004 3 8 2")
    }
    let rate = numbers.count > 2 ? numbers[2] : nil
    let load = QueueLoad(waiting: numbers[0], pending: numbers[1], drainRate: rate)
    return .busy(try Self.queue(words[1]), load)
  }

  /// A queue's name.
  static func queue(_ word: some StringProtocol) throws(ScenarioProblem) -> APQN {
    guard let apqn = APQN(word) else {
      throw ScenarioProblem("\"\(word)\" is not a queue; write it as sysfs does: 05.0004")
    }
    return apqn
  }

  /// A file's path.
  static func place(_ text: some StringProtocol) throws(ScenarioProblem) -> SysfsPath {
    guard text.hasPrefix("/sys/"), let path = SysfsPath(text: text) else {
      throw ScenarioProblem("\"\(text)\" is not a file of the AP bus below /sys")
    }
    return path
  }
}

/// Changes on the hardware's side.
extension ScenarioLine {
  /// `card add LIST [TYPE [MODE]]` and its like; lists are in hex, types in decimal.
  func hardware(_ words: [String]) throws(ScenarioProblem) -> HardwareStep {
    if words.first == "key" { return try masterKey(words) }
    guard words.count > 2 else {
      throw ScenarioProblem("\(words[0]): add or del, and which, such as: \(words[0]) add 05")
    }
    let last = words[0] == "card" ? (words[1] == "add" ? 5 : words[1] == "del" ? 3 : 4) : 3
    guard words.count <= last else {
      throw ScenarioProblem("unexpected \"\(words[last])\" at the end of the line")
    }
    switch (words[0], words[1]) {
    case ("card", "add"):
      return .plug(try numbers(words[2]), try type(words), try mode(words))
    case ("card", "del"): return .unplug(try numbers(words[2]))
    case ("card", "config"): return .configure(try numbers(words[2]), try flag(words))
    case ("card", "chkstop"): return .checkStop(try numbers(words[2]), try flag(words))
    case ("card", "mute"): return .mute(try numbers(words[2]), try flag(words))
    case ("card", "serial"):
      guard words.count > 3, let adapter = try numbers(words[2]).first else {
        throw ScenarioProblem("the serial number is missing at the end: card serial 05 93AA0005")
      }
      return .serialNumber(adapter, words[3])
    case ("domain", "add"), ("dom", "add"): return .addDomains(try numbers(words[2]))
    case ("domain", "del"), ("dom", "del"): return .removeDomains(try numbers(words[2]))
    case ("control", "add"): return .addControlDomains(try numbers(words[2]))
    case ("control", "del"): return .removeControlDomains(try numbers(words[2]))
    case ("queue", "add"): return .plugQueue(try Self.queue(words[2]))
    case ("queue", "del"): return .unplugQueue(try Self.queue(words[2]))
    default:
      throw ScenarioProblem(
        "unknown change \"\(words[1])\" of a \(words[0]); write "
          + (words[0] == "card" ? "add, del, config, chkstop, mute or serial" : "add or del"))
    }
  }

  /// `key QUEUE KIND CHANGE [PATTERN]`.
  private func masterKey(_ words: [String]) throws(ScenarioProblem) -> HardwareStep {
    guard words.count > 3 else {
      throw ScenarioProblem(
        "a master key has a queue, a kind and what happens to it: key 05.0004 aes load 0x0123456789abcdef"
      )
    }
    let apqn = try Self.queue(words[1])
    guard let kind = MasterKeyKind(rawValue: words[2]) else {
      throw ScenarioProblem(
        "unknown master key \"\(words[2])\"; write "
          + MasterKeyKind.allCases.map(\.rawValue).joined(separator: ", "))
    }
    let hasPattern = ["enter", "load"].contains(words[3])
    guard words.count == (hasPattern ? 5 : 4) else {
      throw ScenarioProblem(
        words.count > (hasPattern ? 5 : 4)
          ? "unexpected \"\(words[hasPattern ? 5 : 4])\" at the end of the line"
          : "the verification pattern is missing at the end, such as 0x0123456789abcdef")
    }
    let change: MasterKeyChange
    switch words[3] {
    case "enter": change = .enter(pattern: words[4])
    case "load": change = .load(pattern: words[4])
    case "commit": change = .commit
    case "set": change = .set
    case "clear": change = .clear
    default:
      throw ScenarioProblem(
        "unknown change \"\(words[3])\" of a master key; write enter, load, commit, set or clear")
    }
    return .masterKey(kind, apqn, change)
  }

  private func type(_ words: [String]) throws(ScenarioProblem) -> HardwareType {
    guard words.count > 3 else { return HardwareType(rawValue: 13) }
    guard let type = UInt8(words[3]) else {
      throw ScenarioProblem(
        "\"\(words[3])\" is not a hardware type; write a decimal number, such as 13")
    }
    return HardwareType(rawValue: type)
  }

  private func mode(_ words: [String]) throws(ScenarioProblem) -> QueueMode {
    guard words.count > 4 else { return .cca }
    guard let mode = QueueMode(rawValue: words[4]) else {
      throw ScenarioProblem("unknown mode \"\(words[4])\"; write accel, cca or ep11")
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
        "\"\(text)\" is not a list of numbers from 0 to ff; write hex, such as 0x0-0x3,0x1b")
    }
    return numbers
  }

  /// What is to be said of a list of adapters or domains whose numbers look decimal. The rule language refuses them;
  /// here they have always been hexadecimal.
  var warning: String? {
    guard ["card", "domain", "dom", "control"].contains(words.first), words.count > 2,
      let number = NumberList.ambiguous(in: words[2])
    else { return nil }
    return "\"\(number)\" is hexadecimal here; write 0x\(number)"
  }
}

/// Lists of adapters or domains, as people write them: `0-3,8`.
package enum NumberList {
  /// The numbers, in the order of the text; nil for a text that is not a list.
  package static func numbers(_ text: some StringProtocol, radix: Int) -> [UInt8]? {
    var numbers: [UInt8] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false)
        .map { number(String($0), radix: radix) }
      guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil,
        first <= last
      else { return nil }
      numbers += first...last
    }
    return numbers
  }

  /// A number, in hex with or without `0x`.
  private static func number(_ text: String, radix: Int) -> UInt8? {
    let digits = radix == 16 && text.hasPrefix("0x") ? String(text.dropFirst(2)) : text
    return digits.first?.isHexDigit == true ? UInt8(digits, radix: radix) : nil
  }
}

extension NumberList {
  /// The first number of a list that has another value in decimal than in hex, and does not say which it is.
  static func ambiguous(in text: some StringProtocol) -> String? {
    text.split { $0 == "," || $0 == "-" }.first { number in
      UInt8(number) != nil && UInt8(number) != UInt8(number, radix: 16)
    }.map { String($0) }
  }
}

/// Claims about a step.
extension ScenarioLine {
  /// `ok`, `ok (8)`, `EBUSY`, `write: EBUSY (16)`, `open: ENOENT (2)`; nil for what is not an outcome.
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
        throw ScenarioProblem("unknown error \"\(essence[1])\"; write its name, such as EBUSY")
      }
      return .failure(errno, opening: essence[0] == "open:")
    default: return nil
    }
  }

  /// A line that is indented and not an outcome.
  func claim() throws(ScenarioProblem) -> ScenarioClaim {
    if words[0] == "event" {
      guard words.count > 1 else {
        throw ScenarioProblem("an event has a header: event bind@/devices/ap/card05/05.0004")
      }
      let properties = Array(words.dropFirst(2))
      for property in properties where !property.contains("=") {
        throw ScenarioProblem("\"\(property)\" is not a property; write KEY=VALUE")
      }
      return .event(EventPattern(words[1]), properties)
    }
    if words[0] == "no", words.count > 1, words[1] == "event" || words[1] == "events" {
      guard words.count <= 3 else { throw ScenarioProblem("\"no event\" takes one header at most") }
      return .noEvent(words.count == 3 ? EventPattern(words[2]) : .any)
    }
    if words.count > 1, words[1] == "driver:" {
      guard words.count <= 3 else { throw ScenarioProblem("a queue has one driver, or none") }
      return .driver(try Self.queue(words[0]), words.count == 3 ? words[2] : nil)
    }
    if words.count > 1, words[1] == "=" {
      // The text after the sign, with its blanks.
      let rest = text.drop { $0 != "=" }.dropFirst().drop(while: \.isWhitespace)
      let value = rest.replacing("\\n", with: "\n")
      return .text(try Self.place(words[0]), value == "(absent)" ? nil : String(value))
    }
    throw ScenarioProblem(
      "unknown claim \"\(text)\"; write an outcome such as EBUSY, FILE = TEXT, "
        + "QUEUE driver: NAME, event HEADER or no events")
  }
}
