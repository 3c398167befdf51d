import Agent
import JSONText
import TestSupport
import Testing

@testable import Daemon

@Suite struct `The manual pages of the daemon` {
  /// A page as it is shown, as far as names go.
  private func page(_ name: String) throws -> String {
    try SourceFile.text("packaging/man/\(name)").replacing("\\-", with: "-")
  }

  /// The source files in a directory and those below it.
  private func sources(in directory: String) -> [String] {
    SourceFile.names(in: directory).map { "\(directory)/\($0)" }
      .flatMap { $0.hasSuffix(".swift") ? [$0] : sources(in: $0) }
  }

  @Test func `describe every metric, and no other`() throws {
    let section = try #require(
      try page("apreserve-daemon.8").split(separator: ".SH METRICS\n").last?
        .split(separator: "\n.SH ").first)
    let words = section.split { " \n\",".contains($0) }
    let described = Set(words.filter { $0.hasPrefix("apreserve_") }.map(String.init))
    #expect(described == Set(DaemonMetrics.names))
  }

  @Test func `name every phase of the status`() throws {
    let page = try page("apreserve-varlink.7")
    for phase in Agent.Status.Phase.Word.allCases.map(\.rawValue) {
      #expect(page.contains(" \(phase)"), "\(phase)")
    }
  }

  @Test func `describe every method and error of the interface`() throws {
    let page = try page("apreserve-varlink.7")
    let interface = try SourceFile.text("Sources/Daemon/Varlink/org.apreserve.varlink")
    let signatures = interface.split(separator: "\n").compactMap { line in
      line.wholeMatch(of: /(?:method|error) (\w+) ?(.*)/).map { "\($0.1)\($0.2)" }
    }
    #expect(signatures.count > 8)
    for signature in signatures {
      #expect(page.contains("\n.B \(signature)\n"), "\(signature)")
    }
  }

  @Test func `describe every field of the journal, and no other`() throws {
    let described = Set(
      try page("apreserve-daemon.8").matches(of: /\bAP_[A-Z_]+(?==)/).map { String($0.0) })
    var written: Set<String> = []
    for file in sources(in: "Sources/Daemon") + sources(in: "Sources/HostSystem") {
      for match in try SourceFile.text(file).matches(of: /"(AP_[A-Z_]+)"/) {
        written.insert(String(match.1))
      }
    }
    #expect(described == written)
  }
}
