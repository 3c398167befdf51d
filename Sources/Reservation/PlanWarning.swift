package import APBus

/// Something a person should know of a plan although nothing is refused.
package enum PlanWarning: Equatable, Sendable {
  /// A mediated device has queues of this adapter assigned of which one will not be on `vfio_ap`, so
  /// that its guest gets no queue of the adapter at all (SimulatedBus documentation, "Guests").
  case guestLosesAdapter(UInt8, missing: APQN, mediatedDevice: String)
  /// The host's default domain has no queue of the host any more; the default does not move by itself
  /// (`ap_select_domain` in ap_bus.c).
  case defaultDomainTaken(UInt8)
  /// The host has no CCA queue any more, and by that no random number generator of the adapters
  /// (SimulatedBus documentation, "Host use").
  case lastCCAQueueTaken
  /// These are, or will be, reserved, and no guest can use them now: deconfigured or check-stopped.
  case unusable([APQN])
  /// The masks that apreserve has cleared are set again first; queues are reserved by overrides after that.
  case leavesMasks
  /// When the masks cannot be written to the end they cannot be set back either.
  case cannotBeUndone(mediatedDevice: String)
  /// When the masks cannot be written to the end, setting them back makes the kernel bind these unbound
  /// queues (SimulatedBus documentation, "Masks").
  case undoingBinds([APQN], to: Owner)
  /// What another tool does at the next boot.
  case nextBoot(NextBootConflict)
}

extension PlanWarning {
  /// Whether it is about what becomes of this queue at the next boot.
  package func isAboutNextBoot(of apqn: APQN) -> Bool {
    if case .nextBoot(let conflict) = self { conflict.apqns.contains(apqn) } else { false }
  }
}

extension PlanWarning: CustomStringConvertible {
  /// One sentence.
  package var description: String {
    switch self {
    case .guestLosesAdapter(let adapter, let missing, let device):
      "the guest of mediated device \(device) gets no queue of adapter "
        + "0x\(Hex.text(adapter, digits: 2)) at all: \(missing) is assigned to it and not on vfio_ap"
    case .defaultDomainTaken(let domain):
      "the host's default domain 0x\(Hex.text(domain, digits: 4)) has no queue of the host then; "
        + "choose another one by writing its number to /sys/bus/ap/ap_domain"
    case .lastCCAQueueTaken:
      "the host keeps no CCA queue, and loses its random number generator with the last one"
    case .unusable(let apqns):
      "reserved, but unusable for a guest now, because deconfigured or check-stopped: "
        + apqns.shortList()
    case .leavesMasks:
      "the masks are set back to all ones first, since they do not express the rules any more; what the "
        + "rules reserve is taken by driver_override right after that"
    case .cannotBeUndone(let device):
      "if not all masks can be written, they cannot be set back: mediated device \(device) "
        + "has the adapter or domain assigned"
    case .undoingBinds(let apqns, let owner):
      "if not all masks can be written, setting them back moves to \(owner.rawValue) what has "
        + "no driver now: " + apqns.shortList()
    case .nextBoot(let conflict): conflict.description
    }
  }
}
