/// A decision in four bytes: the outcome and the index of the rule that won.
package struct CompactDecision: Hashable, Sendable {
  /// Outcome in the low three bits, rule index plus one above.
  @usableFromInline let bits: UInt32

  @inlinable
  init(_ outcome: Outcome, ruleIndex: Int?) {
    bits = UInt32(outcome.rawValue) | UInt32((ruleIndex ?? -1) + 1) << 3
  }

  /// What the rules can come to for a queue; equal where request and collateral are.
  @usableFromInline
  enum Outcome: UInt8 {
    case unmanaged
    case host
    case vfioAP
    case vfioAPWithCollateral
    case undecidable

    init(_ rule: Rule) {
      switch rule.reserve.value {
      case .unmanaged: self = .unmanaged
      case .host: self = .host
      case .vfioAP: self = rule.collateral == .accept ? .vfioAPWithCollateral : .vfioAP
      }
    }
  }

  /// The request; nil where it hangs on something that cannot be read now.
  @inlinable
  package var reserve: Reserve? {
    switch Outcome(rawValue: UInt8(bits & 7)) {
    case .host: .host
    case .vfioAP, .vfioAPWithCollateral: .vfioAP
    case .unmanaged: .unmanaged
    case .undecidable, nil: nil
    }
  }

  /// Whether the reservation may move unmanaged queues.
  @inlinable
  package var collateral: Collateral {
    bits & 7 == UInt32(Outcome.vfioAPWithCollateral.rawValue) ? .accept : .refuse
  }

  /// The index into the set's rules of the rule that won, nil for none.
  @inlinable
  package var ruleIndex: Int? { bits >> 3 == 0 ? nil : Int(bits >> 3) - 1 }
}
