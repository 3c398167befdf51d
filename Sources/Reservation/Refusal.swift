package import APBus

/// A request that the plan does not fulfil, with the reason and what a person can do.
package struct Refusal: Hashable, Sendable {
  package var apqn: APQN
  package var reason: Reason

  package init(_ apqn: APQN, _ reason: Reason) {
    self.apqn = apqn
    self.reason = reason
  }

  /// What a mask would take besides the queue of the request.
  package struct Neighbors: Hashable, Sendable {
    package var present: [APQN]
    /// How many APQNs that are absent are the host's all the same: rules may decide them for it, or they
    /// were not to be taken while they were present.
    package var absentCount = 0
  }

  /// Why a request is not fulfilled.
  package enum Reason: Hashable, Sendable {
    /// `vfio_ap` takes type 10 and newer only.
    case hardwareTooOld(HardwareType)
    /// The masks can only clear whole rows and columns; reserving this queue would take others.
    /// Either side names what would be taken, too: with the adapter's row, or with the domain's
    /// column.
    case inexpressible(row: Neighbors, column: Neighbors)
    /// Masks would take this other queue along, which is left alone because another process has moved it back
    /// this often.
    case besideContended(APQN, times: Int)
    /// Giving the queue back would bring queues into the host's pool that must stay reserved.
    case releaseInexpressible(wouldTake: APQN)
    /// The kernel would veto the mask: it checks every mediated device with that adapter or domain.
    case vetoed(mediatedDevice: String)
    /// Masks are in use on this machine, so that the kernel refuses overrides.
    case masksInUse
    /// An override is set on this queue, so that the kernel refuses masks.
    case overrideInUse(APQN)
    /// A mask write would move this other queue, which has no override any more, away from its guest.
    case strandedInHostPool(APQN)
    /// A mask write would have the kernel bind this unbound queue below a card without driver.
    case wouldBindBelowUnboundCard(APQN)
    /// No way of masks leads there but over one of zeros, which would take this other queue, and all that
    /// comes, from the host.
    case wouldTakeEverything(APQN)
    /// This queue is with the host although the masks put it outside its pool: another mask write is
    /// under way.
    case maskChangeUnderWay(APQN)
    /// Its card has no driver; a queue bound to the host below such a card can crash the kernel
    /// (SimulatedBus documentation, "Matching").
    case cardUnbound
    case guarded(Guard.Finding)
    /// This is why a changeover to another mechanism is refused.
    case changeover(ChangeoverObstacle)
    /// Another process has set `driver_override` to another driver.
    case overriddenByOthers(driver: String)
  }
}

extension Refusal.Reason {
  /// Whether another process's moves are the cause.
  package var isContention: Bool {
    switch self {
    case .guarded(.fought), .besideContended: true
    default: false
    }
  }

  /// Whether a mediated device that has the queue is the cause.
  package var isHeldByGuest: Bool {
    switch self {
    case .guarded(.assigned), .vetoed: true
    default: false
    }
  }

  /// Whether an adapter that does not answer is the cause.
  package var isSilence: Bool {
    if case .guarded(.masterKeysUnknown(_, unanswered: .some)) = self { true } else { false }
  }

  /// What becomes of the request.
  var state: Requests.State {
    isContention ? .contended : isSilence ? .unreadable : .refused
  }
}

extension Refusal: CustomStringConvertible {
  /// One sentence: which queue, why, and what to do.
  package var description: String {
    switch reason {
    case .hardwareTooOld(let type):
      "\(apqn) is hardware type \(type.rawValue); vfio_ap takes only type 10 (CEX4) and newer"
    case .inexpressible(let row, let column):
      "\(apqn) cannot be reserved alone by masks: apmask without adapter "
        + "\(Self.number(apqn.adapter, digits: 2)) would also take \(Self.list(row)), aqmask without "
        + "domain \(Self.number(apqn.domain, digits: 4)) would also take \(Self.list(column)); widen "
        + "the rule, add COLLATERAL=\"accept\", or use driver_override where the kernel has it"
    case .releaseInexpressible(let other):
      "\(apqn) cannot be given back by masks without taking \(other) back too, which stays reserved"
    case .vetoed(let uuid):
      "\(apqn) cannot be given back: the kernel refuses this mask while mediated device \(uuid) has "
        + "the adapter or domain assigned"
    case .masksInUse:
      "\(apqn) cannot be reserved by driver_override while apmask or aqmask is not all ones; use masks "
        + "(--mechanism mask), or change over with \"apreserve changeover override\""
    case .overrideInUse(let other):
      "\(apqn) cannot be moved by masks while driver_override is set on \(other); use overrides "
        + "(--mechanism override), or change over with \"apreserve changeover mask\""
    case .strandedInHostPool(let other):
      "\(apqn) cannot be moved by masks now: a mask write would also move \(other), which is on "
        + "vfio_ap inside the host's pool, back to the host"
    case .besideContended(let other, let times):
      "\(apqn) cannot be reserved by masks now: they would take \(other) along, which is left alone since "
        + "another process has moved it back \(times) times; find that process, then run \"apreserve reload\""
    case .wouldBindBelowUnboundCard(let other):
      "\(apqn) cannot be moved by masks now: a mask write would bind \(other) to the host below "
        + "\(other.cardName), which has no driver; bind the card to cex4card first"
    case .wouldTakeEverything(let other):
      "\(apqn) cannot be moved by masks now: one of them would have to be all zeros for a moment, which "
        + "takes everything from the host, and \(other) is to be there; let the rules leave one adapter or "
        + "domain where it is, and change the rest afterwards"
    case .maskChangeUnderWay(let other):
      "\(apqn) cannot be moved by masks now: \(other) is with the host although the masks put it "
        + "outside its pool; another mask change is under way"
    case .cardUnbound:
      "\(apqn) cannot be given to the host: \(apqn.cardName) has no driver; load zcrypt_cex4"
    case .guarded(let finding): finding.refusal(of: apqn)
    case .changeover(let obstacle): obstacle.refusal(of: apqn)
    case .overriddenByOthers(let driver):
      "\(apqn) has driver_override \(driver), which apreserve has not set; clear it first, if apreserve "
        + "is to move the queue"
    }
  }

  private static func number(_ number: UInt8, digits: Int) -> String {
    "0x" + Hex.text(number, digits: digits)
  }

  private static func list(_ neighbors: Neighbors) -> String {
    let apqns = neighbors.present
    var parts: [String] = []
    if !apqns.isEmpty { parts.append(apqns.shortList(of: 4)) }
    if neighbors.absentCount > 0 {
      parts.append("\(neighbors.absentCount) that are absent now and may be the host's")
    }
    return parts.isEmpty ? "nothing else" : parts.joined(separator: ", and ")
  }
}
