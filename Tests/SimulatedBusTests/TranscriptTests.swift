import TestSupport
import Testing
import Walks

/// Every line of the transcripts that kernels made holds on the simulated bus.
@Suite struct `The transcripts of kernels` {
  /// A line that does not hold, and why.
  struct Exception {
    var walk: String
    /// The line, or how it begins.
    var line: String
    var reason: String
  }

  static let exceptions = [
    Exception(
      walk: "sim-2018", line: "  card01: ",
      reason: "the imitating module has no type and serialnr; the kernel's code has"),
    Exception(
      walk: "sim-2018", line: "  01.0004: ", reason: "the imitating module has no mkvps"),
    Exception(
      walk: "sim-mask", line: "  card01: ",
      reason: "the imitating module has no type and serialnr; real-6.1-mask has"),
    Exception(
      walk: "sim-mask", line: "  01.0004: ",
      reason: "the imitating module has no mkvps; real-6.1-mask has"),
    Exception(
      walk: "sim-override", line: "  card01: ",
      reason: "the imitating module has no type and serialnr; real-7.2-override has"),
    Exception(
      walk: "sim-override", line: "  01.0004: ",
      reason: "the imitating module has no mkvps and ap_functions; real-7.2-override has"),
  ]

  @Test(arguments: CaptureFile.names)
  func `hold line by line: each write's errno, each driver, each text`(name: String) throws {
    let walk = try Walk(name)
    let exceptions = Self.exceptions.filter { $0.walk == name }
    for deviation in walk.deviations
    where !exceptions.contains(where: { deviation.line.text.hasPrefix($0.line) }) {
      Issue.record(
        "\(name).steps:\(deviation.line.number): \(deviation.line.text)\n  found: \(deviation.found)"
      )
    }
    for exception in exceptions
    where !walk.deviations.contains(where: { $0.line.text.hasPrefix(exception.line) }) {
      Issue.record("\(name): \"\(exception.line)\" holds now; its exception is stale")
    }
    #expect(walk.checks > 50)
  }

  @Test func `have no exception among the lines that move queues`() {
    for exception in Self.exceptions {
      for word in ["bind", "probe", "mask", "override", "driver:"] {
        #expect(!exception.line.contains(word), "\(exception.line)")
      }
    }
  }
}
