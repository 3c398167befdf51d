import APBus

/// The faults of a test, and the seed of those that occur by chance. The same plan on the same machine has
/// its faults at the same places in every run.
///
/// If several faults match a call or event, the first of the list that occurs has its effect; each counts
/// everything that its own pattern matches.
public struct FaultPlan: Sendable {
  /// The faults, by precedence.
  public var faults: [InjectedFault]
  /// The seed of those that occur by chance.
  public var seed: UInt64
  /// Where each fault was read, for messages; empty for a plan that was not read from a text.
  private var places: [Place] = []

  /// A line of a text.
  private struct Place {
    var file: String
    var line: Int
    var text: String
  }

  /// A plan.
  ///
  /// - Parameters:
  ///   - faults: The faults, by precedence.
  ///   - seed: The seed of those that occur by chance.
  public init(_ faults: [InjectedFault] = [], seed: UInt64 = 0) {
    self.faults = faults
    self.seed = seed
  }

  /// A sentence about a fault that never occurred.
  ///
  /// - Parameter index: Its place in the plan.
  /// - Returns: One line, such as `FILE:LINE: the fault never occurred: call * 17 fail EIO`.
  package func sentence(ofPending index: Int) -> String {
    guard places.indices.contains(index) else {
      return "fault \(index + 1) of the plan never occurred"
    }
    let place = places[index]
    return "\(place.file):\(place.line): the fault never occurred: \(place.text)".printable
  }
}

extension FaultPlan: Equatable {
  /// Whether both have the same faults at the same places of a run, wherever they were read.
  public static func == (left: FaultPlan, right: FaultPlan) -> Bool {
    left.faults == right.faults && left.seed == right.seed
  }
}

/// What one fault has matched so far.
struct FaultProgress {
  private var matches: UInt64 = 0
  private var random: UInt64
  /// How often it occurred.
  private(set) var strikes: UInt64 = 0

  /// A fault that has matched nothing; `index` is its place in the plan.
  init(seed: UInt64, index: Int) {
    random = Self.mix(seed) &+ UInt64(truncatingIfNeeded: index)
  }

  /// Counts a call or event that matches; whether the fault occurs at it.
  mutating func count(_ occurrence: Occurrence) -> Bool {
    matches += 1
    let isStruck =
      switch occurrence {
      case .numbers(let numbers): numbers.contains(matches)
      case .chance(let share): nextRandom() % max(share, 1) == 0
      }
    return isStruck
  }

  mutating func strike() { strikes += 1 }

  /// SplitMix64: short, and the same on every machine.
  private mutating func nextRandom() -> UInt64 {
    random &+= 0x9e37_79b9_7f4a_7c15
    return Self.mix(random)
  }

  private static func mix(_ number: UInt64) -> UInt64 {
    var mixed = number
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

/// The text form of a plan: one fault a line, `#` begins a comment.
///
///     seed 7
///     write /sys/bus/ap/apmask                              1-2     fail EBUSY
///     write 05.* > /sys/bus/ap/drivers/*/unbind             3       ignore
///     read /sys/devices/ap/*/05.0004/config                 always  vanish during
///     readlink /sys/devices/ap/*/05.0004/driver             1       answer vfio_ap
///     call *                                                17      fail EIO
///     event bind@/devices/ap/*                              1/8     lose
extension FaultPlan {
  /// Reads a plan.
  ///
  /// - Parameters:
  ///   - text: The lines.
  ///   - name: The file's name, for messages.
  /// - Throws: The first line that is wrong.
  public init(text: some StringProtocol, name: String = "faults") throws(FaultPlanError) {
    self.init()
    // A carriage return and its newline are one character.
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, line) in lines.enumerated() {
      let words = FaultPlanLine.words(of: line)
      guard let first = words.first else { continue }
      do throws(FaultPlanLine.Problem) {
        if first == "seed" {
          seed = try FaultPlanLine.seed(words)
        } else {
          faults.append(try FaultPlanLine.fault(words))
          places.append(
            Place(file: name, line: index + 1, text: FaultPlanLine.essence(of: line)))
        }
      } catch {
        throw FaultPlanError(file: name, line: index + 1, problem: error.text)
      }
    }
  }
}

/// A line of a plan of faults that cannot be read.
public struct FaultPlanError: Error, Equatable, Sendable {
  /// The file's name.
  public var file: String
  /// The line's number, from 1.
  public var line: Int
  /// What is wrong, and what to write instead.
  public var problem: String

