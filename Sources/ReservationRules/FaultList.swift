/// The faults of one rule: as many as a person would read, and how many more there are.
///
/// A megabyte of mistakes costs no more memory than its first ones.
struct FaultList {
  /// The most that are kept of one rule.
  static let limit = 50
  /// The most that are kept here.
  private let limit: Int
  /// The longest correction that helps anybody, in bytes.
  private static let longestFix = 200

  private(set) var kept: [Fault] = []
  private(set) var omittedErrors = 0
  private(set) var omittedWarnings = 0
  /// Where the first of the others is.
  private(set) var firstOmitted: Range<Int>?
  /// Their kinds, kept or not.
  private var codes: Set<DiagnosticCode> = []

  init(limit: Int = Self.limit) {
    self.limit = limit
  }

  /// Whether further ones are only counted.
  var isFull: Bool { kept.count >= limit }

  /// Whether one of them forbids the rule.
  var hasErrors: Bool { codes.contains { $0.severity == .error } }

  /// How many there are, kept or not.
  var count: Int { kept.count + omittedErrors + omittedWarnings }

  mutating func append(_ fault: Fault) {
    codes.insert(fault.code)
    guard isFull else {
      var fault = fault
      fault.fixes.removeAll { $0.utf8.count > Self.longestFix }
      kept.append(fault)
      return
    }
    firstOmitted = firstOmitted ?? fault.range
    if fault.code.severity == .error {
      omittedErrors += 1
    } else {
      omittedWarnings += 1
    }
  }

  static func += (left: inout FaultList, right: FaultList) {
    for fault in right.kept { left.append(fault) }
    left.codes.formUnion(right.codes)
    left.firstOmitted = left.firstOmitted ?? right.firstOmitted
    left.omittedErrors += right.omittedErrors
    left.omittedWarnings += right.omittedWarnings
  }

  /// Whether there is a fault of one of these kinds.
  func contains(_ others: Set<DiagnosticCode>) -> Bool { !codes.isDisjoint(with: others) }
}
