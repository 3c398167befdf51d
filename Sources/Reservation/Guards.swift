package import APBus

/// Something that keeps apreserve from doing what the rules ask although the kernel would let it: each
/// guard protects someone, and each can be switched off by its name and by nothing else.
///
/// What is not here cannot be switched off: cards are never unbound, hardware that `vfio_ap` does not
/// take is never written, and the kernel's own vetoes stay the kernel's.
package enum Guard: String, CaseIterable, Hashable, Sendable {
  /// A queue that a mediated device has assigned is not taken from `vfio_ap`: its guest would lose
  /// every queue of the adapter (SimulatedBus documentation, "Guests").
  case assignedQueue = "assigned-queue"
  /// The host's last queue with a master key is not taken while the host has secure keys
  /// (SimulatedBus documentation, "Host use").
  case protectHost = "protect-host"
  /// A queue with pending requests is drained first, and left where it is when that takes too long.
  case pendingRequests = "pending-requests"
  /// A queue that another process keeps moving back is left alone.
  case fighting
  /// Overrides are not chosen while s390-tools' ap-check callout is installed: it refuses to start
  /// mediated devices whose queues are reserved by override (SimulatedBus documentation, "s390-tools").
  case callout = "ap-check"
  /// A rule set without any rule gives nothing back: most likely the files are gone, not the request.
  case emptyRules = "empty-rules"

  /// One line for a list of the guards.
  package var summary: String {
    switch self {
    case .assignedQueue: "take queues back that a mediated device has assigned"
    case .protectHost: "take the host's last queue with a master key"
    case .pendingRequests: "take queues with pending requests without draining them"
    case .fighting: "keep moving queues that another process moves back"
    case .callout: "choose overrides although ap-check is installed"
    case .emptyRules: "give everything back when there are no rules at all"
    }
  }
}

/// How careful apreserve is; what an administrator can set.
package struct GuardPolicy: Equatable, Sendable {
  /// When the host's last queue with a master key is protected.
  package enum HostProtection: String, CaseIterable, Sendable {
    /// While the host has secure keys.
    case auto
    /// Always.
    case yes
    /// Never.
    case no
  }

  /// When the host's last queue with a master key is protected.
  package var protectHost: HostProtection
  /// How long a queue may take to finish its pending requests before it is left where it is.
  package var drainLimit: Duration
  /// How often another process may move a queue back within `fightInterval` before it is left alone.
  package var fightLimit: Int
  /// The time in which such moves count.
  package var fightInterval: Duration
  /// Guards that are switched off.
  package var forced: Set<Guard>

  /// The defaults, unless given.
  package init(
    protectHost: HostProtection = .auto, drainLimit: Duration = .seconds(10), fightLimit: Int = 3,
    fightInterval: Duration = .seconds(60), forced: Set<Guard> = []
  ) {
    self.protectHost = protectHost
    self.drainLimit = drainLimit
    self.fightLimit = fightLimit
    self.fightInterval = fightInterval
    self.forced = forced
  }
}

