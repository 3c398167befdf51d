package import APBus

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
        ? [] : device.adapters.intersection(newAdapters)
      let domains =
        device.adapters.isDisjoint(with: adaptersAsked)
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
