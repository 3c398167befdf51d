import APBus
import Uevents

/// `apmask` and `aqmask` (SimulatedBus documentation, "Masks").
extension SimulatedBus {
  /// One of the two masks.
  enum MaskAxis {
    /// `apmask`.
    case adapters
    /// `aqmask`.
    case domains
  }

  /// A write to `apmask` or `aqmask`, the whole algorithm.
  func writeMask(_ axis: MaskAxis, _ text: String) throws(Errno) {
    guard overrideCount == 0 else { throw .invalidArgument }
    let old = axis == .adapters ? adapterMask : domainMask
    guard let new = old.writing(text.utf8) else { throw .invalidArgument }
    guard new != old else { return }
    guard !isVetoed(axis, newBits: new.subtracting(old)) else { throw .busy }
    switch axis {
    case .adapters: adapterMask = new
    case .domains: domainMask = new
    }
    masksInUse = adapterMask != .all || domainMask != .all
    reviseBindings()
    let value = behavior.maskEventEndsWithNewline ? "\(new)\n" : "\(new)"
    sendRoot(.init(axis == .adapters ? "APMASK" : "AQMASK", value))
  }

  /// Whether a mediated device has what the write would give to the host. Whether a guest runs does
  /// not matter; without `vfio_ap` nobody is asked (`__verify_card_reservations`).
  private func isVetoed(_ axis: MaskAxis, newBits: APMask) -> Bool {
    guard behavior.vetoesMasks, let matrix, !newBits.isEmpty else { return false }
    return matrix.mediatedDevices.values.contains { mediated in
      let device = mediated.device
      let (own, other, otherMask) =
        switch axis {
        case .adapters: (device.adapters, device.domains, domainMask)
        case .domains: (device.domains, device.adapters, adapterMask)
        }
      let relevant = behavior.vetoIgnoresOtherMask ? other : other.intersection(otherMask)
      return !own.isDisjoint(with: newBits) && !relevant.isEmpty
    }
  }

  /// Moves every queue whose driver is not of its pool, one by one. An unbound queue counts as one
  /// without a default driver, so that it is probed where it is in the host's pool and left alone
  /// elsewhere. `drivers_autoprobe` does not matter (`__ap_revise_reserved`).
  private func reviseBindings() {
    for case let queue as QueueDevice in devices()
    where queue.isRegistered && isInHostPool(queue.apqn) != queue.isHostBound {
      detach(queue)
      attach(queue)
    }
  }
}
