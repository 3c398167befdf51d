import APBus

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
