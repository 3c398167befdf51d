package import APBus

/// The ordered writes that turn an inventory into what the rules want, and the requests among them that
/// cannot be fulfilled, each with its reason.
package struct Plan: Equatable, Sendable {
  /// How queues are moved.
  package var mechanism: Mechanism
  /// What is done, in order.
  package var operations: [Operation]
  /// What would be done, but failed lately and is not to be tried again yet.
  package var heldBack: [Operation.Subject]
  /// Requests that are not fulfilled.
  package var refusals: [Refusal]
  /// Requests that wait for something that is expected.
  package var waiting: [Waiting]
  /// Queues that keep their owner because what decides about them cannot be read now.
  package var undecidable: [APQN]
  /// Queues on `vfio_ap` that the rules want elsewhere but that apreserve has not reserved, so that it does not give them back.
  package var adopted: [APQN]
  /// Where queues that are absent would be taken unasked; empty except for masks.
  package var latentCollateral: LatentCollateral
  /// What masks could do instead where they cannot do exactly what is requested.
  package var alternatives: [MaskAlternative]
  /// What keeps the masks from being set back when their write has to stop in the middle.
  package var undoVeto: MaskVeto?
  /// Whether the plan only undoes masks, and another one reserves by overrides once that is done.
  package var leavesMasks = false
  /// Whether the plan clears overrides, and writes masks that reserve the same queues.
  package var leavesOverrides = false
  /// Whether a person asks for a changeover that is refused: the plan has nothing but the reasons.
  package var refusesChangeover = false
  /// What a person should know of the plan, or of the machine as it is then.
  package var warnings: [PlanWarning]

  /// A request that waits.
  package struct Waiting: Hashable, Sendable {
    package var apqn: APQN
    /// The driver that must be registered first.
    package var driver: String

    /// A request that waits for a driver.
    package init(_ apqn: APQN, driver: String) {
      self.apqn = apqn
      self.driver = driver
    }
  }

  /// A plan; a new one does nothing.
  package init(mechanism: Mechanism) {
    self.mechanism = mechanism
    operations = []
    heldBack = []
    refusals = []
    waiting = []
    undecidable = []
    adopted = []
    latentCollateral = LatentCollateral()
    alternatives = []
    warnings = []
  }

  /// All queues that the plan moves, ascending.
  package var changes: [OwnerChange] {
    operations.flatMap(\.changes).sorted { $0.apqn < $1.apqn }
  }

  /// Those of the adopted queues that rules keep for the host: of these the rules are not fulfilled.
  package var withheld: [APQN] {
    let kept = warnings.reduce(into: Set<APQN>()) { kept, warning in
      if case .adopted(let apqns, .some) = warning { kept.formUnion(apqns) }
    }
    return adopted.filter(kept.contains)
  }

  /// Queues that are to be on `vfio_ap` and get there as soon as that driver is loaded.
  package var awaitingVfioAP: Set<APQN> {
    Set(waiting.lazy.filter { $0.driver == DriverName.vfioAP }.map(\.apqn))
  }

  /// The owners that queues will have, of those that get another one. What waits for `vfio_ap` has it soon enough:
  /// a mediated device cannot be started before either.
  package var owners: [APQN: Owner] {
    Dictionary(changes.map { ($0.apqn, $0.to) }) { _, last in last }
      .merging(awaitingVfioAP.map { ($0, .vfioAP) }) { _, awaited in awaited }
  }

  /// Queues that move when masks have to be set back in the middle.
  package var changesByUndoing: [OwnerChange] { operations.flatMap(\.changesByUndoing) }

  /// All writes in order.
  package var steps: [Step] { operations.flatMap(\.steps) }

  /// Whether there is nothing to write.
  package var isEmpty: Bool { operations.isEmpty }

  /// The masks after the plan; nil on a kernel without masks.
  package func masks(after bus: BusState) -> MaskPair? {
    bus.masks.map { steps.reduce($0) { $0.applying($1) } }
  }
}

