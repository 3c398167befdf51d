public import APBus
public import Uevents

/// Stands between a simulated bus and the program under test, and lets calls and events go wrong by a
/// plan.
///
/// Every call has an index, so that a test can first run undisturbed, count the calls, and then run once
/// for each of them with that one failing.
public final class FaultInjector: Sysfs {
  /// The bus behind it, which is always right.
  public let bus: SimulatedBus
  /// What goes wrong. Setting it begins to count anew, faults and calls.
  public var plan: FaultPlan {
    didSet { restart() }
  }
  /// Called before each call.
  public var onCall: ((SysfsCall) -> Void)?
  /// Called when a fault strikes a call, before it has its effect.
  public var onFault: ((SysfsCall, CallEffect) -> Void)?
  /// Called in place of a pause, while the call waits. What is done to the bus in it happens meanwhile.
  public var onDelay: ((SysfsCall, Duration) -> Void)?
  /// Called for every event that arrives.
  public var onUevent: ((Uevent) -> Void)?
  /// Called once for each overrun: events were lost.
  public var onOverrun: (() -> Void)?

  /// How many calls there have been; the index of the last one.
  public private(set) var callCount: UInt64 = 0
  /// How many events the bus has sent.
  public internal(set) var eventCount: UInt64 = 0

  var progress: [FaultProgress] = []
  /// Events that wait, and how many others they let pass.
  var postponed: [(event: Uevent, count: UInt64)] = []
  /// How many events an overrun takes still.
  var overrunLeft: UInt64 = 0

  /// Takes the place of the bus, and the bus's own outlet of events.
  public init(_ bus: SimulatedBus, plan: FaultPlan = FaultPlan()) {
    self.bus = bus
    self.plan = plan
    restart()
    bus.onUevent = { [weak self] in self?.receive($0) }
  }

  private func restart() {
    callCount = 0
    eventCount = 0
    overrunLeft = 0
    progress = plan.faults.indices.map { FaultProgress(seed: plan.seed, index: $0) }
  }

  /// The faults that have not struck yet, by their place in the plan. A test whose fault never strikes
  /// tests nothing.
  public var pendingFaults: [Int] {
    progress.indices.filter { progress[$0].strikes == 0 }
  }

  /// The text of an attribute.
  public func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try read(paused(admit(.read, path)))
  }

  /// Writes an attribute.
  public func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    try write(paused(admit(.write, path, text: text)))
  }

  /// The last component of a link's target.
  public func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try perform(paused(admit(.readLink, path))) { (text) throws(SysfsError) in
      if let text { return text }
      return try self.bus.readLink(path)
    }
  }

  /// The names in a directory.
  public func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try perform(paused(admit(.list, path))) { (text) throws(SysfsError) in
      if let text { return text.split(separator: " ").map { String($0) } }
      return try self.bus.list(path)
    }
  }

  /// Counts a call that comes in, and chooses the fault that strikes it. Who can let a call wait, and do
  /// others meanwhile, does it with this and then `read` or `write` of what was admitted; `onDelay` is
  /// not told of its pause.
  package func admit(
    _ operation: SysfsError.Operation, _ path: SysfsPath, text: String? = nil
  ) -> AdmittedCall {
    callCount += 1
    let call = SysfsCall(index: callCount, operation, path, text: text)
    onCall?(call)
    let effect = effect(on: call)
    if let effect { onFault?(call, effect) }
    return AdmittedCall(call: call, effect: effect)
  }

  /// Does a read that was admitted.
  package func read(_ admitted: AdmittedCall) throws(SysfsError) -> String {
    try perform(admitted) { (text) throws(SysfsError) in
      if let text { return text }
      return try self.bus.read(admitted.call.path)
    }
  }

  /// Does a write that was admitted.
  package func write(_ admitted: AdmittedCall) throws(SysfsError) {
    try perform(admitted) { (answer) throws(SysfsError) in
      guard answer == nil else { return }
      try self.bus.write(admitted.call.text ?? "", to: admitted.call.path)
    }
  }

  /// The call itself; whoever stands in for time has been told of its pause.
  private func paused(_ admitted: AdmittedCall) -> AdmittedCall {
    if let pause = admitted.pause { onDelay?(admitted.call, pause) }
    return admitted
  }

  /// Does a call as the plan has it; `body` is given what to answer in the kernel's place, if anything.
  private func perform<Result>(
    _ admitted: AdmittedCall, _ body: (String?) throws(SysfsError) -> Result
  ) throws(SysfsError) -> Result {
    let call = admitted.call
    guard let effect = admitted.effect else { return try body(nil) }
    switch effect {
    case .fail(let errno): throw Self.error(of: call, errno)
    case .ignore: return try body("")
    case .answer(let answer): return try body(answer)
    case .delay: return try body(nil)
    case .vanish(let moment), .replace(let moment):
      var isReplaced = false
      if case .replace = effect { isReplaced = true }
      guard moment != .after else {
        defer { bus.lose(call.device, isReplaced: isReplaced) }
        return try body(nil)
      }
      bus.lose(call.device, isReplaced: isReplaced)
      guard moment == .before || call.device != call.path.object else {
        throw SysfsError(call.operation, call.path, text: call.text, errno: .noSuchDevice)
      }
      return try body(nil)
    }
  }

  private func effect(on call: SysfsCall) -> CallEffect? {
    var struck: CallEffect?
    for (index, fault) in plan.faults.enumerated() {
      guard case .call(let pattern, let occurrence, let effect) = fault, pattern.matches(call),
        progress[index].count(occurrence), struck == nil
      else { continue }
      progress[index].strike()
      struck = effect
    }
    return struck
  }

  /// The error as the call's own: what a file's name or mode forbids is found out by opening it.
  private static func error(of call: SysfsCall, _ errno: Errno) -> SysfsError {
    let isOfOpening = [.noSuchFile, .permissionDenied, .notPermitted].contains(errno)
    let isOfFile = call.operation == .read || call.operation == .write
    return SysfsError(
      isOfOpening && isOfFile ? .open : call.operation, call.path, text: call.text, errno: errno)
  }
}

