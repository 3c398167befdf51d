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

    /// The numbers of that kind, in the masks.
    var mask: WritableKeyPath<MaskPair, APMask> {
      switch self {
      case .adapters: \.adapters
      case .domains: \.domains
      }
    }
  }

  /// A write to `apmask` or `aqmask`, the whole algorithm.
  func write(_ text: String, toMask axis: MaskAxis) throws(Errno) {
    guard overrideCount == 0 else { throw .invalidArgument }
    let old = masks[keyPath: axis.mask]
    guard let new = old.writing(text.utf8) else { throw .invalidArgument }
    guard new != old else { return }
    guard !isVetoed(axis, newBits: new.subtracting(old)) else { throw .busy }
    masks[keyPath: axis.mask] = new
    masksInUse = masks != .all
    reviseBindings()
    guard behavior.hasMaskEvents else { return }
    // The text as the file prints it (`ap_send_mask_changed_uevent`).
    sendRoot(.init(axis == .adapters ? "APMASK" : "AQMASK", "\(new)\n"))
  }

  /// Whether a mediated device has a queue that the write would give to the host, with or without a running
  /// guest; without `vfio_ap` there is no such check (`__verify_card_reservations`).
  private func isVetoed(_ axis: MaskAxis, newBits: APMask) -> Bool {
    guard behavior.vetoesMasks, let matrix, !newBits.isEmpty else { return false }
    var asked = behavior.vetoIgnoresOtherMask ? MaskPair.all : masks
    asked[keyPath: axis.mask] = newBits
    return matrix.mediatedDevices.values.contains {
      !$0.device.adapters.isDisjoint(with: asked.adapters)
        && !$0.device.domains.isDisjoint(with: asked.domains)
    }
  }

  /// Moves every queue whose driver is not of its pool, one by one. An unbound queue counts as one
  /// without a default driver, so that it is probed where it is in the host's pool and left alone
  /// elsewhere. `drivers_autoprobe` does not matter (`__ap_revise_reserved`).
  private func reviseBindings() {
    for case let queue as QueueDevice in devices()
    where queue.isRegistered && masks.isInHostPool(queue.apqn) != queue.isHostBound {
      detach(queue)
      attach(queue)
    }
  }
}

/// `driver_override` (SimulatedBus documentation, "Overrides").
extension SimulatedBus {
  /// A write to `driver_override`: nothing is bound or unbound by it, the name is not looked up, and
  /// no event is sent. The text up to the first newline counts; an empty one clears the override.
  func writeOverride(_ text: String, of queue: QueueDevice) throws(Errno) {
    guard text.utf8.count < 4095, !masksInUse else { throw .invalidArgument }
    let name = text.prefix { $0 != "\n" }
    let driverOverride = name.isEmpty ? nil : String(name)
    if queue.driverOverride != nil { overrideCount -= 1 }
    if driverOverride != nil { overrideCount += 1 }
    queue.driverOverride = driverOverride
  }
}
