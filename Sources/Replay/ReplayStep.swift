package import APBus
package import SimulatedBus

/// One thing that happens to the simulated machine.
package enum ReplayStep: Equatable, Sendable {
  /// Something changes on the hardware's side; what belongs together is found by one scan.
  case hardware([HardwareChange])
  /// A module is loaded.
  case load(SimulatedBus.Module)
  /// A module is unloaded.
  case unload(SimulatedBus.Module)
  /// Another hand than ours does something.
  case hand(ForeignChange)
  /// The capture's author wrote a comment.
  case mark(String)
  /// A line of a scenario.
  case scenario(Scenario.Line)
}

/// A change on the hardware's side.
package enum HardwareChange: Equatable, Sendable {
  /// An adapter comes; its queues are changes of their own.
  case plug(Card)
  /// An adapter goes, with all its queues.
  case unplug(UInt8)
  /// A queue answers.
  case plugQueue(APQN)
  /// A queue answers no more.
  case unplugQueue(APQN)
  /// An adapter is configured, or set on standby.
  case configure(UInt8, Bool)
}

extension HardwareChange {
  /// The device that is changed.
  var object: BusObject {
    switch self {
    case .plug(let card): .card(card.adapter)
    case .unplug(let adapter), .configure(let adapter, _): .card(adapter)
    case .plugQueue(let apqn), .unplugQueue(let apqn): .queue(apqn)
    }
  }
}

/// What another hand than ours does to a queue or to the bus.
package enum ForeignChange: Equatable, Sendable {
  /// Takes the queue from whatever driver it has.
  case unbind(APQN)
  /// Gives the queue to a driver.
  case bind(APQN, driver: String)
  /// Switches the queue on or off.
  case online(APQN, Bool)
  /// Switches the card on or off.
  case cardOnline(UInt8, Bool)
  /// Writes `apmask`.
  case adapterMask(APMask)
  /// Writes `aqmask`.
  case domainMask(APMask)
}

extension ReplayStep: CustomStringConvertible {
  /// A few words, such as `card04 comes, 8 queues come`.
  package var description: String {
    switch self {
    case .hardware(let changes): Self.summary(of: changes)
    case .load(let module): "module \(module.rawValue) is loaded"
    case .unload(let module): "module \(module.rawValue) is unloaded"
    case .hand(let hand): "another hand \(hand)"
    case .mark(let text): text
    case .scenario(let line): line.text
    }
  }

  private static func summary(of changes: [HardwareChange]) -> String {
    var parts: [String] = []
    var came = 0
    var went = 0
    for change in changes {
      switch change {
      case .plug(let card): parts.append("\(card.name) comes")
      case .unplug(let adapter): parts.append("\(BusObject.cardName(adapter)) goes")
      case .plugQueue: came += 1
      case .unplugQueue: went += 1
      case .configure(let adapter, let isConfigured):
        parts.append(
          "\(BusObject.cardName(adapter)) is \(isConfigured ? "configured" : "deconfigured")")
      }
    }
    if came > 0 { parts.append(came == 1 ? "1 queue comes" : "\(came) queues come") }
    if went > 0 { parts.append(went == 1 ? "1 queue goes" : "\(went) queues go") }
    return parts.joined(separator: ", ")
  }
}

extension ForeignChange: CustomStringConvertible {
  /// A predicate, such as `unbinds 05.0004`.
  package var description: String {
    switch self {
    case .unbind(let apqn): "unbinds \(apqn)"
    case .bind(let apqn, let driver): "binds \(apqn) to \(driver)"
    case .online(let apqn, let isOnline): "switches \(apqn) \(isOnline ? "on" : "off")"
    case .cardOnline(let adapter, let isOnline):
      "switches \(BusObject.cardName(adapter)) \(isOnline ? "on" : "off")"
    case .adapterMask(let mask): "writes \(mask) to apmask"
    case .domainMask(let mask): "writes \(mask) to aqmask"
    }
  }
}
