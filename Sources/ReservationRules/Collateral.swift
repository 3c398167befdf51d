/// The value of COLLATERAL: whether a reservation may move unmanaged queues of type 10 and newer in
/// the row or column that its mask change clears.
package enum Collateral: String, Hashable, Sendable, CaseIterable {
  /// It may not; the default.
  case refuse
  /// It may, but never a queue requested for the host.
  case accept
}
