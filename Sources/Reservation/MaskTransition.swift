package import APBus

/// A change of masks write by write, with what the kernel makes of each queue: on the way, and when a
/// later write fails and the first ones are set back.
struct MaskTransition {
  let current: MaskPair
  let target: MaskPair
  /// The writes.
  let steps: [Step]
  /// The masks after each write.
  let reached: [MaskPair]
  /// For each write but the last, the masks on the way there and back again.
  private let thereAndBack: [[MaskPair]]
  private let inventory: Inventory
  /// To whom the kernel gives a queue inside the host's pool, and outside.
  private let inside: Owner
  private let outside: Owner

  init(from current: MaskPair, to target: MaskPair, on inventory: Inventory) {
    self.current = current
    self.target = target
    self.inventory = inventory
    inside = inventory.bus.hasDriver(DriverName.cex4queue) ? .host : .none
    outside = inventory.bus.hasDriver(DriverName.vfioAP) ? .vfioAP : .none
    steps = current.steps(to: target, absent: Self.absentAdapters(on: inventory))
    var reached: [MaskPair] = []
    for step in steps { reached.append((reached.last ?? current).applying(step)) }
    self.reached = reached
    thereAndBack = reached.indices.dropLast().map { last in
      let way = reached[...last]
      return way + way.dropLast().reversed() + [current]
    }
  }

  /// Adapters that are absent and that no mediated device has with a domain.
  private static func absentAdapters(on inventory: Inventory) -> APMask {
    inventory.mediatedDevices.filter { !$0.domains.isEmpty }.reduce(inventory.adapters.complement) {
      $0.subtracting($1.adapters)
    }
  }

  /// Who has a queue once all masks are written.
  func owner(of queue: Queue) -> Owner { owners(of: queue, along: reached).last ?? queue.owner }

  /// Who else can have a queue when the first masks have to be set back: one at most, since all ways end with
  /// the masks of now.
  func ownersByUndoing(_ queue: Queue) -> Set<Owner> {
    Set(thereAndBack.compactMap { owners(of: queue, along: $0).last })
      .subtracting([queue.owner, owner(of: queue)])
  }

  /// Whether the kernel binds a queue to the host at some moment.
  func bindsToHost(_ queue: Queue) -> Bool {
    ([reached] + thereAndBack).contains { way in
      let owners = [queue.owner] + owners(of: queue, along: way)
      return zip(owners, owners.dropFirst()).contains { $0 != .host && $1 == .host }
    }
  }

  /// A queue that the host has or gets, where some write makes a mask of zeros: that takes everything from
  /// the host, present and future.
  var takenByZeros: APQN? {
    guard steps.contains(where: \.clearsMask) else { return nil }
    return inventory.queues.first { owner(of: $0) == .host }?.apqn
  }

  /// The kernel checks every queue after each write: it moves one whose driver is not of its pool, and
  /// binds an unbound one in the host's pool (`__ap_revise_reserved`, 6.1). What drivers hardware below
  /// type 10 finds depends on the kernel.
  private func owners(of queue: Queue, along way: [MaskPair]) -> [Owner] {
    let isReservable = inventory.card(queue.apqn.adapter)?.hardwareType.isReservable == true
    var owner = queue.owner
    return way.map { masks in
      switch (owner, masks.isInHostPool(queue.apqn)) {
      case (.host, false): owner = isReservable ? outside : .none
      case (.vfioAP, true): owner = inside
      case (.none, true) where isReservable: owner = inside
      default: break
      }
      return owner
    }
  }
}

extension Step {
  /// Whether it writes a mask without any bit.
  fileprivate var clearsMask: Bool {
    switch self {
    case .setAdapterMask(let mask), .setDomainMask(let mask): mask.isEmpty
    default: false
    }
  }
}

/// What the kernel refuses of a change of masks: bits that give to the host what a mediated device has
/// assigned (SimulatedBus documentation, "Masks").
package struct MaskVeto: Equatable, Sendable {
  /// New bits of `apmask` that are refused.
  package var adapters: APMask
  /// New bits of `aqmask` that are refused.
  package var domains: APMask
  /// The mediated device that keeps the masks from being set.
  package var holder: String

  /// The first veto against going from one pair of masks to another by `MaskPair.steps(to:absent:)`; nil
  /// where none is to be expected.
  ///
  /// `asksWide` says that the kernel asks for the new bits alone, whatever the other mask is, as
  /// kernels with `driver_override` do. The older question is put to the masks of each step.
  package init?(
    from current: MaskPair, to target: MaskPair, devices: [MediatedDevice], asksWide: Bool
  ) {
    let newAdapters = target.adapters.subtracting(current.adapters)
    let newDomains = target.domains.subtracting(current.domains)
    let domainsAsked = asksWide ? .all : target.domains
    let adaptersAsked = asksWide ? .all : current.adapters.intersection(target.adapters)
    for device in devices {
      let adapters =
        device.domains.isDisjoint(with: domainsAsked)
        ? [] : device.possibleAdapters.intersection(newAdapters)
      let domains =
        device.possibleAdapters.isDisjoint(with: adaptersAsked)
        ? [] : device.domains.intersection(newDomains)
      guard !adapters.isEmpty || !domains.isEmpty else { continue }
      self.adapters = adapters
      self.domains = domains
      holder = device.uuid
      return
    }
    return nil
  }

  /// The veto that undoing a change of masks would meet, at whichever of its steps it has to stop.
  static func againstUndoing(
    _ transition: MaskTransition, devices: [MediatedDevice], asksWide: Bool
  ) -> MaskVeto? {
    for reached in transition.reached {
      let veto = MaskVeto(
        from: reached, to: transition.current, devices: devices, asksWide: asksWide)
      if let veto { return veto }
    }
    return nil
  }
}