/// Finds the queues that a plan must leave to the host so that its secure keys stay usable.
///
/// A queue may be taken when another one of the same mode and the same master keys stays with the host
/// and is usable there. One whose master keys cannot be read may hold the only ones, and is never
/// taken; an accelerator, and a queue without a valid master key, holds none (SimulatedBus
/// documentation, "Host use").
package struct HostProtection {
  private struct Kind: Hashable {
    let mode: QueueMode?
    let keys: MasterKeyPattern
  }

  private let inventory: Inventory
  private var queues: [Kind: [Queue]] = [:]
  private var kinds: [APQN: Kind] = [:]
  private var unknown: [APQN] = []

  /// What there is to protect on a machine whose queues show their master keys.
  package init(_ inventory: Inventory) {
    self.inventory = inventory
    for card in inventory.cards {
      guard card.mode != .accelerator else { continue }
      for queue in inventory.queues(ofCard: card.adapter) where queue.owner == .host {
        guard let keys = queue.masterKeys else {
          unknown.append(queue.apqn)
          continue
        }
        guard !keys.registers.isEmpty else { continue }
        let kind = Kind(mode: card.mode, keys: keys)
        queues[kind, default: []].append(queue)
        kinds[queue.apqn] = kind
      }
    }
  }

  /// Queues that the host gets when its driver is loaded, which must stay because until then nothing shows
  /// their master keys: as in an initrd, before udev has loaded anything. Those of `ownership` have left
  /// the host already.
  static func beforeDrivers(on inventory: Inventory, ownership: Ownership) -> [APQN] {
    guard !inventory.bus.hasDriver(DriverName.cex4queue) else { return [] }
    return inventory.cards.flatMap { card -> [APQN] in
      guard card.mode != .accelerator, card.hardwareType.isReservable else { return [] }
      return inventory.queues(ofCard: card.adapter).filter { queue in
        queue.owner == .none && queue.masterKeys == nil
          && queue.driverOverride != DriverName.vfioAP
          && inventory.bus.masks?.isInHostPool(queue.apqn) != false
          && !ownership.covers(queue.apqn, under: inventory.bus)
      }.map(\.apqn)
    }
  }

  /// The queues of `changes` that must stay, each with the reason.
  ///
  /// Of several that could stay, one that no rule asked for stays rather than one that a rule wants,
  /// and else the last: what rules want is fulfilled in the order of the queues.
  func protected(from changes: [OwnerChange]) -> [APQN: Refusal.Reason] {
    var causes: [APQN: OwnerChange.Cause] = [:]
    for change in changes where change.to != .host {
      causes[change.apqn] = change.cause
    }
    var protected: [APQN: Refusal.Reason] = [:]
    for apqn in unknown where causes[apqn] != nil { protected[apqn] = .masterKeysUnknown }
    for (kind, queues) in queues {
      let taken = queues.filter { causes[$0.apqn] != nil }
      guard !queues.contains(where: { causes[$0.apqn] == nil && isUsable($0) }) else { continue }
      let usable = taken.filter(isUsable)
      let reason = Refusal.Reason.lastWithMasterKeys(kind.mode, kind.keys)
      guard let last = usable.last(where: { causes[$0.apqn] != .wanted }) ?? usable.last else {
        // None is usable now, so which one will be first is unknown.
        for queue in taken { protected[queue.apqn] = reason }
        continue
      }
      protected[last.apqn] = reason
    }
    return protected
  }

  /// For each kind of key that some queue of `taken` has: the host's other queues of that kind that stay,
  /// of which one must be usable. `leaving` are all queues that leave the host.
  package func substitutes(for taken: [APQN], leaving: Set<APQN>) -> [[APQN]] {
    let kinds = Set(taken.compactMap { self.kinds[$0] })
    return kinds.map { kind in
      (queues[kind] ?? []).lazy.map(\.apqn).filter { !leaving.contains($0) }
    }
  }

  private func isUsable(_ queue: Queue) -> Bool {
    queue.isUsable(on: inventory.card(queue.apqn.adapter))
  }
}

/// What the kernel does not let masks give to the host because of mediated devices
/// (SimulatedBus documentation, "Masks").
///
/// The older question is put to the masks of each write: is a device assigned a newly set bit together
/// with a bit that is set in the other mask? What a device has is outside the host's pool, or it could
/// not have been assigned. So along `MaskPair.steps(to:absent:)` there is a veto just where some APQN of a
/// device's matrix, here or not, is in the new pool. Newer kernels ask about the new bit alone.
struct MediatedDeviceHold {
  /// APQNs that must stay outside the host's pool.
  private(set) var matrix = APQNSet()
  /// Bits that cannot be set.
  private(set) var bits = MaskPair(adapters: [], domains: [])
  private let devices: [MediatedDevice]
  private let configuration: HostConfiguration

  /// `masks` are those of now; `configuration` knows the devices' names.
  init(on inventory: Inventory, masks: MaskPair, configuration: HostConfiguration) {
    self.configuration = configuration
    // A device without adapters or without domains has no queue and holds up nothing.
    devices = inventory.mediatedDevices.filter { !$0.adapters.isEmpty && !$0.domains.isEmpty }
    for device in devices {
      if inventory.bus.supportsOverride == true {
        bits.adapters.formUnion(device.adapters.subtracting(masks.adapters))
        bits.domains.formUnion(device.domains.subtracting(masks.domains))
      } else {
        // What is in the host's pool in spite of being assigned needs no new bit to stay there.
        for adapter in device.adapters {
          matrix[adapter].formUnion(device.domains.subtracting(masks.hostDomains(of: adapter)))
        }
      }
    }
  }

  /// Why a queue cannot be given back at all, if so.
  func refusal(toGiveBack apqn: APQN) -> Refusal.Reason? {
    let adapter = bits.adapters.contains(apqn.adapter) ? apqn.adapter : nil
    let domain = bits.domains.contains(apqn.domain) ? apqn.domain : nil
    guard adapter != nil || domain != nil else { return nil }
    let holder = devices.first { device in
      adapter.map(device.adapters.contains) == true || domain.map(device.domains.contains) == true
    }
    return holder.map(veto)
  }

  /// Why an APQN cannot be let into the host's pool together with what is there, if so.
  func refusal(toTake apqn: APQN) -> Refusal.Reason? {
    guard matrix.contains(apqn) else { return nil }
    return devices.first { $0.holds(apqn) }.map(veto)
  }

  private func veto(by device: MediatedDevice) -> Refusal.Reason {
    .vetoed(mediatedDevice: configuration.name(ofMediatedDevice: device.uuid))
  }
}
