import APBus
import Replay
import ReservationRules
import TestSupport
import Testing
import Uevents

/// Reads and plays captures for tests.
enum Play {
  /// A text as a capture named `test.events`.
  static func capture(_ text: String) -> Capture {
    Capture.read(bytes: Array(text.utf8), name: "test.events")
  }

  /// A capture of a real kernel.
  static func walk(_ name: String) throws -> Capture {
    Capture.read(bytes: try CaptureFile.bytes(name + ".events"), name: name)
  }

  static func rules(_ text: String) throws -> RuleSet {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "test.rules", text: text)])
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    return set
  }

  /// A session that has run.
  static func run(
    _ script: ReplayScript, rules: String, mechanism: Mechanism? = nil,
    observe: @escaping (ReplayOccurrence) -> Void = { _ in }
  ) throws -> ReplaySession {
    let session = ReplaySession(
      script, rules: try self.rules(rules), options: .init(mechanism: mechanism),
      observe: observe)
    try session.run()
    return session
  }

  /// The lines of an expectation that a session does not end with.
  static func mismatches(_ session: ReplaySession, _ expected: String) throws -> [String] {
    try Expectation(Array(expected.utf8), file: "expected")
      .mismatches(with: session.inventory(), counts: session.counts)
  }

  /// A card of type 13 and its queue `05.0004`, coming.
  static let boot = card + event("add", 11)

  static let card = """
    KERNEL[1.000000] add      /devices/ap/card05 (ap)
    ACTION=add
    DEVPATH=/devices/ap/card05
    SUBSYSTEM=ap
    DEVTYPE=ap_card
    DEV_TYPE=000D
    MODALIAS=ap:t0D
    MODE=cca
    SEQNUM=10


    """

  /// An event about `05.0004`.
  static func event(_ action: String, _ number: Int, driver: String? = nil) -> String {
    """
    KERNEL[2.0000\(number)] \(action) /devices/ap/card05/05.0004 (ap)
    ACTION=\(action)
    DEVPATH=/devices/ap/card05/05.0004
    SUBSYSTEM=ap
    DEVTYPE=ap_queue
    \(driver.map { "DRIVER=\($0)\n" } ?? "")MODE=cca
    SEQNUM=\(number)


    """
  }
}