  /// An error in a line.
  ///
  /// - Parameters:
  ///   - file: The file's name.
  ///   - line: The line's number, from 1.
  ///   - problem: What is wrong, and what to write instead.
  public init(file: String, line: Int, problem: String) {
    self.file = file
    self.line = line
    self.problem = problem
  }
}

extension FaultPlanError: CustomStringConvertible {
  /// `FILE:LINE: ` and the problem.
  public var description: String { "\(file):\(line): \(problem)".printable }
}

/// One line of a plan's text, as words.
enum FaultPlanLine {
  struct Problem: Error {
    var text: String
  }

  private typealias Words = ArraySlice<String>

  /// The words of a line. A `#` ends it where it begins a word; a text in quotes may be empty.
  static func words(of line: some StringProtocol) -> [String] {
    var words: [String] = []
    for word in line.split(whereSeparator: \.isWhitespace) {
      if word.hasPrefix("#") { break }
      let isQuoted = word.count > 1 && word.hasPrefix("\"") && word.hasSuffix("\"")
      words.append(isQuoted ? String(word.dropFirst().dropLast()) : String(word))
    }
    return words
  }

  /// A line as written, without its comment, and with one blank between words.
  static func essence(of line: some StringProtocol) -> String {
    line.split(whereSeparator: \.isWhitespace).prefix { !$0.hasPrefix("#") }
      .joined(separator: " ")
  }

  static func seed(_ words: [String]) throws(Problem) -> UInt64 {
    guard words.count == 2, let seed = UInt64(words[1]) else {
      throw Problem(text: "a seed is one decimal number, such as: seed 7")
    }
    return seed
  }

  static func fault(_ words: [String]) throws(Problem) -> InjectedFault {
    var rest = words.dropFirst()
    if words[0] == "event" {
      let header = try next(&rest, expecting: "the event's header, such as bind@/devices/ap/*")
      let occurrence = try occurrence(&rest)
      return .event(EventPattern(header), occurrence, try eventEffect(&rest))
    }
    guard let operations = operations[words[0]] else {
      throw Problem(
        text: "unknown fault \"\(words[0])\"; write read, write, readlink, list, call or event")
    }
    var path = try next(&rest, expecting: "a place, such as /sys/bus/ap/apmask")
    var text: String?
    if rest.first == ">" {
      guard operations == [.write] else {
        throw Problem(text: "only a write has a text before a >")
      }
      rest.removeFirst()
      text = path
      path = try next(&rest, expecting: "a place after the >")
    }
    guard path.hasPrefix("/sys/") || path.hasPrefix("*") else {
      throw Problem(text: "\"\(path)\" is not below /sys; begin it with /sys/ or *")
    }
    let occurrence = try occurrence(&rest)
    let effect = try callEffect(&rest)
    if case .answer = effect, operations == [.write] {
      throw Problem(text: "a write has no answer: write ignore to let it succeed without effect")
    }
    return .call(CallPattern(operations, path: path, text: text), occurrence, effect)
  }

  private static let operations: [String: Set<SysfsError.Operation>] = [
    "write": [.write], "read": [.read], "readlink": [.readLink], "list": [.list],
    "call": [.write, .read, .readLink, .list],
  ]

  private static func next(_ rest: inout Words, expecting what: String) throws(Problem) -> String {
    guard let word = rest.popFirst() else { throw Problem(text: "expected \(what)") }
    return word
  }

