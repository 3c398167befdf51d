/// The faults of one rule: as many as a person would read, and how many more there are.
///
/// A megabyte of mistakes costs no more memory than its first ones.
struct FaultList {
  /// The most that are kept.
  static let limit = 50
  /// The longest correction that helps anybody, in bytes.
  private static let longestFix = 200

  private(set) var kept: [Fault] = []
  private(set) var omitted = 0
  /// Where the first of the others is.
  private(set) var firstOmitted: Range<Int>?
  /// Whether one of them, kept or not, forbids the rule.
  private(set) var hasErrors = false

  /// How many there are, kept or not.
  var count: Int { kept.count + omitted }

  mutating func append(_ fault: Fault) {
    hasErrors = hasErrors || fault.code.severity == .error
    if kept.count < Self.limit {
      var fault = fault
      fault.fixes.removeAll { $0.utf8.count > Self.longestFix }
      kept.append(fault)
    } else {
      firstOmitted = firstOmitted ?? fault.range
      omitted += 1
    }
  }

  static func += (left: inout FaultList, right: FaultList) {
    let room = limit - left.kept.count
    left.kept += right.kept.prefix(room)
    left.firstOmitted =
      left.firstOmitted ?? right.kept.dropFirst(max(0, room)).first?.range ?? right.firstOmitted
    left.hasErrors = left.hasErrors || right.hasErrors
    left.omitted += max(0, right.kept.count - room) + right.omitted
  }

  /// Whether a fault of one of these kinds is among those kept.
  func contains(_ codes: Set<DiagnosticCode>) -> Bool {
    kept.contains { codes.contains($0.code) }
  }
}
