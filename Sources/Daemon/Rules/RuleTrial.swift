package import APBus
import Glibc
import HostSystem
import JSONText
import Reports
import Reservation
package import ReservationRules

/// A change of the rule files that is taken back unless it is confirmed in time.
package struct RuleTrial: Equatable, Sendable {
  /// The rule files as they were before the change.
  package var before: [RuleFile]
  /// Until when the change can be confirmed, on the clock of this boot, and for people.
  package var deadline: Instant
  package var until: WallTime
  /// The boot to which the clock belongs.
  package var boot: String
  /// How it was taken back; nil as long as it is on trial.
  package var end: End?

  /// The end of a trial without confirmation.
  package struct End: Equatable, Sendable {
    /// The rule files with the change, which are not used.
    package var tried: [RuleFile]
    package var time: WallTime
    package var cause: Cause
  }

  package enum Cause: String, CaseIterable, Sendable {
    /// The time was over.
    case expired
    /// A person has asked for it.
    case requested
    /// The system was booted.
    case boot
  }

  /// Which change is put on trial.
  package enum Change: Sendable {
    /// The last one that was made.
    case last
    /// What is changed from now on.
    case next
  }

  /// How a trial ends.
  enum Outcome {
    case confirmed
    case takenBack
  }

  /// The longest time to confirm a change.
  package static let longestTime = Duration.seconds(86_400)
  /// How long after a change it can be put on trial.
  package static let patience = Duration.seconds(600)

  /// Why the trial is over now; nil if it is not, or if it was taken back before.
  func expiration(now: Instant, boot: String) -> Cause? {
    guard end == nil else { return nil }
    return boot != self.boot ? .boot : deadline <= now ? .expired : nil
  }

  /// The rule files to use in the place of these: those from before the change that was taken back. Nil if no change
  /// was, or if one of its files is another one by now, which is a change of its own.
  package func replacing(_ files: [RuleFile]) -> [RuleFile]? {
    guard let end else { return nil }
    func byPath(_ files: [RuleFile]) -> [String: RuleFile] {
      Dictionary(files.map { ($0.path, $0) }) { $1 }
    }
    let (before, tried, current) = (byPath(before), byPath(end.tried), byPath(files))
    let changed = Set(before.keys).union(tried.keys).filter { before[$0] != tried[$0] }
    guard changed.allSatisfy({ current[$0] == tried[$0] }) else { return nil }
    let result =
      files.filter { !changed.contains($0.path) }
      + self.before.filter { changed.contains($0.path) }
    return result.sorted {
      RuleFileSelection.precedes(
        RuleFileSelection.baseName($0.path), RuleFileSelection.baseName($1.path))
    }
  }

  /// What a person is to know of a change that was taken back; nil if none was.
  package var refusal: String? {
    end.map { end in
      let cause =
        switch end.cause {
        case .expired: "since it was not confirmed in time"
        case .requested: "on request"
        case .boot: "since the system was booted before it was confirmed"
        }
      return
        "the change of the rule files was taken back at \(end.time.localText), \(cause); the rules from before are "
        + "in force. Correct the files, or put them in force as they are with \"apreserve reload\""
    }
  }
}

/// Why a change of rules cannot be put on trial or confirmed: a sentence.
package struct RuleTrialError: Error, Equatable, CustomStringConvertible {
  package var description: String
}

// MARK: The file

/// A trial as a file has it: an object on the first line, the rules from before and those that were tried as the archive
/// has them, and a checksum of all that.
extension RuleTrial {
  private static let layout = JSONLayout<RuleTrial> {
    $0.add("apreserve", constant: .string(kind), "The kind of the file.")
    $0.add("boot", .text, "The boot.", \.boot)
    $0.add("deadline", .integer, "The end in milliseconds of CLOCK_MONOTONIC.") {
      $0.deadline.sinceBoot.wholeMilliseconds
    }
    $0.add("until", .time, "The end.", \.until)
    $0.add("before", .count, "The bytes of the rules from before.") {
      RuleArchive.encode($0.before).count
    }
    $0.add("cause", .word, "Why it was taken back.") { $0.end?.cause }
    $0.add("time", .time, "When it was taken back.") { $0.end?.time }
  }

  var bytes: [UInt8] {
    let before = RuleArchive.encode(before)
    let tried = end.map { RuleArchive.encode($0.tried) }
    let body = Array((Self.layout.json(self).text() + "\n").utf8) + before + (tried ?? [])
    return body + Array("\(Hex.text(Checksum(body).value, digits: 16))\n".utf8)
  }

  /// The trial of a file; nil for one that is not whole.
  init?(_ bytes: [UInt8]) {
    let body = bytes.dropLast(Self.sumLength)
    guard
      bytes.suffix(Self.sumLength)
        .elementsEqual("\(Hex.text(Checksum(body).value, digits: 16))\n".utf8),
      let end = body.firstIndex(of: UInt8(ascii: "\n")),
      let heading = try? JSONParser.parse(Array(body[..<end])),
      heading["apreserve"]?.text == Self.kind, let boot = heading["boot"]?.text,
      let deadline = heading["deadline"]?.integer,
      let until = heading["until"]?.text.flatMap({ WallTime(text: $0) }),
      let count = heading["before"]?.integer, (0...body.endIndex - end - 1).contains(count),
      let before = RuleArchive.decode(Array(body[(end + 1)...].prefix(count)))
    else { return nil }
    self.init(
      before: before, deadline: Instant(sinceBoot: .milliseconds(deadline)), until: until,
      boot: boot)
    let rest = Array(body[(end + 1)...].dropFirst(count))
    guard !rest.isEmpty else { return }
    guard let tried = RuleArchive.decode(rest),
      let cause = heading["cause"]?.text.flatMap({ Cause(rawValue: $0) }),
      let time = heading["time"]?.text.flatMap({ WallTime(text: $0) })
    else { return nil }
    self.end = End(tried: tried, time: time, cause: cause)
  }

  private static let kind = "rule-trial"
  private static let sumLength = 17

  /// The most bytes of a file.
  private static let sizeLimit = 4 * RuleSet.largestText

  /// The trial in a file; nil if there is no such file.
  ///
  /// - Throws: `FileError`, or `RuleTrialError` for a file that is damaged.
  package static func read(_ path: String, owner: UInt32?) throws -> RuleTrial? {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try HostFile.read(path, sizeLimit: sizeLimit, owner: owner)
    } catch {
      if error.isAbsence { return nil }
      throw error
    }
    guard let trial = RuleTrial(bytes) else {
      throw RuleTrialError(description: "\(path) is damaged")
    }
    return trial
  }
}
