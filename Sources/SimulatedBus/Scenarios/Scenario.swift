public import APBus
import Uevents

/// Steps that a simulated machine takes and claims about its state, one a line: a test that a person
/// writes. See `apreserve-scenario(5)` for the language.
///
///     kernel 6.1
///     domain add 4,0x47
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
  /// A line that is not empty.
  public struct Line: Equatable, Sendable {
    /// The line's number, from 1.
    public var number: Int
    /// The line as written, without blanks around it.
    public var text: String
    /// What it means.
    public var content: Content
  }

  /// What a line means.
  public enum Content: Equatable, Sendable {
    /// Something happens.
    case step(ScenarioStep)
    /// A claim about the machine.
    case claim(ScenarioClaim)
    case comment
  }

  /// The file's name, for messages.
  public var name: String
  /// The kernel; nil if the scenario names none.
  public var behavior: KernelBehavior?
  /// The lines in order.
  public var lines: [Line]
  /// Lines that may not mean what was intended: with numbers that are hexadecimal here and look decimal.
  public private(set) var warnings: [ScenarioError] = []

  /// Reads a scenario.
  ///
  /// - Parameters:
  ///   - text: The lines.
  ///   - name: The file's name, for messages.
  /// - Throws: The first line that is wrong.
  public init(text: some StringProtocol, name: String = "scenario") throws(ScenarioError) {
    self.name = name
    lines = []
    // A carriage return and its newline are one character.
    let texts = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, line) in texts.enumerated() {
      do throws(ScenarioProblem) {
        try take(line, number: index + 1)
      } catch {
        let isCapture = Capture.read(bytes: Array(text.utf8), name: name).format != nil
        throw ScenarioError(
          file: name, line: index + 1,
          problem: isCapture
            ? "this is a capture, not a scenario; \"apreserve replay\" reads it" : error.text)
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
      if let warning = parser.warning {
        warnings.append(ScenarioError(file: name, line: number, problem: warning))
      }
    }
  }

  /// The outcome of a write is in the line after it.
  private mutating func expect(_ outcome: WriteOutcome) throws(ScenarioProblem) {
    guard case .step(.write(let text, let path, _)) = lines.last?.content else {
      throw ScenarioProblem("an outcome is written in the line after its write")
    }
    lines[lines.count - 1].content = .step(.write(text, path, outcome))
  }
}

/// A line of a scenario that cannot be read.
public struct ScenarioError: Error, Equatable, Sendable {
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

/// A change of a simulated machine.
public enum ScenarioStep: Equatable, Sendable {
  /// The hardware changes. The kernel scans, unless `quietly`.
  case hardware(HardwareStep, quietly: Bool)
  case load(SimulatedBus.Module)
  case unload(SimulatedBus.Module)
  /// A guest opens the mediated device of that UUID.
  case startGuest(String)
  /// The guest of a mediated device closes it.
  case stopGuest(String)
  /// The host keeps a queue busy.
  case busy(APQN, QueueLoad)
  /// So many steps of time pass.
  case pass(Int)
  /// The kernel scans the bus.
  case scan
  /// A person writes to a file, and the kernel answers.
  case write(String, SysfsPath, WriteOutcome)
}

/// A change of the hardware.
public enum HardwareStep: Equatable, Sendable {
  /// Adapters of a type and mode are plugged, with a queue in each usage domain.
  case plug([UInt8], HardwareType, QueueMode)
  /// Adapters are unplugged.
  case unplug([UInt8])
  /// Adapters are configured, or set on standby.
  case configure([UInt8], Bool)
  /// Adapters are check-stopped, or restored.
  case checkStop([UInt8], Bool)
  /// Adapters answer no request, or answer again.
  case mute([UInt8], Bool)
  /// An adapter has this serial number.
  case serialNumber(UInt8, String)
  /// The system gets usage domains.
  case addDomains([UInt8])
  /// The system loses usage domains.
  case removeDomains([UInt8])
  /// The system gets control domains, which have no queues.
  case addControlDomains([UInt8])
  /// The system loses control domains.
  case removeControlDomains([UInt8])
  /// A single queue answers.
  case plugQueue(APQN)
  /// A single queue answers no more.
  case unplugQueue(APQN)
  /// A master key of a queue's domain is changed.
  case masterKey(MasterKeyKind, APQN, MasterKeyChange)
}

/// The kernel's answer to a write.
public enum WriteOutcome: Equatable, Sendable {
  /// The write succeeds.
  case success
  /// The write fails, when the file is opened or when it is written.
  case failure(Errno, opening: Bool)
}

extension WriteOutcome: CustomStringConvertible {
  /// `ok`, or the call and the error as transcripts have them: `write: EBUSY (16)`.
  public var description: String {
    switch self {
    case .success: "ok"
    case .failure(let errno, let opening):
      "\(opening ? "open" : "write"): \(errno.name) (\(errno.rawValue))"
    }
  }
}

/// A claim about the machine after a step.
public enum ScenarioClaim: Equatable, Sendable {
  /// A file has that text, without the newline at its end; nil if there is no such file.
  case text(SysfsPath, String?)
  /// A queue has that driver; nil if it is unbound or does not exist.
  case driver(APQN, String?)
  /// Since the last step there was an event that fits, after the one that was claimed before.
  case event(EventPattern, [String])
  /// Since the last step there was no event that fits.
  case noEvent(EventPattern)
}
