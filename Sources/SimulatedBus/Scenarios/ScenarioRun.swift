public import APBus
public import Uevents

/// A claim of a scenario that does not hold, or a step that failed.
public struct ScenarioFailure: Error, Equatable, Sendable {
  /// The scenario's name.
  public var file: String
  /// The line's number.
  public var line: Int
  /// What was claimed, and what holds.
  public var problem: String
  /// The kernel's answer to a step that failed; nil for a claim.
  public var errno: Errno?
}

extension ScenarioFailure: CustomStringConvertible {
  /// `FILE:LINE: ` and the problem.
  public var description: String { "\(file):\(line): \(problem)".printable }
}

/// A run of a scenario on a simulated bus, line by line.
///
/// The caller passes it the bus's events, so that it may be one of several listeners.
public final class ScenarioRun {
  /// The bus.
  public let bus: SimulatedBus
  private let file: String
  /// What was sent since the last step: the last of it, if there is a limit.
  private var events: [Uevent] = []
  /// How many of them are before the next that is claimed.
  private var position = 0
  /// Whether there were more, which are not known any more.
  private var isCut = false
  /// How many events are kept at least; nil for all. A bus that is mounted may send events for days without a step.
  package var eventLimit: Int?

  /// A run that has not begun.
  ///
  /// - Parameters:
  ///   - bus: The bus.
  ///   - file: The scenario's name, for messages.
  public init(on bus: SimulatedBus, file: String) {
    self.bus = bus
    self.file = file
  }

  /// Records an event, for later claims.
  ///
  /// - Parameter event: An event of the bus.
  public func take(_ event: Uevent) {
    events.append(event)
    // Not one by one, which would move all others each time.
    guard let eventLimit, events.count >= 2 * eventLimit else { return }
    let surplus = events.count - eventLimit
    events.removeFirst(surplus)
    position = max(0, position - surplus)
    isCut = true
  }

  /// Runs a line.
  ///
  /// - Parameter line: A step to take, or a claim to check.
  /// - Returns: Why it failed; nil if it did not.
  public func perform(_ line: Scenario.Line) -> ScenarioFailure? {
    let impossibility: ImpossibleStep?
    switch line.content {
    case .comment: return nil
    case .step(let step):
      events = []
      position = 0
      isCut = false
      impossibility = attempt(step)
    case .claim(let claim): impossibility = check(claim).map { ImpossibleStep(problem: $0) }
    }
    return impossibility.map {
      ScenarioFailure(file: file, line: line.number, problem: $0.problem, errno: $0.errno)
    }
  }

  /// Takes a step.
  ///
  /// - Parameter step: The step.
  /// - Returns: Why it failed; nil if it did not.
  public func perform(_ step: ScenarioStep) -> String? { attempt(step)?.problem }

  private func attempt(_ step: ScenarioStep) -> ImpossibleStep? {
    if let impossibility = ImpossibleStep(step, on: bus) { return impossibility }
    switch step {
    // The kernel does not notice it, and scans for nothing.
    case .hardware(.masterKey(let kind, let apqn, let change), _):
      return bus.changeMasterKey(kind, of: apqn, by: change).map { ImpossibleStep(problem: $0) }
    case .hardware(let change, let quietly):
      perform(change)
      if !quietly { bus.scan() }
    case .load(let module): bus.loadModule(module)
    case .unload(let module):
      return failure { () throws(Errno) in try bus.unloadModule(module) }
    case .startGuest(let uuid):
      return failure { () throws(Errno) in try bus.startGuest(uuid) }
    case .stopGuest(let uuid): bus.stopGuest(uuid)
    case .busy(let apqn, let load): bus.setLoad(load, on: apqn)
    case .pass(let count): for _ in 0..<count { bus.passTime() }
    case .scan: bus.scan()
    case .write(let text, let path, let expected):
      let outcome = outcome(ofWriting: text + "\n", to: path)
      guard outcome != expected else { return nil }
      var errno: Errno?
      if case .failure(let answer, _) = outcome { errno = answer }
      return ImpossibleStep(
        problem: "the kernel answers \(outcome), and \(expected) was expected", errno: errno)
    }
    return nil
  }

  private func failure(_ body: () throws(Errno) -> Void) -> ImpossibleStep? {
    do throws(Errno) {
      try body()
    } catch {
      return ImpossibleStep(problem: "the kernel answers \(error)", errno: error)
    }
    return nil
  }

  private func outcome(ofWriting text: String, to path: SysfsPath) -> WriteOutcome {
    do throws(SysfsError) {
      try bus.write(text, to: path)
    } catch {
      return .failure(error.errno, opening: error.operation == .open)
    }
    return .success
  }

  private func perform(_ change: HardwareStep) {
    switch change {
    case .plug(let adapters, let type, let mode):
      for adapter in adapters {
        bus.plug(
          card: SimulatedCard(adapter: adapter, hardwareType: type, mode: mode), quietly: true)
      }
    case .unplug(let adapters): for adapter in adapters { bus.unplug(card: adapter, quietly: true) }
    case .configure(let adapters, let isConfigured):
      for adapter in adapters { bus.setConfigured(card: adapter, to: isConfigured, quietly: true) }
    case .checkStop(let adapters, let isStopped):
      for adapter in adapters { bus.setCheckStopped(card: adapter, to: isStopped, quietly: true) }
    case .mute(let adapters, let isMute):
      for adapter in adapters { bus.setMute(card: adapter, to: isMute) }
    case .serialNumber(let adapter, let text): bus.setSerialNumber(text, ofCard: adapter)
    case .addDomains(let domains): for domain in domains { bus.addDomain(domain, quietly: true) }
    case .removeDomains(let domains):
      for domain in domains { bus.removeDomain(domain, quietly: true) }
    case .addControlDomains(let domains):
      for domain in domains { bus.addControlDomain(domain, quietly: true) }
    case .removeControlDomains(let domains):
      for domain in domains { bus.removeControlDomain(domain, quietly: true) }
    case .plugQueue(let apqn): bus.plugQueue(apqn, quietly: true)
    case .unplugQueue(let apqn): bus.unplugQueue(apqn, quietly: true)
    case .masterKey(let kind, let apqn, let change):
      _ = bus.changeMasterKey(kind, of: apqn, by: change)
    }
  }

