import APBus

/// Why a step was not done.
struct ImpossibleStep {
  /// What is wrong.
  var problem: String
  /// What the kernel answers, or would.
  var errno: Errno?

  init(problem: String, errno: Errno? = nil) {
    self.problem = problem
    self.errno = errno
  }

  /// A step on hardware that the machine does not have; nil for any other. It is a mistake of whoever
  /// wrote it, and nothing of the step is done.
  init?(_ step: ScenarioStep, on bus: SimulatedBus) {
    let problem: String?
    switch step {
    case .hardware(let change, _): problem = Self.problem(change, on: bus)
    case .busy(let apqn, _):
      problem = bus.hasDevice(of: apqn) ? nil : "there is no queue \(apqn)"
    case .load, .unload, .startGuest, .stopGuest, .pass, .scan, .write: problem = nil
    }
    guard let problem else { return nil }
    self.init(problem: problem, errno: .noSuchDevice)
  }

  private static func problem(_ change: HardwareStep, on bus: SimulatedBus) -> String? {
    switch change {
    case .plug, .addDomains, .addControlDomains: return nil
    case .unplug(let adapters): return missing(adapters, in: bus.configuredAdapters, "adapter")
    case .configure(let adapters, _), .checkStop(let adapters, _):
      return missing(adapters, in: bus.answeringAdapters, "adapter")
    case .removeDomains(let domains): return missing(domains, in: bus.usageDomains, "usage domain")
    case .removeControlDomains(let domains):
      return missing(domains, in: bus.controlDomains, "control domain")
    case .plugQueue(let apqn):
      guard !bus.answeringAdapters.contains(apqn.adapter) else { return nil }
      return "there is no adapter \(Hex.text(apqn.adapter, digits: 2)) for the queue \(apqn)"
    case .unplugQueue(let apqn):
      return bus.answeringQueues.contains(apqn) ? nil : "there is no queue \(apqn)"
    }
  }

  private static func missing(_ numbers: [UInt8], in mask: APMask, _ what: String) -> String? {
    let missing = numbers.filter { !mask.contains($0) }.map { Hex.text($0, digits: 2) }
    switch missing.count {
    case 0: return nil
    case 1: return "there is no \(what) \(missing[0])"
    default: return "there are no \(what)s \(missing.joined(separator: ","))"
    }
  }
}
