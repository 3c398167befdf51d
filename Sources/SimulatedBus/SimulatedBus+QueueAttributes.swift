import APBus
import Uevents

/// The files of a queue (SimulatedBus documentation, "Queue attributes").
extension SimulatedBus {
  /// The names in a queue's directory.
  func entries(of queue: QueueDevice) -> [String] {
    guard queue.isRegistered else { return [] }
    var names = [
      "interrupt", "pendingq_count", "request_count", "requestq_count", "reset", "subsystem",
      "uevent",
    ]
    if behavior.hasPowerDirectories { names.append("power") }
    if behavior.hasQueueConfiguration { names += ["chkstop", "config"] }
    if behavior.hasLateAttributes { names.append("ap_functions") }
    if behavior.hasOverrides { names.append("driver_override") }
    guard let driver = queue.driver else { return names }
    names.append("driver")
    if driver.isDefault {
      names += ["load", "online"]
      let mode = queue.card.card.mode
      if mode == .cca || mode == .ep11 { names.append("mkvps") }
      if mode == .ep11 { names.append("op_modes") }
    } else if behavior.hasGuestMatrix {
      names.append("status")
    }
    return names
  }

  /// The text of one of them; nil for one that cannot be read.
  func text(of name: String, queue: QueueDevice) -> String? {
    guard queue.isRegistered else { return nil }
    switch name {
    case "config" where behavior.hasQueueConfiguration:
      return AttributeText.flag(queue.isConfigured)
    case "chkstop" where behavior.hasQueueConfiguration:
      return AttributeText.flag(queue.isCheckStopped)
    case "driver_override" where behavior.hasOverrides:
      return "\(queue.driverOverride ?? "")\n"
    case "request_count":
      return queue.isHostBound ? AttributeText.number(queue.traffic.total) : "-\n"
    case "requestq_count": return AttributeText.number(queue.traffic.waiting)
    case "pendingq_count": return AttributeText.number(queue.traffic.pending)
    case "interrupt": return "Interrupts disabled.\n"
    case "reset": return "No Reset Timer set.\n"
    case "ap_functions" where behavior.hasLateAttributes:
      return "0x\(Hex.text(queue.card.card.functions, digits: 8, uppercase: true))\n"
    case "uevent": return ueventText(queue.object)
    case "status": return status(of: queue)
    default: return queue.isHostBound ? hostText(of: name, queue: queue) : nil
    }
  }

  /// What the host's driver adds.
  private func hostText(of name: String, queue: QueueDevice) -> String? {
    let card = queue.card.card
    switch name {
    case "online":
      return AttributeText.flag(
        queue.isConfigured && !queue.isCheckStopped && queue.isSwitchedOn)
    case "load": return "0\n"
    case "mkvps" where card.mode == .cca || card.mode == .ep11:
      // It is asked of the adapter, which takes no requests through a queue that is switched off.
      let isAnswering = queue.isConfigured && !queue.isCheckStopped && queue.isSwitchedOn
      let keys = isAnswering ? card.masterKeys : nil
      return keys.map { "\($0)\n" } ?? AttributeText.unknownMasterKeys(mode: card.mode)
    case "op_modes" where card.mode == .ep11: return "\(card.attributes[name] ?? "")\n"
    default: return nil
    }
  }

  /// What `vfio_ap` says of a queue that it has.
  private func status(of queue: QueueDevice) -> String? {
    guard behavior.hasGuestMatrix, let matrix, queue.driver is PassthroughDriver else { return nil }
    guard let mediated = matrix.mediatedDevice(holding: queue.apqn) else { return "unassigned\n" }
    guard mediated.hasGuest,
      effectiveMatrix(of: mediated.device, in: matrix).holds(queue.apqn)
    else { return "assigned\n" }
    return "in use\n"
  }

  /// Writes one of them; false for one that cannot be written.
  func store(_ text: String, to name: String, queue: QueueDevice) throws(Errno) -> Bool {
    guard queue.isRegistered else { return false }
    switch name {
    case "request_count": queue.traffic.total = 0
    case "reset" where behavior.hasLateAttributes: break
    case "driver_override" where behavior.hasOverrides:
      if !text.isEmpty { try writeOverride(text, of: queue) }
    case "online" where queue.isHostBound:
      if !text.isEmpty { try writeOnline(text, queue: queue) }
    default: return false
    }
    return true
  }

  private func writeOnline(_ text: String, queue: QueueDevice) throws(Errno) {
    let isOn = try AttributeInput.flag(text)
    if isOn {
      guard queue.isConfigured else { throw .noSuchDevice }
      if behavior.hasQueueConfiguration {
        guard !queue.isCheckStopped, queue.card.isConfigured, !queue.card.isCheckStopped else {
          throw .noSuchDevice
        }
      }
      guard queue.card.isSwitchedOn else { throw .invalidArgument }
    }
    queue.isSwitchedOn = isOn
    if isOn { queue.traffic.resume() } else { queue.traffic.stop() }
    sendChange(queue, "ONLINE", isOn)
  }
}
