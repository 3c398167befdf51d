package import APBus

extension MaskPair {
  /// The masks after a step; one that writes no mask leaves them as they are.
  package func applying(_ step: Step) -> MaskPair {
    switch step {
    case .setAdapterMask(let mask): MaskPair(adapters: mask, domains: domains)
    case .setDomainMask(let mask): MaskPair(adapters: adapters, domains: mask)
    case .setOverride, .unbind, .bind, .probe, .requireUnassigned, .setOnline, .awaitIdle: self
    }
  }

  /// The writes that lead to `target` without moving any queue that has the same place in both: first
  /// the adapters that stay, then the domains, then the adapters that are new (SimulatedBus
  /// documentation, "Mask arithmetic").
  ///
  /// Where no adapter stays, that would be a mask of zeros on the way, which takes whatever comes. Then
  /// the domains go first; and where none of them stays either, one of the adapters of `absent`, which
  /// have neither a queue nor a mediated device, keeps the place meanwhile.
  package func steps(to target: MaskPair, absent: APMask) -> [Step] {
    let stayingAdapters = adapters.intersection(target.adapters)
    // With no domain the host's pool is empty, and stays so while the adapters change.
    let stayingDomains = domains.intersection(target.domains)
    let wouldBeEmpty = stayingAdapters.isEmpty && !adapters.isEmpty && !target.adapters.isEmpty
    var steps: [Step] = []
    if wouldBeEmpty, !stayingDomains.isEmpty || domains.isEmpty {
      if stayingDomains != domains { steps.append(.setDomainMask(stayingDomains)) }
      steps.append(.setAdapterMask(target.adapters))
      if target.domains != stayingDomains { steps.append(.setDomainMask(target.domains)) }
      return steps
    }
    var kept = stayingAdapters
    if wouldBeEmpty, !target.domains.isEmpty {
      // One that is set already, or is to be set, saves the kernel's question about a new bit.
      let standIn = [adapters, target.adapters, .all].lazy.compactMap {
        absent.intersection($0).first
      }.first
      if let standIn { kept.insert(standIn) }
    }
    if kept != adapters { steps.append(.setAdapterMask(kept)) }
    if target.domains != domains { steps.append(.setDomainMask(target.domains)) }
    if target.adapters != kept { steps.append(.setAdapterMask(target.adapters)) }
    return steps
  }
}