/// Queues that are absent and that the masks of a plan would take although no rule asks for
/// them, as soon as their hardware is added.
package struct LatentCollateral: Equatable, Sendable {
  /// Adapters whose new domains would be taken.
  package var adapters: APMask = []
  /// Domains whose new adapters would be taken.
  package var domains: APMask = []
  /// How many APQNs that are.
  package var count = 0
  /// How many of them rules decide for the host: none, unless masks that cannot be written now, or those of
  /// another process, keep them from it.
  package var hostCount = 0
}

/// Steps that belong together: when one fails, the ones after it are not done.
package struct Operation: Equatable, Sendable {
  /// What is moved: one queue, or the masks with all queues that they move.
  package enum Subject: Hashable, Sendable {
    /// One queue by its own files.
    case queue(APQN)
    case masks
    /// Whether one queue of the host is switched on.
    case online(APQN)
  }

  package var subject: Subject
  package var steps: [Step]
  /// The queues that have another owner when all steps are done.
  package var changes: [OwnerChange]
  /// The queues that have another owner when the steps have to be taken back in the middle.
  package var changesByUndoing: [OwnerChange]

  package init(
    _ subject: Subject, steps: [Step], changes: [OwnerChange], changesByUndoing: [OwnerChange] = []
  ) {
    self.subject = subject
    self.steps = steps
    self.changes = changes
    self.changesByUndoing = changesByUndoing
  }
}

/// A queue that a plan moves.
package struct OwnerChange: Equatable, Sendable {
  /// Why a queue moves, as JSON has it.
  package enum Cause: String, CaseIterable, Sendable {
    /// A rule wants it there.
    case wanted
    /// An owned queue is given back by a rule, or because no rule requests it any more.
    case givenBack = "given-back"
    /// No rule asked: a mask takes the queue along, which the rules accept.
    case collateral
    /// No rule asked: an effective mask write makes the kernel check this queue as well
    /// (SimulatedBus documentation, "Masks").
    case sideEffect = "side-effect"
  }

  package var apqn: APQN
  /// Who has it now.
  package var from: Owner
  /// Who has it then.
  package var to: Owner
  package var cause: Cause

  /// A queue's way from one owner to another.
  package init(_ apqn: APQN, from: Owner, to: Owner, cause: Cause) {
    self.apqn = apqn
    self.from = from
    self.to = to
    self.cause = cause
  }

  /// Whether the host loses the queue.
  package var leavesHost: Bool { from == .host && to != .host }
}

/// One thing the agent does to sysfs: a single write, or a read that guards the writes after it.
package enum Step: Hashable, Sendable {
  /// Write `apmask`, whole.
  case setAdapterMask(APMask)
  /// Write `aqmask`, whole.
  case setDomainMask(APMask)
  /// Write `driver_override` of a queue; nil clears it.
  case setOverride(APQN, driver: String?)
  /// Unbind a queue from its driver.
  case unbind(APQN, from: String)
  /// Bind a queue to a driver by name.
  case bind(APQN, to: String)
  /// Let the bus find a driver for an unbound queue (`drivers_probe`).
  case probe(APQN)
  /// Read `status` and the mediated devices' matrices again; go on only if none has the queue.
  ///
  /// An override has no veto: between the plan and the write a guest can be given the queue
  /// (SimulatedBus documentation, "Overrides" and "Guests").
  case requireUnassigned(APQN)
  /// Switch a queue of the host on or off; off, it gets no new requests.
  case setOnline(APQN, Bool)
  /// Read how many requests the queue still has; go on only when there are none.
  case awaitIdle(APQN)

  /// The file that is written; nil for a step that only reads.
  package var path: SysfsPath? {
    switch self {
    case .setAdapterMask: .bus("apmask")
    case .setDomainMask: .bus("aqmask")
    case .setOverride(let apqn, _): .queue(apqn, "driver_override")
    case .unbind(_, let driver): .driver(driver, "unbind")
    case .bind(_, let driver): .driver(driver, "bind")
    case .probe: .bus("drivers_probe")
    case .setOnline(let apqn, _): .queue(apqn, "online")
    case .requireUnassigned, .awaitIdle: nil
    }
  }

  package var isMask: Bool {
    switch self {
    case .setAdapterMask, .setDomainMask: true
    default: false
    }
  }

  /// The text that is written.
  ///
  /// Masks are written in full, 64 digits: a short or relative text means something else to the
  /// kernel than it seems to (SimulatedBus documentation, "Mask texts").
  package var text: String {
    switch self {
    case .setAdapterMask(let mask), .setDomainMask(let mask): mask.description
    case .setOverride(_, let driver): (driver ?? "") + "\n"
    case .setOnline(_, let isOnline): isOnline ? "1" : "0"
    case .unbind(let apqn, _), .bind(let apqn, _), .probe(let apqn), .requireUnassigned(let apqn),
      .awaitIdle(let apqn):
      apqn.description
    }
  }
}

