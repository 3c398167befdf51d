package import APBus

/// One alternative of an `APQN` clause: `05-07.0004-00ff`.
package struct APQNRange: Hashable, Sendable {
  /// The adapters.
  package var adapters: ClosedRange<UInt8>
  /// The domains.
  package var domains: ClosedRange<UInt8>

  /// All queues of `adapters` in `domains`.
  package init(adapters: ClosedRange<UInt8>, domains: ClosedRange<UInt8>) {
    self.adapters = adapters
    self.domains = domains
  }

  /// Whether the queue is one of them.
  package func contains(_ apqn: APQN) -> Bool {
    adapters.contains(apqn.adapter) && domains.contains(apqn.domain)
  }
}
