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
    switch words.dropFirst().joined(separator: " ") {
    case "2018": return .bind2018
    case "5.2": return .mask52
    case "6.1": return .mask61
    case "7.2": return .override72
    case let other: throw ScenarioProblem("\"\(other)\" is no kernel: 2018, 5.2, 6.1 or 7.2")
    }
  }

  /// A line that is not indented.
  func step() throws(ScenarioProblem) -> ScenarioStep {
    let isQuiet = words.first == "quiet"
    let words = isQuiet ? words.dropFirst() : words[...]
    switch words.first ?? "" {
    case "card", "domain", "dom", "control", "queue":
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
        throw ScenarioProblem("\"\(words[1])\" is no number of steps of time")
      }
      return .pass(count)
    case let other:
      throw ScenarioProblem(
        "\"\(other)\" is no step: card, domain, control, queue, load, unload, guest, busy, pass, scan "
          + "or write; what is to be so after a step is indented")
    }
  }

  private func end(after count: Int) throws(ScenarioProblem) {
    guard words.count > count else { return }
    throw ScenarioProblem("\"\(words[count])\" is too much in this line")
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
      throw ScenarioProblem("\"\(word)\" is no queue; write it as sysfs does: 05.0004")
    }
    return apqn
  }

  /// A file's path.
  static func place(_ text: some StringProtocol) throws(ScenarioProblem) -> SysfsPath {
    guard text.hasPrefix("/sys/"), let path = SysfsPath(text: text) else {
      throw ScenarioProblem("\"\(text)\" is no file of the AP bus below /sys")
    }
    return path
  }
}