extension Step: CustomStringConvertible {
  /// The write as a person would type it, `05.0004 > /sys/bus/ap/drivers/cex4queue/unbind`.
  package var description: String {
    switch self {
    case .requireUnassigned(let apqn): "check again that no mediated device has \(apqn)"
    case .awaitIdle(let apqn): "wait until \(apqn) has no pending requests"
    case .setOverride(_, driver: nil): "(an empty line) > \(path.map(\.description) ?? "")"
    default: "\(text.filter { $0 != "\n" }) > \(path.map(\.description) ?? "")"
    }
  }
}

/// Something a person should know of a plan although nothing is refused.
package enum PlanWarning: Equatable, Sendable {
  /// The host's default domain has no queue of the host any more; the default does not move by itself
  /// (`ap_select_domain` in ap_bus.c).
  case defaultDomainTaken(UInt8)
  /// The host has no CCA queue any more, and by that no random number generator of the adapters
  /// (SimulatedBus documentation, "Host use").
  case lastCCAQueueTaken
  /// These are, or will be, reserved, and no guest can use them now: deconfigured or check-stopped.
  case unusable([APQN])
  /// mdevctl's callout at this path knows masks only, and refuses to start a mediated device whose queues are
  /// reserved by overrides.
  case refusedByCallout(String)
  /// The bits of masks that apreserve has cleared are set again first; queues are reserved by overrides after that.
  case leavesMasks
  /// When the masks cannot be written to the end they cannot be set back either.
  case cannotBeUndone(mediatedDevice: String)
  /// When the masks cannot be written to the end, setting them back makes the kernel bind these unbound
  /// queues (SimulatedBus documentation, "Masks").
  case undoingBinds([APQN], to: Owner)
  /// These are on `vfio_ap` although no rule reserves them, and apreserve has not reserved them. A rule, `FILE:LINE`, may
  /// keep them for the host.
  case adopted([APQN], rule: String? = nil)
  /// The masks keep so many absent APQNs from the host that rules reserve for it.
  case keepsFromHost(Int)
  /// The definition of a mediated device at this place has this, so that it cannot be started as it is meant to be.
  case invalidDefinition(mediatedDevice: String, problem: String, place: String)
  /// Something is wrong with a guest as it is defined.
  case guest(GuestFinding)
  /// Definitions of guests cannot be read.
  case unreadableDefinitions(UnreadableDefinitions)
  /// What another tool does at the next boot.
  case nextBoot(NextBootConflict)
  /// The adapter of this number does not answer what only it knows.
  case unanswered(UInt8, UnansweredRead)
  /// Queues that this file names for the host's own use are taken from the host, and these others that it
  /// names stay.
  case namedQueuesTaken([APQN], remaining: [APQN], file: String)
  /// No queue of the host can serve the key of this file, whose master keys these are.
  case keyWithoutQueue(MasterKeyPattern, file: String)
  /// Queues have another master key than their rule expects, or than they had.
  case masterKey(KeyAlarm)
}

extension PlanWarning {
  /// Whether it is about an adapter that does not answer.
  package var isSilence: Bool {
    if case .unanswered = self { true } else { false }
  }

  /// What is wrong with master keys, if it is about them.
  package var keyAlarm: KeyAlarm? {
    if case .masterKey(let alarm) = self { alarm } else { nil }
  }

  /// What is wrong with a guest, if it is about one.
  package var guestFinding: GuestFinding? {
    if case .guest(let finding) = self { finding } else { nil }
  }

  /// Whether it is about what becomes of this queue at the next boot.
  package func isAboutNextBoot(of apqn: APQN) -> Bool {
    if case .nextBoot(let conflict) = self { conflict.apqns.contains(apqn) } else { false }
  }

