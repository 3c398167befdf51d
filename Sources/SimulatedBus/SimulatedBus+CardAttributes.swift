import APBus
import Uevents

/// The files of a card (SimulatedBus documentation, "Card attributes").
extension SimulatedBus {
  /// The names in a card's directory.
  func entries(of card: CardDevice) -> [String] {
    guard card.isRegistered else { return [] }
    var names = [
      "ap_functions", "depth", "hwtype", "modalias", "pendingq_count", "raw_hwtype",
      "request_count", "requestq_count", "subsystem", "uevent",
    ]
    if behavior.hasCardConfiguration { names += ["chkstop", "config", "max_msg_size"] }
    if behavior.hasPowerDirectories { names.append("power") }
    if card.driver != nil {
      names += ["driver", "load", "online", "type"]
      switch card.card.mode {
      case .cca: names.append("serialnr")
      case .ep11: names += ["API_ordinalnr", "FW_version", "op_modes", "serialnr"]
      case .accelerator, nil: break
      }
    }
    for domain in card.domains {
      names.append("\(APQN(adapter: card.card.adapter, domain: domain))")
    }
    return names
  }

  /// The text of one of them; nil for one that cannot be read.
  func text(of name: String, card: CardDevice) -> String? {
    guard card.isRegistered else { return nil }
    switch name {
    case "hwtype": return AttributeText.number(card.hardwareType.rawValue)
    case "raw_hwtype": return AttributeText.number(card.card.rawHardwareType)
    case "ap_functions": return "0x\(Hex.text(card.card.functions, digits: 8, uppercase: true))\n"
    case "config" where behavior.hasCardConfiguration:
      return AttributeText.flag(card.isConfigured)
    case "chkstop" where behavior.hasCardConfiguration:
      return AttributeText.flag(card.isCheckStopped)
    // The adapter tells its depth less one, and lszcrypt adds it again.
    case "depth": return "7\n"
    case "max_msg_size" where behavior.hasCardConfiguration:
      return "\(card.card.attributes[name] ?? "12288")\n"
    case "modalias": return modalias(of: card) + "\n"
    case "request_count": return AttributeText.number(sum(of: \.total, card))
    case "requestq_count": return AttributeText.number(sum(of: \.waiting, card))
    case "pendingq_count": return AttributeText.number(sum(of: \.pending, card))
    case "uevent": return ueventText(card.object)
    default: return card.driver == nil ? nil : boundText(of: name, card: card)
    }
  }

  private func sum(of count: KeyPath<QueueTraffic, UInt64>, _ card: CardDevice) -> UInt64 {
    card.domains.reduce(0) { $0 + (card.queues[Int($1)]?.traffic[keyPath: count] ?? 0) }
  }

  /// What the card's driver adds.
  private func boundText(of name: String, card: CardDevice) -> String? {
    switch name {
    case "type": "\(card.hardwareType.name(mode: card.card.mode) ?? "")\n"
    case "online": AttributeText.flag(card.isConfigured && card.isSwitchedOn)
    case "load": "0\n"
    case "serialnr" where card.card.mode == .cca || card.card.mode == .ep11,
      "API_ordinalnr" where card.card.mode == .ep11,
      "FW_version" where card.card.mode == .ep11,
      "op_modes" where card.card.mode == .ep11:
      "\(card.card.attributes[name] ?? "")\n"
    default: nil
    }
  }

  /// Writes one of them; false for one that cannot be written.
  func store(_ text: String, to name: String, card: CardDevice) throws(Errno) -> Bool {
    guard card.isRegistered else { return false }
    switch name {
    case "request_count":
      for domain in card.domains { card.queues[Int(domain)]?.traffic.total = 0 }
    case "config" where behavior.hasCardConfiguration:
      guard !text.isEmpty else { break }
      let isConfigured = try AttributeInput.flag(text)
      hardware.update(card.card.adapter) { $0.isConfigured = isConfigured }
      card.isConfigured = isConfigured
      // The queues' turn comes with the next scan (SimulatedBus documentation, "Sequences").
      card.queuesAreStale = true
      sendChange(card, "CONFIG", isConfigured)
    case "online" where card.driver != nil:
      guard !text.isEmpty else { break }
      let isOn = try AttributeInput.flag(text)
      guard card.isConfigured || !isOn else { throw .noSuchDevice }
      switchOnline(card, isOn)
    default: return false
    }
    return true
  }

  /// Switches a card and those of its host queues that are not so already, in the order in which they
  /// were bound.
  private func switchOnline(_ card: CardDevice, _ isOn: Bool) {
    card.isSwitchedOn = isOn
    sendChange(card, "ONLINE", isOn)
    let queues = card.domains.compactMap { card.queues[Int($0)] }
      .filter { $0.isHostBound && $0.isSwitchedOn != isOn }
      .sorted { $0.bindNumber < $1.bindNumber }
    for queue in queues {
      queue.isSwitchedOn = isOn
      if isOn { queue.traffic.resume() } else { queue.traffic.stop() }
    }
    for queue in queues { sendChange(queue, "ONLINE", isOn) }
  }
}
