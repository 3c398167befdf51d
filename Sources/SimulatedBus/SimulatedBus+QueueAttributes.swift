import APBus
import Uevents

/// The files of a queue, a row each (SimulatedBus documentation, "Queue attributes").
extension SimulatedBus {
  static let queueAttributes: [Attribute<QueueDevice>] = [
    Attribute(
      "request_count",
      show: { _, queue in queue.isInitialised ? .number(queue.traffic.total) : "-\n" },
      store: { _, queue, _ in queue.traffic.total = 0 }),
    Attribute("requestq_count", show: { _, queue in .number(queue.traffic.waiting) }),
    Attribute("pendingq_count", show: { _, queue in .number(queue.traffic.pending) }),
    Attribute("interrupt", show: { _, _ in "Interrupts disabled.\n" }),
    Attribute(
      "reset",
      show: { _, queue in queue.isReset ? "No Reset Timer set.\n" : "Reset in progress.\n" },
      store: { _, queue, _ in if queue.isBound { queue.isReset = true } }),
    Attribute(
      "config", on: \.hasQueueConfiguration, show: { _, queue in .flag(queue.isConfigured) }),
    Attribute(
      "chkstop", on: { $0.hasQueueConfiguration && $0.hasCheckStop },
      show: { _, queue in .flag(queue.isCheckStopped) }),
    Attribute(
      "ap_functions", on: \.hasQueueFunctions,
      show: { _, queue in .functions(queue.card.card.functions) }),
    Attribute(
      "driver_override", on: \.hasOverrides, show: { _, queue in .line(queue.driverOverride) },
      store: { (bus, queue, text) throws(Errno) in try bus.writeOverride(text, of: queue) }),
    Attribute(
      "uevent", show: { bus, queue in bus.ueventText(queue.object) },
      store: { (bus, queue, text) throws(Errno) in try bus.synthesize(text, of: queue.object) }),

    // Those of `cex4queue`.
    Attribute(
      "online", while: \.isHostBound,
      show: { bus, queue in .flag(bus.isUsable(queue) && queue.isSwitchedOn) },
      store: { (bus, queue, text) throws(Errno) in
        try bus.switchOnline(queue, isOn: try AttributeInput.flag(text, on: bus.behavior))
      }),
    Attribute("load", while: \.isHostBound, show: { _, _ in .number(0) }),
    Attribute(
      "mkvps", while: { $0.isHostBound && $0.card.card.hasMasterKeys },
      show: { _, queue in queue.masterKeys }),
    Attribute(
      "op_modes", while: { $0.isHostBound && $0.card.card.mode == .ep11 },
      show: { _, queue in .line(queue.card.card.attributes["op_modes"]) }),

    // That of `vfio_ap`.
    Attribute(
      "status", on: \.hasGuestMatrix, while: { $0.driver is PassthroughDriver },
      show: { bus, queue in bus.status(of: queue) }),
  ]

  /// What `vfio_ap` reports of a queue that it has.
  private func status(of queue: QueueDevice) -> String {
    guard let matrix, let mediated = matrix.mediatedDevice(holding: queue.apqn) else {
      return "unassigned\n"
    }
    return mediated.hasGuest && mediated.guestMatrix.holds(queue.apqn)
      ? "in use\n" : "assigned\n"
  }

  private func switchOnline(_ queue: QueueDevice, isOn: Bool) throws(Errno) {
    if isOn {
      guard isUsable(queue), !behavior.hasQueueConfiguration || isUsable(queue.card) else {
        throw .noSuchDevice
      }
      guard queue.hostCard?.isSwitchedOn == true else { throw .invalidArgument }
    }
    queue.isSwitchedOn = isOn
    if isOn { queue.traffic.resume() } else { queue.traffic.stop() }
    sendChange(of: queue, key: "ONLINE", isOn: isOn)
  }
}

extension QueueDevice {
  /// Whether it answers requests.
  fileprivate var isOnline: Bool { isConfigured && !isCheckStopped && isSwitchedOn }

  /// The adapter is asked for them, which answers nothing while the queue takes no requests
  /// (`cca_mkvps_show`, `ep11_mkvps_show`).
  fileprivate var masterKeys: String {
    if isOnline, card.card.domainRegisters[apqn.domain] == nil, let keys = card.card.masterKeys {
      return .line(keys)
    }
    if isOnline, let registers = card.card.registers(ofDomain: apqn.domain) {
      return registers.attributeText(mode: card.card.mode)
    }
    if card.card.mode == .ep11 { return "WK CUR: -\nWK NEW: -\n" }
    return ["AES", "APKA"].reduce(into: "") { text, key in
      for state in ["NEW", "CUR", "OLD"] { text += "\(key) \(state): - -\n" }
    }
  }
}
