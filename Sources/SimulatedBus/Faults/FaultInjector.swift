public import APBus
public import Uevents

/// Injects the faults of a plan into the calls and events between a program under test and a simulated
/// bus.
///
/// Every call has an index, so that a test can first run undisturbed, count the calls, and then run once
/// for each of them with that one failing.
public final class FaultInjector: Sysfs {
  /// The bus, which is always right.
  public let bus: SimulatedBus
  /// The faults. Setting a plan restarts all counts.
  public var plan: FaultPlan {
    didSet { restart() }
  }
  /// Called before each call.
  public var onCall: ((SysfsCall) -> Void)?
  /// Called when a fault occurs at a call, before it has its effect.
  public var onFault: ((SysfsCall, CallEffect) -> Void)?
  /// Called instead of a pause, while the call waits. The bus may be changed in it.
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

  /// Takes the place of a bus, whose `onUevent` it sets.
  ///
  /// - Parameters:
  ///   - bus: The bus.
  ///   - plan: The faults; by default none.
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

  /// The faults that have not occurred yet, by their place in the plan. A test whose fault never occurs
  /// tests nothing.
  public var pendingFaults: [Int] {
    progress.indices.filter { progress[$0].strikes == 0 }
  }

  /// Sentences about the faults that have not occurred yet.
  package var pendingFaultSentences: [String] {
    pendingFaults.map { plan.sentence(ofPending: $0) }
  }

  /// Reads an attribute.
  ///
  /// - Parameter path: The file.
  /// - Returns: The bus's text, or that of a fault.
  /// - Throws: The bus's error, or that of a fault.
  public func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try read(paused(admit(.read, at: path)))
  }

  /// Writes an attribute.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - path: The file.
  /// - Throws: The bus's error, or that of a fault.
  public func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    try write(paused(admit(.write, at: path, text: text)))
  }

  /// Reads a link.
  ///
  /// - Parameter path: The link.
  /// - Returns: The last component of the bus's target, or the text of a fault.
  /// - Throws: The bus's error, or that of a fault.
  public func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try perform(paused(admit(.readLink, at: path))) { (text) throws(SysfsError) in
      if let text { return text }
      return try self.bus.readLink(path)
    }
  }

  /// Lists a directory.
  ///
  /// - Parameter path: The directory.
  /// - Returns: The bus's names, or those of a fault.
  /// - Throws: The bus's error, or that of a fault.
  public func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try perform(paused(admit(.list, at: path))) { (text) throws(SysfsError) in
      if let text { return text.split(separator: " ").map { String($0) } }
      return try self.bus.list(path)
    }
  }

  /// Counts a call, and chooses its fault. A caller that can delay a call and answer others meanwhile uses
  /// this, and then `read` or `write` of the admitted call; `onDelay` is not called for it.
  package func admit(
    _ operation: SysfsError.Operation, at path: SysfsPath, text: String? = nil
  ) -> AdmittedCall {
    callCount += 1
    let call = SysfsCall(index: callCount, operation: operation, path: path, text: text)
    onCall?(call)
    let effect = effect(on: call)
    if let effect { onFault?(call, effect) }
    return AdmittedCall(call: call, effect: effect)
  }

  /// Performs a read that was admitted.
  package func read(_ admitted: AdmittedCall) throws(SysfsError) -> String {
    try perform(admitted) { (text) throws(SysfsError) in
      if let text { return text }
      return try self.bus.read(admitted.call.path)
    }
  }

  /// Performs a write that was admitted.
  package func write(_ admitted: AdmittedCall) throws(SysfsError) {
    try perform(admitted) { (answer) throws(SysfsError) in
      guard answer == nil else { return }
      try self.bus.write(admitted.call.text ?? "", to: admitted.call.path)
    }
  }

  /// The call, after its pause was reported.
  private func paused(_ admitted: AdmittedCall) -> AdmittedCall {
    if let pause = admitted.pause { onDelay?(admitted.call, pause) }
    return admitted
  }

  /// Performs a call with its fault; `body` gets the answer to give instead of the kernel's, if any.
  private func perform<Result>(
    _ admitted: AdmittedCall, by body: (String?) throws(SysfsError) -> Result
  ) throws(SysfsError) -> Result {
    let call = admitted.call
    guard let effect = admitted.effect else { return try body(nil) }
    switch effect {
    case .fail(let errno): throw Self.error(of: call, errno: errno)
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

  /// The error as of the call: a missing file or permission shows when the file is opened.
  private static func error(of call: SysfsCall, errno: Errno) -> SysfsError {
    let isOfOpening = [.noSuchFile, .permissionDenied, .notPermitted].contains(errno)
    let isOfFile = call.operation == .read || call.operation == .write
    return SysfsError(
      isOfOpening && isOfFile ? .open : call.operation, call.path, text: call.text, errno: errno)
  }
}

extension SimulatedBus {
  /// Unplugs a device; if `isReplaced`, another one of the same name replaces it.
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

/// Events from the bus to the program under test.
extension FaultInjector {
  /// Receives an event of the bus.
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

  /// Delivers the events that are still postponed. Otherwise they wait for later events.
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

/// One call on sysfs, with its number.
public struct SysfsCall: Equatable, Sendable {
  /// Its number; the first call has 1.
  public var index: UInt64
  /// The kind of call.
  public var operation: SysfsError.Operation
  /// The file, link or directory.
  public var path: SysfsPath
  /// The text of a write; nil for any other call.
  public var text: String?

  /// A call.
  ///
  /// - Parameters:
  ///   - index: Its number; the first call has 1.
  ///   - operation: The kind of call.
  ///   - path: The file, link or directory.
  ///   - text: The text of a write; nil for any other call.
  public init(
    index: UInt64, operation: SysfsError.Operation, path: SysfsPath, text: String? = nil
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

/// A call that was counted and not performed yet, with its fault.
package struct AdmittedCall {
  package let call: SysfsCall
  /// The fault's effect; nil for none.
  let effect: CallEffect?

  /// Whether the call has no fault.
  package var isUndisturbed: Bool { effect == nil }

  /// How long the call is delayed; nil if it is not.
  package var pause: Duration? {
    guard case .delay(let duration) = effect else { return nil }
    return duration
  }
}