  private func check(_ claim: ScenarioClaim) -> String? {
    switch claim {
    case .text(let path, let expected):
      var text = try? bus.read(path)
      if text?.hasSuffix("\n") == true { text?.removeLast() }
      return text == expected
        ? nil : "\(path) is \(Self.quoted(text)), not \(Self.quoted(expected))"
    case .driver(let apqn, let expected):
      let driver = bus.driver(of: apqn)
      return driver == expected
        ? nil : "the driver of \(apqn) is \(driver ?? "none"), not \(expected ?? "none")"
    case .event(let pattern, let properties):
      let index = events[position...].firstIndex { event in
        pattern.matches(event) && properties.allSatisfy { Self.has($0, in: event) }
      }
      guard let index else {
        return "there was no such event\(extent); there were: "
          + Self.summary(events[position...])
      }
      position = index + 1
    case .noEvent(let pattern):
      let fitting = events.filter { pattern.matches($0) }
      guard fitting.isEmpty else { return "there were: " + Self.summary(fitting[...]) }
      return isCut ? "only the last \(events.count) events since the last step are known" : nil
    }
    return nil
  }

  /// Which events a claim was compared with, if not with all since the last step.
  private var extent: String { isCut ? " among the last \(events.count)" : "" }

  private static func has(_ property: String, in event: Uevent) -> Bool {
    let key = property.prefix { $0 != "=" }
    let value = event[String(key)].map { $0.hasSuffix("\n") ? $0.dropLast() : $0[...] }
    return value == property.dropFirst(key.count + 1)
  }

  private static func quoted(_ text: String?) -> String {
    text.map { "\"\($0.replacing("\n", with: "\\n"))\"" } ?? "absent"
  }

  private static func summary(_ events: ArraySlice<Uevent>) -> String {
    guard !events.isEmpty else { return "none" }
    return events.lazy.map { "\($0.action.rawValue)@\($0.devicePath)" }.shortList()
  }
}

extension Scenario {
  /// Runs the whole scenario on a new bus, of Linux 7.2 unless the scenario names a kernel.
  ///
  /// - Returns: The failures of all lines.
  public func run() -> [ScenarioFailure] {
    run(on: SimulatedBus(behavior: behavior ?? .override72))
  }

  /// Runs the whole scenario on a bus, whose events it takes meanwhile.
  ///
  /// - Parameter bus: The bus.
  /// - Returns: The failures of all lines.
  public func run(on bus: SimulatedBus) -> [ScenarioFailure] {
    let run = ScenarioRun(on: bus, file: name)
    bus.onUevent = { run.take($0) }
    defer { bus.onUevent = nil }
    return lines.compactMap { run.perform($0) }
  }
}

/// Why a step was not taken.
struct ImpossibleStep {
  var problem: String
  /// The kernel's answer, as far as it was asked.
  var errno: Errno?

  init(problem: String, errno: Errno? = nil) {
    self.problem = problem
    self.errno = errno
  }

  /// A step on hardware that the machine does not have, or adds what it has; nil for any other. It is a mistake of
  /// the scenario, and no part of the step is taken.
  init?(_ step: ScenarioStep, on bus: SimulatedBus) {
    let problem: String?
    var errno = Errno.noSuchDevice
    switch step {
    case .hardware(.plug(let adapters, _, _), _):
      let present = adapters.first(where: bus.answeringAdapters.contains)
      problem = present.map {
        "adapter \(Hex.text($0, digits: 2)) is there already; remove it first, quietly if the kernel must not notice"
      }
      errno = .exists
    case .hardware(let change, _): problem = Self.problem(change, on: bus)
    case .busy(let apqn, _):
      problem = bus.hasDevice(of: apqn) ? nil : "there is no queue \(apqn)"
    case .load, .unload, .startGuest, .stopGuest, .pass, .scan, .write: problem = nil
    }
    guard let problem else { return nil }
    self.init(problem: problem, errno: errno)
  }

  private static func problem(_ change: HardwareStep, on bus: SimulatedBus) -> String? {
    switch change {
    case .plug, .addDomains, .addControlDomains: return nil
    case .unplug(let adapters): return missing(adapters, in: bus.configuredAdapters, "adapter")
    case .configure(let adapters, _), .checkStop(let adapters, _), .mute(let adapters, _):
      return missing(adapters, in: bus.answeringAdapters, "adapter")
    case .serialNumber(let adapter, _):
      return missing([adapter], in: bus.answeringAdapters, "adapter")
    case .removeDomains(let domains): return missing(domains, in: bus.usageDomains, "usage domain")
    case .removeControlDomains(let domains):
      return missing(domains, in: bus.controlDomains, "control domain")
    case .plugQueue(let apqn):
      guard !bus.answeringAdapters.contains(apqn.adapter) else { return nil }
      return "there is no adapter \(Hex.text(apqn.adapter, digits: 2)) for the queue \(apqn)"
    case .unplugQueue(let apqn), .masterKey(_, let apqn, _):
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
