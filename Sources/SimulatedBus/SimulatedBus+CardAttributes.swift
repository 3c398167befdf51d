import APBus
import Uevents

/// The files of a card, a row each (SimulatedBus documentation, "Card attributes").
extension SimulatedBus {
  static let cardAttributes: [Attribute<CardDevice>] = [
    Attribute("hwtype", show: { _, card in .number(card.hardwareType.rawValue) }),
    Attribute("raw_hwtype", show: { _, card in .number(card.card.rawHardwareType) }),
    // The adapter reports its depth less one. Before 6.8 lszcrypt adds it again.
    Attribute("depth", show: { bus, _ in .number(bus.behavior.printsWholeDepth ? 8 : 7) }),
    Attribute("ap_functions", show: { _, card in .functions(card.card.functions) }),
    Attribute("modalias", show: { bus, card in .line(bus.modalias(of: card)) }),
    Attribute(
      "request_count", show: { _, card in .number(card.sum(of: \.total)) },
      store: { _, card, _ in
        for domain in card.domains { card.queues[Int(domain)]?.traffic.total = 0 }
      }),
    Attribute("requestq_count", show: { _, card in .number(card.sum(of: \.waiting)) }),
    Attribute("pendingq_count", show: { _, card in .number(card.sum(of: \.pending)) }),
    Attribute(
      "config", on: \.hasCardConfiguration, show: { _, card in .flag(card.isConfigured) },
      store: { (bus, card, text) throws(Errno) in
        bus.configure(card, isConfigured: try AttributeInput.flag(text, on: bus.behavior))
      }),
    Attribute(
      "chkstop", on: \.hasCheckStop, show: { _, card in .flag(card.isCheckStopped) }),
    Attribute(
      "max_msg_size", on: \.hasMessageSize,
      show: { _, card in .line(card.card.attributes["max_msg_size"] ?? "12288") }),
    Attribute(
      "uevent", show: { bus, card in bus.ueventText(card.object) },
      store: { (bus, card, text) throws(Errno) in try bus.synthesize(text, of: card.object) }),

    // Those of the card's driver.
    Attribute(
      "type", while: \.isBound,
      show: { _, card in .line(card.hardwareType.name(mode: card.card.mode)) }),
    Attribute(
      "online", while: \.isBound,
      show: { bus, card in .flag(bus.isUsable(card) && card.isSwitchedOn) },
      store: { (bus, card, text) throws(Errno) in
        let isOn = try AttributeInput.flag(text, on: bus.behavior)
        guard bus.isUsable(card) || !isOn else { throw .noSuchDevice }
        bus.switchOnline(card, isOn: isOn)
      }),
    Attribute("load", while: \.isBound, show: { _, _ in .number(0) }),
    Attribute(
      "serialnr", while: { $0.isBound && $0.card.hasMasterKeys },
      show: { _, card in .line(card.card.attributes["serialnr"]) }),
    Attribute(
      "API_ordinalnr", while: { $0.isBound && $0.card.mode == .ep11 },
      show: { _, card in .line(card.card.attributes["API_ordinalnr"]) }),
    Attribute(
      "FW_version", while: { $0.isBound && $0.card.mode == .ep11 },
      show: { _, card in .line(card.card.attributes["FW_version"]) }),
    Attribute(
      "op_modes", while: { $0.isBound && $0.card.mode == .ep11 },
      show: { _, card in .line(card.card.attributes["op_modes"]) }),
  ]

  /// Whether `online` takes a 1 of what the last scan found.
  func isUsable(_ device: Device) -> Bool {
    device.isConfigured && !(behavior.checkStopPreventsOnline && device.isCheckStopped)
  }

  /// Configures an adapter, or sets it on standby; its queues follow with the next scan (SimulatedBus
  /// documentation, "Sequences", T8).
  private func configure(_ card: CardDevice, isConfigured: Bool) {
    hardware.update(card.card.adapter) { $0.isConfigured = isConfigured }
    card.isConfigured = isConfigured
    card.queuesAreStale = true
    sendChange(of: card, key: "CONFIG", isOn: isConfigured)
  }

  /// Switches a card, and those of its host queues that are not switched so already, in the order in
  /// which they were bound.
  private func switchOnline(_ card: CardDevice, isOn: Bool) {
    card.isSwitchedOn = isOn
    sendChange(of: card, key: "ONLINE", isOn: isOn)
    let queues = card.domains.compactMap { card.queues[Int($0)] }
      .filter { $0.isHostBound && $0.hostCard === card.hostCard && $0.isSwitchedOn != isOn }
      .sorted { $0.bindNumber < $1.bindNumber }
    for queue in queues {
      queue.isSwitchedOn = isOn
      if isOn { queue.traffic.resume() } else { queue.traffic.stop() }
    }
    for queue in queues { sendChange(of: queue, key: "ONLINE", isOn: isOn) }
  }
}

extension CardDevice {
  /// A count of all its queues.
  fileprivate func sum(of count: KeyPath<QueueTraffic, UInt64>) -> UInt64 {
    domains.reduce(0) { $0 + (queues[Int($1)]?.traffic[keyPath: count] ?? 0) }
  }
}
