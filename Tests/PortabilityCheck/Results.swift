import Glibc

/// What the checks said, a line each.
struct Results {
  private(set) var passed = 0
  private(set) var failed = 0

  /// A check that finds something, or finds nothing; an error is a finding.
  mutating func check(_ name: String, _ findings: () throws -> [String]) {
    let found: [String]
    do {
      found = try findings()
    } catch {
      found = ["\(error)"]
    }
    if found.isEmpty {
      passed += 1
      Self.say("pass  \(name)")
    } else {
      failed += 1
      Self.say("FAIL  \(name)")
      for finding in found.prefix(5) { Self.say("      \(finding)") }
    }
  }

  /// Writes a line at once: the machine may stop at the next one.
  static func say(_ line: String, to descriptor: Int32 = STDOUT_FILENO) {
    let bytes = Array((line + "\n").utf8)
    _ = write(descriptor, bytes, bytes.count)
  }

  /// A check of values beside what they must be.
  mutating func check<Value: Equatable>(_ name: String, _ rows: [(Value, Value)]) {
    check(name) {
      rows.filter { $0.0 != $0.1 }.map { "\($0.0) instead of \($0.1)" }
    }
  }
}
