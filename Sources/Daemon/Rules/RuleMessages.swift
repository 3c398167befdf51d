import HostSystem
import Reports
import ReservationRules

/// What is to be told after the rules were read.
enum RuleMessages {
  /// The messages about what has changed between two conditions.
  static func messages(
    _ before: RuleKeeper.Condition, _ after: RuleKeeper.Condition, isExplicit: Bool
  ) -> [LogMessage] {
    (archiveMessage(before, after).map { [$0] } ?? [])
      + rulesMessages(before, after, isExplicit: isExplicit)
  }

  private static func archiveMessage(
    _ before: RuleKeeper.Condition, _ after: RuleKeeper.Condition
  ) -> LogMessage? {
    guard let problem = after.archiveProblem, problem != before.archiveProblem else { return nil }
    return LogMessage(.warning, .ruleArchive, problem)
  }

  private static func rulesMessages(
    _ before: RuleKeeper.Condition, _ after: RuleKeeper.Condition, isExplicit: Bool
  ) -> [LogMessage] {
    if after.isDegraded {
      guard isExplicit || before.errors != after.errors else { return [] }
      let count = after.errors.count
      return [
        LogMessage(
          .error, .rulesRefused,
          "the rules have \(count == 1 ? "an error" : "\(count) errors"); \(standing(after))\n"
            + after.errors.prefix(20).joined(separator: "\n"))
      ]
    }
    if after.rules.rules.isEmpty, !before.rules.rules.isEmpty, !isExplicit {
      return [
        LogMessage(
          .warning, .rulesEmptied,
          "there are no rules any more; nothing is given back until \"apreserve reload\"")
      ]
    }
    guard isExplicit || before.origin != after.origin || before.rules != after.rules else {
      return []
    }
    let rules = after.rules
    return [
      LogMessage(
        .info, .rulesLoaded,
        "\(counted(rules.rules.count, "rule")) in \(counted(rules.files.count, "file")) in force",
        fields: rules.files.map { .init("AP_RULE_FILE", $0) })
    ]
  }

  private static func standing(_ condition: RuleKeeper.Condition) -> String {
    switch condition.origin {
    case .files, .earlierFiles: "those from before stay in force"
    case .lastGood: "those that an earlier run has kept are in force"
    case .nowhere: "no earlier rules are known, so nothing is reserved anew"
    }
  }
}

extension Diagnostic {
  /// Place and message on one line.
  var sentence: String { "\(location): \(message)" }
}
