import APBus

/// The files of `/sys/bus/ap` (SimulatedBus documentation, "Bus attributes").
extension SimulatedBus {
  /// The names of the bus's files that this kernel has.
  var busAttributes: [String] {
    var names = [
      "ap_adapter_mask", "ap_control_domain_mask", "ap_domain", "ap_interrupts",
      "ap_max_domain_id", "ap_usage_domain_mask", "config_time", "drivers_autoprobe",
      "drivers_probe", "poll_thread", "poll_timeout", "uevent",
    ]
    if behavior.hasMasks { names += ["apmask", "aqmask"] }
    if behavior.hasBusEvents { names += ["ap_max_adapter_id", "bindings", "scans"] }
    if behavior.hasOverrides { names.append("bindings_complete_count") }
    if behavior.hasLateAttributes { names.append("features") }
    return names
  }

  /// The text of one of them; nil for one that cannot be read.
  func busText(of name: String) -> String? {
    switch name {
    case "apmask" where behavior.hasMasks: "\(masks.adapters)\n"
    case "aqmask" where behavior.hasMasks: "\(masks.domains)\n"
    case "ap_adapter_mask": "\(hardware.configuredAdapters)\n"
    case "ap_usage_domain_mask": "\(hardware.usageDomains)\n"
    case "ap_control_domain_mask": "\(hardware.controlDomains)\n"
    case "ap_domain": AttributeText.number(defaultDomain.map(Int.init) ?? -1)
    case "ap_max_domain_id": "255\n"
    case "ap_max_adapter_id" where behavior.hasBusEvents: "255\n"
    case "ap_interrupts": "0\n"
    case "config_time": AttributeText.number(configTime)
    case "poll_thread": AttributeText.flag(hasPollThread)
    case "poll_timeout": AttributeText.number(pollTimeout)
    case "drivers_autoprobe": AttributeText.flag(autoprobes)
    case "scans" where behavior.hasBusEvents: AttributeText.number(scanCount)
    case "bindings" where behavior.hasBusEvents: bindings
    case "bindings_complete_count" where behavior.hasOverrides:
      AttributeText.number(completionCount)
    case "features" where behavior.hasLateAttributes: "APSC APXA\n"
    default: nil
    }
  }

  private var bindings: String {
    let isComplete = scanCount > 0 && boundCount == queueCount
    return "\(boundCount)/\(queueCount)\(isComplete ? " (complete)" : "")\n"
  }

  /// Writes one of them; false for one that cannot be written.
  func storeBus(_ text: String, to name: String) throws(Errno) -> Bool {
    switch name {
    case "apmask" where behavior.hasMasks: if !text.isEmpty { try writeMask(.adapters, text) }
    case "aqmask" where behavior.hasMasks: if !text.isEmpty { try writeMask(.domains, text) }
    case "drivers_probe": if !text.isEmpty { try rescan(text) }
    case "drivers_autoprobe": if let first = text.utf8.first { autoprobes = first != 0x30 }
    case "scans" where behavior.hasBusEvents: if !text.isEmpty, scanCount > 0 { scan() }
    case "ap_domain": if !text.isEmpty { try writeDefaultDomain(text) }
    case "config_time":
      guard !text.isEmpty else { break }
      let seconds = try AttributeInput.decimal(text)
      guard (5...120).contains(seconds) else { throw .invalidArgument }
      configTime = Int(seconds)
    case "poll_thread":
      guard !text.isEmpty else { break }
      hasPollThread =
        behavior.hasLateAttributes
        ? try AttributeInput.answer(text) : try AttributeInput.decimal(text) != 0
    case "poll_timeout":
      guard !text.isEmpty else { break }
      let nanoseconds = try AttributeInput.unsigned(text)
      guard nanoseconds <= 120_000_000_000 else { throw .invalidArgument }
      pollTimeout = nanoseconds
    default: return false
    }
    return true
  }

  private func writeDefaultDomain(_ text: String) throws(Errno) {
    guard let domain = UInt8(exactly: try AttributeInput.unsigned(text)),
      masks.domains.contains(domain)
    else { throw .invalidArgument }
    defaultDomain = domain
  }
}
