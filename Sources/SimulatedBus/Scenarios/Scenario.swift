import APBus

/// What happens to a simulated machine and what is to be so then, one step or claim a line: a test that a
/// person writes. See `apreserve-scenario(5)` for the language.
///
///     kernel 6.1
///     domain add 4,47
///     card add 5-6 13 cca
///     load zcrypt_cex4
///     load vfio_ap
///
///     # Adapter 5 leaves the host's pool.
///     write -5 > /sys/bus/ap/apmask
///       event unbind@/devices/ap/card05/05.0004
///       event bind@/devices/ap/card05/05.0004 DRIVER=vfio_ap
///       05.0004 driver: vfio_ap
///     write 05.0004 > /sys/bus/ap/drivers/cex4queue/bind
///       write: EBUSY
public struct Scenario: Equatable, Sendable {
  /// A line that says something.
  public struct Line: Equatable, Sendable {
    /// The line's number, from 1.
    public var number: Int
    /// What it says, as written, without blanks around it.
    public var text: String
    /// What it means.
    public var content: Content
  }

  /// What a line means.
  public enum Content: Equatable, Sendable {
    /// Something happens.
    case step(ScenarioStep)
    /// Something is to be so.
    case claim(ScenarioClaim)
    /// A comment.
    case comment
  }

  /// The file's name, for messages.
  public var name: String
  /// The kernel; nil where the scenario names none.
  public var behavior: KernelBehavior?
  /// The lines in order.
  public var lines: [Line]

  /// Reads a scenario. The error tells of the first line that is wrong.
  public init(text: some StringProtocol, name: String = "scenario") throws(ScenarioError) {
    self.name = name
    lines = []
    // A carriage return and its newline are one character.
    let texts = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, text) in texts.enumerated() {
      do throws(ScenarioProblem) {
        try take(text, number: index + 1)
      } catch {
        throw ScenarioError(file: name, line: index + 1, problem: error.text)
      }
    }
  }

  private mutating func take(_ line: some StringProtocol, number: Int) throws(ScenarioProblem) {
    let parser = ScenarioLine(line)
    guard let first = parser.words.first else { return }
    let text = parser.text
    if first.hasPrefix("#") {
      lines.append(Line(number: number, text: text, content: .comment))
    } else if first == "kernel" {
      guard lines.allSatisfy({ $0.content == .comment }), behavior == nil else {
        throw ScenarioProblem("the kernel is chosen once, before the first step")
      }
      behavior = try parser.kernel()
    } else if parser.isClaim {
      if let outcome = try parser.outcome() { return try expect(outcome) }
      let claim = try parser.claim()
      lines.append(Line(number: number, text: text, content: .claim(claim)))
    } else {
      lines.append(Line(number: number, text: text, content: .step(try parser.step())))
    }
  }

  /// The outcome of a write stands below it.
  private mutating func expect(_ outcome: WriteOutcome) throws(ScenarioProblem) {
    guard case .step(.write(let text, let path, _)) = lines.last?.content else {
      throw ScenarioProblem("an outcome stands in the line after its write")
    }
    lines[lines.count - 1].content = .step(.write(text, path, outcome))
  }
}

/// A line of a scenario that says nothing that could be done.
public struct ScenarioError: Error, Equatable, Sendable {
  /// The file's name.
  public var file: String
  /// The line's number, from 1.
  public var line: Int
  /// What is wrong, and what to write instead.
  public var problem: String

  /// An error in a line.
  public init(file: String, line: Int, problem: String) {
    self.file = file
    self.line = line
    self.problem = problem
  }
}

extension ScenarioError: CustomStringConvertible {
  /// `FILE:LINE: ` and the problem.
  public var description: String { "\(file):\(line): \(problem)".printable }
}

/// What is wrong with a line.
struct ScenarioProblem: Error {
  var text: String

  init(_ text: String) {
    self.text = text
  }
}