extension SimulatedBus {
  /// Unplugs a device; if `isReplaced`, another of the same name comes in its place.
  fileprivate func lose(_ device: BusObject?, isReplaced: Bool) {
    switch device {
    case .queue(let apqn):
      unplugQueue(apqn)
      if isReplaced { plugQueue(apqn) }
    case .card(let adapter):
      let old = hardware.cards[Int(adapter)]
      let domains = hardware.queues[adapter]
      unplug(card: adapter)
      if isReplaced, let old { plug(card: old, domains: domains) }
    case .mediatedDevice(let uuid):
      guard matrix?.mediatedDevices[uuid] != nil else { return }
      stopGuest(uuid)
      remove(mediatedDevice: uuid)
      if isReplaced, let matrix { try? createMediatedDevice(uuid, in: matrix) }
    default: break
    }
  }
}

/// The way of events from the bus to the program under test.
extension FaultInjector {
  /// Takes an event from the bus.
  func receive(_ event: Uevent) {
    eventCount += 1
    let effect = effect(on: event)
    if overrunLeft > 0 {
      overrunLeft -= 1
    } else {
      switch effect {
      case nil: onUevent?(event)
      case .lose: break
      case .duplicate:
        onUevent?(event)
        onUevent?(event)
      case .postpone(let count):
        // Counted from the next event on.
        postponed.append((event, count &+ 1))
      case .overrun(let count):
        overrunLeft = max(count, 1) - 1
        onOverrun?()
      }
    }
    for index in postponed.indices { postponed[index].count -= 1 }
    let due = postponed.filter { $0.count == 0 }
    postponed.removeAll { $0.count == 0 }
    for entry in due { onUevent?(entry.event) }
  }

  /// Delivers the events that are postponed still. Without it they wait for later ones.
  public func releasePostponedEvents() {
    let events = postponed.map(\.event)
    postponed = []
    for event in events { onUevent?(event) }
  }

  private func effect(on event: Uevent) -> EventEffect? {
    var struck: EventEffect?
    for (index, fault) in plan.faults.enumerated() {
      guard case .event(let pattern, let occurrence, let effect) = fault,
        pattern.matches(event), progress[index].count(occurrence), struck == nil
      else { continue }
      progress[index].strike()
      struck = effect
    }
    return struck
  }
}

/// One call on sysfs, with its place among all of them.
public struct SysfsCall: Equatable, Sendable {
  /// Its number; the first call has 1.
  public var index: UInt64
  /// What is done.
  public var operation: SysfsError.Operation
  /// Where.
  public var path: SysfsPath
  /// What is written; nil for any other call.
  public var text: String?

  /// A call.
  public init(
    index: UInt64, _ operation: SysfsError.Operation, _ path: SysfsPath, text: String? = nil
  ) {
    self.index = index
    self.operation = operation
    self.path = path
    self.text = text
  }

  /// The device that the call is about: the one whose file it is, or the one that is named to a driver
  /// or to the bus.
  var device: BusObject? {
    switch path.object {
    case .card, .queue, .mediatedDevice: return path.object
    default: break
    }
    guard let name = text.map(AttributeInput.name) else { return nil }
    if let apqn = APQN(name) { return .queue(apqn) }
    return BusObject.adapter(ofCardName: name).map { .card($0) }
  }
}

extension SysfsCall: CustomStringConvertible {
  /// One line, such as `write 05.0004 > /sys/bus/ap/drivers/vfio_ap/bind`.
  public var description: String {
    guard let text else { return "\(operation.rawValue) \(path)" }
    return "\(operation.rawValue) \(AttributeInput.name(text)) > \(path)"
  }
}

/// A call that has come in and been counted, with what goes wrong with it; it has not been done.
package struct AdmittedCall {
  /// The call.
  package let call: SysfsCall
  /// What goes wrong; nil for nothing.
  let effect: CallEffect?

  /// How long the call waits before it is done; nil if it does not.
  package var pause: Duration? {
    guard case .delay(let duration) = effect else { return nil }
    return duration
  }
}