  private static func end(_ rest: Words) throws(Problem) {
    if let word = rest.first {
      throw Problem(text: "unexpected \"\(word)\" at the end of the line")
    }
  }

  /// `always`, `3`, `2-4`, `5-`, `1/8`.
  private static func occurrence(_ rest: inout Words) throws(Problem) -> Occurrence {
    let word = try next(&rest, expecting: "the occurrence: always, 3, 2-4, 5- or, by chance, 1/8")
    if word == "always" { return .every }
    if let number = UInt64(word), number > 0 { return .number(number) }
    let share = word.split(separator: "/", omittingEmptySubsequences: false)
    if share.count == 2, share[0] == "1", let count = UInt64(share[1]), count > 0 {
      return .chance(oneIn: count)
    }
    let ends = word.split(separator: "-", omittingEmptySubsequences: false)
    if ends.count == 2, let first = UInt64(ends[0]), first > 0 {
      let last = ends[1].isEmpty ? UInt64.max : UInt64(ends[1])
      if let last, first <= last { return .numbers(first...last) }
    }
    throw Problem(
      text: "\"\(word)\" is not an occurrence; write always, 3, 2-4, 5- or, by chance, 1/8")
  }

  private static func callEffect(_ rest: inout Words) throws(Problem) -> CallEffect {
    let word = try next(&rest, expecting: "the effect, such as fail EBUSY")
    let effect: CallEffect
    switch word {
    case "fail": effect = .fail(try errno(&rest))
    case "ignore": effect = .ignore
    case "answer":
      // The rest of the line: a list has several names.
      effect = .answer(rest.joined(separator: " "))
      rest = []
    case "delay":
      let duration = try next(&rest, expecting: "a duration, such as 20s")
      effect = .delay(try seconds(duration))
    case "vanish": effect = .vanish(try moment(&rest))
    case "replace": effect = .replace(try moment(&rest))
    default:
      throw Problem(
        text: "unknown effect \"\(word)\" of a call; write fail, ignore, answer, delay, "
          + "vanish or replace")
    }
    try end(rest)
    return effect
  }

  private static func errno(_ rest: inout Words) throws(Problem) -> Errno {
    let name = try next(&rest, expecting: "an error's name, such as EBUSY")
    guard let errno = Errno(name: name) else {
      throw Problem(text: "unknown error \"\(name)\"; write its name, such as EBUSY")
    }
    return errno
  }

  private static func seconds(_ word: String) throws(Problem) -> Duration {
    guard word.hasSuffix("s"), let seconds = UInt32(word.dropLast()) else {
      throw Problem(text: "\"\(word)\" is not a duration; write whole seconds, such as 20s")
    }
    return .seconds(Int64(seconds))
  }

  private static func moment(_ rest: inout Words) throws(Problem) -> CallEffect.Moment {
    let word = try next(&rest, expecting: "the moment: before, during or after")
    guard let moment = CallEffect.Moment(rawValue: word) else {
      throw Problem(text: "unknown moment \"\(word)\"; write before, during or after")
    }
    return moment
  }

  private static func eventEffect(_ rest: inout Words) throws(Problem) -> EventEffect {
    let word = try next(&rest, expecting: "the effect: lose, duplicate, postpone 3 or overrun 100")
    let effect: EventEffect
    switch word {
    case "lose": effect = .lose
    case "duplicate": effect = .duplicate
    case "postpone": effect = .postpone(try count(&rest))
    case "overrun": effect = .overrun(try count(&rest))
    default:
      throw Problem(
        text: "unknown effect \"\(word)\" of an event; write lose, duplicate, postpone or "
          + "overrun")
    }
    try end(rest)
    return effect
  }

  private static func count(_ rest: inout Words) throws(Problem) -> UInt64 {
    let word = try next(&rest, expecting: "a number of events")
    guard let count = UInt64(word), count > 0 else {
      throw Problem(text: "\"\(word)\" is not a number of events; write 1 or more")
    }
    return count
  }
}
