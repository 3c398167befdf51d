import TestSupport
import Testing
import Walks
import Uevents

/// What apreserve wrote on real kernels, written again on the simulated bus. A misreading of the kernel
/// that planner and simulator share does not pass here.
@Suite struct `Scenarios that ran on kernels` {
  private typealias SentEvent = `The events of kernels`.SentEvent

  @Test func `are those of several kernels and of the design of 2018`() {
    let played = PlayedScenario.all.map(\.description)
    for kernel in ["5.10", "6.1", "6.12", "7.2"] {
      #expect(played.count { $0.hasSuffix("/\(kernel)") } >= 10, "\(kernel)")
    }
    #expect(played.contains("bind-of-2018/6.1"))
  }

  @Test func `ran on every kernel where they are about the kernel alone`() {
    let played = Set(PlayedScenario.all.map(\.description))
    let names = SourceFile.names(in: "Tests/KernelBed/scenarios").filter { $0.hasPrefix("kernel-") }
    #expect(names.count >= 13)
    for name in names {
      for kernel in ["5.10", "6.1", "6.12", "7.2"] {
        let transcript = "\(name.prefix { $0 != "." })/\(kernel)"
        #expect(played.contains(transcript), "\(transcript)")
      }
    }
  }

  @Test(arguments: PlayedScenario.all)
  func `hold line by line: every write's answer, every driver, override and mask`(
    played: PlayedScenario
  ) throws {
    let walk = try Walk(played.description, steps: try played.bytes("walk.steps"))
    for deviation in walk.deviations {
      Issue.record(
        "\(played)/walk.steps:\(deviation.line.number): \(deviation.line.text)\n  found: \(deviation.found)"
      )
    }
    #expect(walk.checks > 8)
  }

  @Test(arguments: PlayedScenario.all)
  func `send the kernel's events one for one, each between the same two marks`(
    played: PlayedScenario
  ) throws {
    let walk = try Walk(played.description, steps: try played.bytes("walk.steps"))
    let kind = walk.flavour == "sim" ? "sim-" : ""
    let sent = walk.sent.dropFirst(walk.loadEvents)
      .filter {
        `The events of kernels`.isOfBus($0.event, walk: kind) && !Self.tellsCompletion($0.event)
      }
      .map { "\($0.mark): \(SentEvent($0.event))" }
    let expected = try self.expected(played, kind: kind)
    for (index, (sent, expected)) in zip(sent, expected).enumerated() where sent != expected {
      Issue.record("event \(index) after loading\n  found:  \(sent)\n  wanted: \(expected)")
      return
    }
    #expect(sent.count == expected.count)
  }

  /// Newer kernels send BINDINGS=complete after a scan, and reading `serialnr` of a card that the host
  /// has no queue of makes them scan (`zcrypt_process_rescan` in zcrypt_api.c). What apreserve reads is
  /// in no transcript.
  private static func tellsCompletion(_ event: Uevent) -> Bool {
    event.properties.contains { $0.key == "BINDINGS" }
  }

  /// The kernel's events after loading, each with the number of marks before it.
  private func expected(_ played: PlayedScenario, kind: String) throws -> [String] {
    let capture = Capture.read(bytes: try played.bytes("walk.events"), name: played.description)
    try #require(capture.damage == nil, "\(capture.damage?.description ?? "")")
    var marks = 0
    var hasLoaded = false
    var expected: [String] = []
    for entry in capture.entries {
      switch entry {
      case .mark(let text, at: _):
        marks += 1
        if text.contains("=== ") { hasLoaded = true }
      case .event(let event, at: _, time: _):
        guard hasLoaded, `The events of kernels`.isOfBus(event, walk: kind),
          !Self.tellsCompletion(event)
        else { continue }
        expected.append("\(marks): \(SentEvent(event))")
      }
    }
    return expected
  }
}
