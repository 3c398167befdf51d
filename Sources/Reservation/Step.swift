package import APBus

/// One thing the agent does to sysfs: a single write, or a read that guards the writes after it.
package enum Step: Hashable, Sendable {
  /// Write `apmask`, whole.
  case setAdapterMask(APMask)
  /// Write `aqmask`, whole.
  case setDomainMask(APMask)
  /// Write `driver_override` of a queue; nil clears it.
  case setOverride(APQN, driver: String?)
  /// Unbind a queue from its driver.
  case unbind(APQN, from: String)
  /// Bind a queue to a driver by name.
  case bind(APQN, to: String)
  /// Let the bus find a driver for an unbound queue (`drivers_probe`).
  case probe(APQN)
  /// Read `status` and the mediated devices' matrices again; go on only if none has the queue.
  ///
  /// An override has no veto: between the plan and the write a guest can be given the queue
  /// (SimulatedBus documentation, "Overrides" and "Guests").
  case requireUnassigned(APQN)
  /// Switch a queue of the host on or off; off, it gets no new requests.
  case setOnline(APQN, Bool)
  /// Read how many requests the queue still has; go on only when there are none.
  case awaitIdle(APQN)

  /// The file that is written; nil for a step that only reads.
  package var path: SysfsPath? {
    switch self {
    case .setAdapterMask: .bus("apmask")
    case .setDomainMask: .bus("aqmask")
    case .setOverride(let apqn, _): .queue(apqn, "driver_override")
    case .unbind(_, let driver): .driver(driver, "unbind")
    case .bind(_, let driver): .driver(driver, "bind")
    case .probe: .bus("drivers_probe")
    case .setOnline(let apqn, _): .queue(apqn, "online")
    case .requireUnassigned, .awaitIdle: nil
    }
  }

  /// Whether it writes a mask.
  package var isMask: Bool {
    switch self {
    case .setAdapterMask, .setDomainMask: true
    default: false
    }
  }

  /// The text that is written.
  ///
  /// Masks are written in full, 64 digits: a short or relative text means something else to the
  /// kernel than it seems to (SimulatedBus documentation, "Mask texts").
  package var text: String {
    switch self {
    case .setAdapterMask(let mask), .setDomainMask(let mask): mask.description
    case .setOverride(_, let driver): (driver ?? "") + "\n"
    case .setOnline(_, let isOnline): isOnline ? "1" : "0"
    case .unbind(let apqn, _), .bind(let apqn, _), .probe(let apqn), .requireUnassigned(let apqn),
      .awaitIdle(let apqn):
      apqn.description
    }
  }
}

extension Step: CustomStringConvertible {
  /// The write as a person would type it, `05.0004 > /sys/bus/ap/drivers/cex4queue/unbind`.
  package var description: String {
    switch self {
    case .requireUnassigned(let apqn): "check again that no mediated device has \(apqn)"
    case .awaitIdle(let apqn): "wait until \(apqn) has no pending requests"
    case .setOverride(_, driver: nil): "(an empty line) > \(path.map(\.description) ?? "")"
    default: "\(text.filter { $0 != "\n" }) > \(path.map(\.description) ?? "")"
    }
  }
}
