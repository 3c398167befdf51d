package import APBus
import ReservationRules

/// What a replay is expected to end with, read from a text file.
///
/// One expectation a line; `#` begins a comment line, empty lines are skipped:
///
///     01.*            vfio_ap
///     00.*|02-03.*    host
///     04.0001         none
///     05.*            absent
///     writes          3
///     reserved        8
///     refused         0
///     undecidable     0
///
/// Queues are named as a rule's `APQN` names them. `vfio_ap`, `host` and `none` say who has all of the
/// queues that are present, and at least one must be; `absent` says that none is there. Queues that no
/// line names are ignored. `writes`, `reserved`, `refused` and `undecidable` count.
package struct Expectation: Equatable, Sendable {
  struct Line: Equatable, Sendable {
    var number: Int
    var text: String
    var claim: Claim
  }

  /// What a line claims.
  enum Claim: Equatable, Sendable {
    case owner(APQNPattern, Owner)
    case absent(APQNPattern)
    case count(Counter, Int)
  }

  /// What can be counted.
  package enum Counter: String, CaseIterable, Sendable {
    /// Writes that the agent did.
    case writes
    /// Queues that rules want on `vfio_ap` and that are present.
    case reserved
    /// Requests that cannot be fulfilled.
    case refused
    /// Queues whose decision hangs on what cannot be read.
    case undecidable
  }

  /// The file's name, for messages.
  package let file: String
  let lines: [Line]

  /// Why a line of an expectation file is not understood.
  package struct SyntaxError: Error, Equatable, CustomStringConvertible {
    /// File, line and sentence.
    package var description: String

    init(file: String, line: Int, _ sentence: String) {
      description = "\(file):\(line): \(sentence)".printable
    }
  }

  package init(_ bytes: [UInt8], file: String) throws(SyntaxError) {
    self.file = file
    var lines: [Line] = []
    var number = 0
    for bytes in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw SyntaxError(file: file, line: number, "the line is not UTF-8 text")
      }
      let words = text.split { $0 == " " || $0 == "\t" || $0 == "\r" }
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      guard words.count == 2 else {
        throw SyntaxError(
          file: file, line: number,
          "\"\(text)\" is not two words; write queues and who has them, as \"01.* vfio_ap\", or a "
            + "count, as \"writes 3\"")
      }
      let claim = try Self.claim(
        of: String(words[1]), for: String(words[0]), file: file, line: number)
      lines.append(
        Line(number: number, text: words.joined(separator: " "), claim: claim))
    }
    guard !lines.isEmpty else {
      throw SyntaxError(
        file: file, line: max(1, number), "the file expects nothing; write at least one line")
    }
    self.lines = lines
  }

  private static func claim(
    of value: String, for subject: String, file: String, line: Int
  ) throws(SyntaxError) -> Claim {
    if let counter = Counter(rawValue: subject) {
      guard let count = Int(value), count >= 0 else {
        throw SyntaxError(
          file: file, line: line, "unknown count \"\(value)\"; write a decimal number")
      }
      return .count(counter, count)
    }
    let pattern: APQNPattern
    do throws(APQNPattern.SyntaxError) {
      pattern = try APQNPattern(subject)
    } catch {
      let counters = Counter.allCases.map(\.rawValue).joined(separator: ", ")
      throw SyntaxError(file: file, line: line, "\(error.sentence); or one of \(counters)")
    }
    if value == "absent" { return .absent(pattern) }
    guard let owner = Owner(rawValue: value) else {
      throw SyntaxError(
        file: file, line: line,
        "unknown owner \"\(value)\"; write vfio_ap, host, none or absent")
    }
    return .owner(pattern, owner)
  }

  /// The lines that do not hold, each a sentence with its place.
  ///
  /// `counts` is what was counted.
  package func mismatches(with inventory: Inventory, counts: [Counter: Int]) -> [String] {
    lines.flatMap { line in
      mismatches(of: line.claim, with: inventory, counts: counts).map {
        "\(file):\(line.number): expected \(line.text), \($0)"
      }
    }
  }

  private func mismatches(
    of claim: Claim, with inventory: Inventory, counts: [Counter: Int]
  ) -> [String] {
    switch claim {
    case .owner(let pattern, let owner):
      let named = inventory.queues.filter { pattern.contains($0.apqn) }
      guard !named.isEmpty else { return ["but no such queue is there"] }
      return named.filter { $0.owner != owner }.map {
        "but \($0.apqn) is with \($0.owner.rawValue)"
      }
    case .absent(let pattern):
      return inventory.queues.filter { pattern.contains($0.apqn) }.map {
        "but \($0.apqn) is there, with \($0.owner.rawValue)"
      }
    case .count(let counter, let expected):
      let found = counts[counter, default: 0]
      return found == expected ? [] : ["but counted \(found)"]
    }
  }
}
