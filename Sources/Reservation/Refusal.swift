package import AdjunctProcessor

/// A wish that the plan does not fulfil, with the reason and what a person can do.
package struct Refusal: Equatable, Sendable {
  /// The queue.
  package var apqn: APQN
  /// Why.
  package var reason: Reason

  /// A wish not fulfilled.
  package init(_ apqn: APQN, _ reason: Reason) {
    self.apqn = apqn
    self.reason = reason
  }

  /// Why a wish is not fulfilled.
  package enum Reason: Equatable, Sendable {
    /// `vfio_ap` takes type 10 and newer only.
    case hardwareTooOld(HardwareType)
    /// The masks can only clear whole rows and columns; reserving this queue would take others.
    /// Either list names the queues that would be taken along: with the adapter's row, or with the
    /// domain's column.
    case inexpressible(row: [APQN], column: [APQN])
    /// Giving the queue back would bring queues into the host's pool that must stay reserved.
    case releaseInexpressible(wouldTake: APQN)
    /// A mediated device has the queue; taking it would take the whole adapter from its guest
    /// (ap-bus.md 6.2).
    case assigned(mediatedDevice: String?)
    /// The kernel would veto the mask: it looks at every mediated device with that adapter or domain.
    case vetoed(mediatedDevice: String)
    /// Masks are in use on this machine, so that the kernel refuses overrides.
    case masksInUse
    /// An override is set on this queue, so that the kernel refuses masks.
    case overrideInUse(APQN)
    /// A mask write would move this other queue, which has no override any more, away from its guest.
    case strandedInHostPool(APQN)
    /// A mask write would have the kernel bind this unbound queue below a card without driver.
    case wouldBindBelowUnboundCard(APQN)
    /// This queue is with the host although the masks put it outside its pool: another mask write is
    /// under way.
    case maskChangeUnderWay(APQN)
    /// Its card has no driver; a queue bound to the host below such a card can crash the kernel
    /// (ap-bus.md 1.4).
    case cardUnbound
  }
}

extension Refusal: CustomStringConvertible {
  /// One sentence: which queue, why, and what to do.
  package var description: String {
    switch reason {
    case .hardwareTooOld(let type):
      "\(apqn) is hardware type \(type.rawValue); vfio_ap takes type 10 (CEX4) and newer only"
    case .inexpressible(let row, let column):
      "\(apqn) cannot be reserved alone by masks: apmask without adapter "
        + "\(Self.number(apqn.adapter, digits: 2)) would also take \(Self.list(row)), aqmask without "
        + "domain \(Self.number(apqn.domain, digits: 4)) would also take \(Self.list(column)); widen "
        + "the rule, add COLLATERAL=\"accept\", or use driver_override where the kernel has it"
    case .releaseInexpressible(let other):
      "\(apqn) cannot be given back by masks without taking \(other) back too, which stays reserved"
    case .assigned(let uuid):
      "\(apqn) is assigned to mediated device \(uuid ?? "(not readable)"); unassign it there first, "
        + "since its guest would lose all queues of the adapter"
    case .vetoed(let uuid):
      "\(apqn) cannot be given back: the kernel refuses this mask while mediated device \(uuid) has "
        + "the adapter or domain assigned"
    case .masksInUse:
      "\(apqn) cannot be reserved by driver_override while apmask or aqmask is not all ones; use "
        + "masks, or set both masks to all ones first"
    case .overrideInUse(let other):
      "\(apqn) cannot be moved by masks while driver_override is set on \(other); use overrides, or "
        + "clear it first"
    case .strandedInHostPool(let other):
      "\(apqn) cannot be moved by masks now: a mask write would also move \(other), which a mediated "
        + "device has assigned, back to the host"
    case .wouldBindBelowUnboundCard(let other):
      "\(apqn) cannot be moved by masks now: a mask write would bind \(other) to the host below "
        + "\(other.cardName), which has no driver; bind the card to cex4card first"
    case .maskChangeUnderWay(let other):
      "\(apqn) cannot be moved by masks now: \(other) is with the host although the masks put it "
        + "outside its pool; another mask change is under way"
    case .cardUnbound:
      "\(apqn) cannot be given to the host: \(apqn.cardName) has no driver; load zcrypt_cex4"
    }
  }

  private static func number(_ number: UInt8, digits: Int) -> String {
    "0x" + LowerHex.text(number, digits: digits)
  }

  private static func list(_ apqns: [APQN]) -> String {
    let shown = apqns.prefix(4).map(\.description).joined(separator: ", ")
    return switch apqns.count {
    case 0: "nothing else"
    case 1...4: shown
    default: "\(shown) and \(apqns.count - 4) more"
    }
  }
}
