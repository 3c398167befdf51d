package import APBus

/// The decisions of one adapter's 256 domains. Each domain is in exactly one of the first four masks.
package struct DecisionRow: Hashable, Sendable {
  /// Domains requested for guests.
  package var vfioAP = APMask()
  /// Domains requested for the host.
  package var host = APMask()
  /// Domains left with whoever has them.
  package var unmanaged = APMask()
  /// Domains whose decision hangs on something that cannot be read now.
  package var undecidable = APMask()
  /// Those of `vfioAP` whose reservation may move unmanaged queues.
  package var acceptsCollateral = APMask()
  /// Domains that may turn out to be the host's: those of `host`, and those of `undecidable` for which
  /// an answer is conceivable that makes them the host's.
  package var possiblyHost = APMask()

  /// A row without any domain.
  package init() {}
}
