import Glibc
import TestSupport
import Testing

@Suite(.enabled(if: UnitTests.hasSystemd, "systemd-analyze is not installed"))
struct `The units of systemd` {
  private let installation: Installation
  private let units: String

  init() throws {
    installation = try Installation()
    try installation.run("install")
    units = "\(installation.path)/usr/lib/systemd/system"
  }

  private func analyze(_ words: String) throws -> Shell.Result {
    try Shell.run("SYSTEMD_UNIT_PATH='\(units):' systemd-analyze --no-pager \(words)")
  }

  @Test func `are understood by systemd without a complaint`() throws {
    let result = try analyze(
      "verify --man=no '\(units)'/*.service '\(units)'/*.socket '\(units)'/*.target")
    #expect(result.output == "")
    #expect(result.status == 0)
  }

  @Test(arguments: [
    ("apreserve.service", "2.0"), ("apreserve-prepare.service", "2.0"),
    ("apreserve-exporter@.service", "0.5"),
  ])
  func `leave little open`(unit: String, exposure: String) throws {
    let threshold = exposure.filter { $0 != "." }
    let result = try analyze("security --offline=true --threshold=\(threshold) '\(units)/\(unit)'")
    #expect(result.status == 0, "\(result.output)")
  }

  @Test(arguments: [
    ("apreserve.service", "sandbox.conf"), ("apreserve-prepare.service", "sandbox.conf"),
    ("apreserve-exporter@.service", "apreserve-exporter@.service"),
  ])
  func `say of everything that they leave open why, and of nothing else`(
    unit: String, place: String
  ) throws {
    let result = try analyze("security --offline=true '\(units)/\(unit)'")
    // A line: a mark, the name of the setting, the description, and the exposure at its end.
    let open = Set(
      result.lines.filter { $0.hasPrefix("✗") }.compactMap { line in
        line.split(separator: " ").dropFirst().first?.split(separator: "=").first.map {
          String($0.prefix { $0 != "/" })
        }
      })
    #expect(!open.isEmpty)
    let comments = try SourceFile.text("packaging/systemd/\(place)").split(separator: "\n")
      .filter { $0.hasPrefix("#   ") }
    let explained = Set(
      comments.compactMap { line in
        line.split(separator: " ").dropFirst().first.map { String($0.dropLast()) }
      })
    #expect(open == explained)
  }
}

/// What these tests need.
enum UnitTests {
  static let hasSystemd = access("/usr/bin/systemd-analyze", X_OK) == 0
}
