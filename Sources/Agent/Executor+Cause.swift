import APBus
import Reservation

extension Executor {
  func cause(of error: SysfsError, _ step: Step, _ inventory: Inventory) -> Failure.Cause {
    switch step {
    case .setAdapterMask, .setDomainMask:
      if error.errno == .busy {
        return .vetoed(error, mediatedDevices: holders(against: step, inventory))
      }
      return error.errno == .invalidArgument && !hasOverride
        ? .leakedOverrideCount(error) : .refused(error)
    case .setOverride(let apqn, _), .unbind(let apqn, _), .bind(let apqn, _), .probe(let apqn),
      .requireUnassigned(let apqn), .awaitIdle(let apqn), .setOnline(let apqn, _):
      // ENODEV of bind and unbind means several things; only a look tells whether the queue is there.
      let mayBeGone = [.noSuchDevice, .noSuchFile].contains(error.errno)
      if mayBeGone, (try? reader.readQueue(apqn)) == .some(nil) { return .vanished(apqn) }
      return .refused(error)
    }
  }

  /// The mediated devices that have what a refused mask would give to the host. One may have come
  /// since the plan was made, so all are read afresh; where that fails, the plan's are named.
  private func holders(against step: Step, _ inventory: Inventory) -> [String] {
    let bus = (try? reader.reread(inventory.bus)) ?? inventory.bus
    let devices = (try? reader.readMediatedDevices()) ?? inventory.mediatedDevices
    guard let current = bus.masks else { return [] }
    let target = current.applying(step)
    return devices.filter { device in
      MaskVeto(
        from: current, to: target, devices: [device], asksWide: bus.supportsOverride == true) != nil
    }.map { configuration.name(ofMediatedDevice: $0.uuid) }
  }

  /// Setting an override sends no event, so what was seen before says nothing.
  private var hasOverride: Bool {
    let inventory = try? reader.read()
    // Who cannot be asked may have one.
    return inventory?.queues.contains { $0.driverOverride != nil } ?? true
  }
}
