import APBus

/// The files of `/sys/bus/ap`, of a driver, of the root device and of a module, a row each (SimulatedBus
/// documentation, "Bus attributes").
extension SimulatedBus {
  static let busAttributes: [Attribute<Void>] = [
    Attribute(
      "apmask", on: \.hasMasks, show: { bus, _ in "\(bus.masks.adapters)\n" },
      store: { (bus, _, text) throws(Errno) in try bus.write(text, toMask: .adapters) }),
    Attribute(
      "aqmask", on: \.hasMasks, show: { bus, _ in "\(bus.masks.domains)\n" },
      store: { (bus, _, text) throws(Errno) in try bus.write(text, toMask: .domains) }),
    Attribute("ap_adapter_mask", show: { bus, _ in "\(bus.hardware.configuredAdapters)\n" }),
    Attribute("ap_usage_domain_mask", show: { bus, _ in "\(bus.hardware.usageDomains)\n" }),
    Attribute("ap_control_domain_mask", show: { bus, _ in "\(bus.hardware.controlDomains)\n" }),
    Attribute(
      "ap_domain", show: { bus, _ in .number(bus.defaultDomain.map(Int.init) ?? -1) },
      store: { (bus, _, text) throws(Errno) in try bus.writeDefaultDomain(text) }),
    Attribute("ap_max_domain_id", show: { _, _ in .number(UInt8.max) }),
    Attribute(
      "ap_max_adapter_id", on: \.hasAdapterLimit, show: { _, _ in .number(UInt8.max) }),
    Attribute("ap_interrupts", show: { _, _ in .flag(false) }),
    Attribute(
      "config_time", show: { bus, _ in .number(bus.configTime) },
      store: { (bus, _, text) throws(Errno) in
        let seconds = try AttributeInput.decimal(text, on: bus.behavior)
        guard (5...120).contains(seconds) else { throw .invalidArgument }
        bus.configTime = Int(seconds)
      }),
    Attribute(
      "poll_thread", show: { bus, _ in .flag(bus.hasPollThread) },
      store: { (bus, _, text) throws(Errno) in
        bus.hasPollThread =
          bus.behavior.readsNumbersStrictly
          ? try AttributeInput.truth(text, on: bus.behavior)
          : try AttributeInput.decimal(text, on: bus.behavior) != 0
      }),
    Attribute(
      "poll_timeout", show: { bus, _ in .number(bus.pollTimeout) },
      store: { (bus, _, text) throws(Errno) in
        let isStrict = bus.behavior.readsNumbersStrictly
        let nanoseconds =
          isStrict
          ? try AttributeInput.unsigned(text)
          : try AttributeInput.unsignedDecimal(text, on: bus.behavior)
        guard nanoseconds <= 120_000_000_000, isStrict || nanoseconds > 0 else {
          throw .invalidArgument
        }
        bus.pollTimeout = nanoseconds
      }),
    Attribute(
      "scans", on: \.hasScanCounters, show: { bus, _ in .number(bus.scanCount) },
      store: { bus, _, _ in if bus.scanCount > 0 { bus.scan() } }),
    Attribute("bindings", on: \.hasScanCounters, show: { bus, _ in bus.bindings }),
    Attribute(
      "bindings_complete_count", on: \.hasOverrides,
      show: { bus, _ in .number(bus.completionCount) }),
    Attribute("features", on: \.hasBusFeatures, show: { _, _ in "APSC APXA\n" }),
    Attribute(
      "drivers_autoprobe", show: { bus, _ in .flag(bus.autoprobes) },
      store: { bus, _, text in bus.autoprobes = text.utf8.first != UInt8(ascii: "0") }),
    Attribute(
      "drivers_probe", store: { (bus, _, text) throws(Errno) in try bus.rescan(text) }),
    Attribute(
      "uevent", store: { (bus, _, text) throws(Errno) in try bus.synthesize(text, of: .bus) }),
  ]

  static let driverAttributes: [Attribute<any Driver>] = [
    Attribute(
      "bind", store: { (bus, driver, text) throws(Errno) in try bus.bind(text, to: driver) }),
    Attribute(
      "unbind", store: { (bus, driver, text) throws(Errno) in try bus.unbind(text, from: driver) }),
    Attribute(
      "uevent",
      store: { (bus, driver, text) throws(Errno) in
        try bus.synthesize(text, of: .driver(driver.name))
      }),
  ]

  /// Of both root devices, `/sys/devices/ap` and `/sys/devices/vfio_ap`.
  static let rootAttributes: [Attribute<BusObject>] = [
    Attribute(
      "uevent", show: { bus, object in bus.ueventText(object) },
      store: { (bus, object, text) throws(Errno) in try bus.synthesize(text, of: object) })
  ]

  static let moduleAttributes: [Attribute<Module>] = [
    Attribute("initstate", show: { _, _ in "live\n" }),
    Attribute("refcnt", show: { bus, module in .number(bus.userCount(of: module)) }),
    Attribute(
      "uevent",
      store: { (bus, module, text) throws(Errno) in
        try bus.synthesize(text, of: .module(module.rawValue))
      }),
  ]

  private var bindings: String {
    let isComplete = scanCount > 0 && boundCount == queueCount
    return "\(boundCount)/\(queueCount)\(isComplete ? " (complete)" : "")\n"
  }

  private func writeDefaultDomain(_ text: String) throws(Errno) {
    guard let domain = UInt8(exactly: try AttributeInput.integer(text, on: behavior)),
      masks.domains.contains(domain)
    else { throw .invalidArgument }
    defaultDomain = domain
  }

  /// How many users a module has: guests with an open mediated device.
  private func userCount(of module: Module) -> Int {
    guard module == .vfioAP, let matrix else { return 0 }
    return matrix.mediatedDevices.values.count(where: \.hasGuest)
  }
}