  /// The queues that it names.
  package var apqns: [APQN] {
    switch self {
    case .guest(let finding): finding.missing.map { [$0] } ?? []
    case .unusable(let apqns), .undoingBinds(let apqns, _), .adopted(let apqns, _),
      .namedQueuesTaken(let apqns, _, _):
      apqns
    case .nextBoot(let conflict): conflict.apqns
    case .masterKey(let alarm): alarm.apqns
    case .defaultDomainTaken, .lastCCAQueueTaken, .refusedByCallout, .leavesMasks, .cannotBeUndone,
      .keepsFromHost, .invalidDefinition, .unreadableDefinitions, .unanswered,
      .keyWithoutQueue:
      []
    }
  }
}

extension PlanWarning: CustomStringConvertible {
  package var description: String {
    switch self {
    case .defaultDomainTaken(let domain):
      "the host's default domain 0x\(Hex.text(domain, digits: 4)) has no queue of the host then; "
        + "choose another one by writing its number to /sys/bus/ap/ap_domain"
    case .lastCCAQueueTaken:
      "the host keeps no CCA queue, and loses its random number generator with the last one"
    case .unusable(let apqns):
      "unusable for a guest now, because deconfigured or check-stopped: "
        + apqns.shortList()
    case .refusedByCallout(let path):
      "\(path) knows masks only, and refuses to start mediated devices whose queues are reserved by "
        + "driver_override; use masks, or remove it"
    case .leavesMasks:
      "the masks are set back to all ones first, and the host has what they reserve until the rules take it "
        + "again, by driver_override, right after that"
    case .cannotBeUndone(let device):
      "if not all masks can be written, they cannot be set back: mediated device \(device) "
        + "has the adapter or domain assigned"
    case .undoingBinds(let apqns, let owner):
      "if not all masks can be written, setting them back moves to \(owner.rawValue) what has "
        + "no driver now: " + apqns.shortList()
    case .adopted(let apqns, let rule?):
      "\(apqns.shortList()) \(apqns.count == 1 ? "is" : "are") on vfio_ap although \(rule) keeps "
        + (apqns.count == 1
          ? "it for the host; apreserve has not reserved it, so it does not give it back"
          : "them for the host; apreserve has not reserved them, so it does not give them back")
        + (apqns.first.map { "; \"apreserve explain \($0)\" shows how to do that by hand" } ?? "")
    case .adopted(let apqns, nil):
      apqns.count == 1
        ? "\(apqns.shortList()) is on vfio_ap although no rule reserves it; apreserve has not reserved it, "
          + "so it does not give it back"
        : "\(apqns.shortList()) are on vfio_ap although no rule reserves them; apreserve has not reserved "
          + "them, so it does not give them back"
    case .keepsFromHost(let count):
      "the masks keep \(counted(count, "absent APQN")) from the host that rules reserve for it; vfio_ap takes "
        + "\(count == 1 ? "it when it is" : "them when they are") added"
    case .invalidDefinition(let device, let problem, let place):
      "\(place): the definition of mediated device \(device) has \(problem); it cannot be started like that, "
        + "and rules with GUEST neither take nor give back what it may assign"
    case .guest(let finding): finding.description
    case .unreadableDefinitions(let unreadable):
      "\(unreadable.sentence); rules with GUEST neither take nor give back what it may be about"
    case .nextBoot(let conflict): conflict.description
    case .unanswered(let adapter, let read):
      "\(BusObject.cardName(adapter)) does not answer: \(read); queues that cannot be decided without it "
        + "stay where they are, and everything else continues"
    case .namedQueuesTaken(let apqns, let remaining, let file):
      "\(apqns.shortList()) \(apqns.count == 1 ? "is" : "are") named in \(file) for the host's own use; "
        + (remaining.isEmpty
          ? "no queue named there stays with the host"
          : "of the queues named there the host keeps \(remaining.shortList())")
    case .keyWithoutQueue(let keys, let file):
      "no queue of the host has the master key of \(file), \(keys), so that none is kept for it"
    case .masterKey(let alarm): alarm.description
    }
  }
}
