/// The value of RESERVE: what a rule wants for the queues it matches.
package enum Reserve: String, Hashable, Sendable, CaseIterable {
  /// The queue is for guests: bound to `vfio_ap`.
  case vfioAP = "vfio_ap"
  /// The queue is never taken from the host, and given back if it was reserved by us.
  case host
  /// The queue stays with whoever has it, and is given back if it was reserved by us. What no rule
  /// names is unmanaged.
  case unmanaged
}
