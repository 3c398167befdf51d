import APBus
import Reservation

/// Does the steps of one operation, and reads back who has its queues then.
///
/// Nothing is written that the operation does not show, except to undo its own steps when one fails.
struct Executor {
  let sysfs: any Sysfs
  /// The machine that the plan was made on.
  let inventory: Inventory
  /// The lock that other tools hold while they change masks; nil where none is shared.
  let lock: (any ConfigurationLock)?
  /// Names mediated devices in failures.
  let configuration: HostConfiguration
  /// Called with the lock held and before the first write: whether the machine is still as the operation
  /// was planned on.
  let isCurrent: (Operation) throws(InventoryReaderError) -> Bool
  /// How the plan moves queues.
  let mechanism: Mechanism
  /// The masks as the plan's operations before have left them; nil on a kernel without masks.
  let masks: MaskPair?
  /// Called before each write with the step about to be done, so that it is on record first.
  let willWrite: (Step) throws(Failure.Cause) -> Void
  /// Called after each write, with the kernel's error where it refused it.
  let didWrite: (Step, SysfsError?) -> Void

  private var reader: InventoryReader { InventoryReader(sysfs: sysfs) }

  /// Does the operation, and returns the queues that have another owner then.
  func perform(_ operation: Operation) throws(Failure) -> [OwnerChange] {
    guard let lock, needsLock(operation) else {
      return try performLocked(operation)
    }
    do throws(ConfigurationLockError) {
      try lock.acquire()
    } catch {
      throw Failure(operation.subject, .locked(error))
    }
    defer { lock.release() }
    return try performLocked(operation)
  }

  /// The other tools check masks and what is given back to the host; and a queue moved by
  /// itself under masks must not meet another process's change of them.
  private func needsLock(_ operation: Operation) -> Bool {
    switch operation.subject {
    case .masks: true
    case .online: false
    case .queue: mechanism == .mask || operation.changes.contains { $0.to == .host }
    }
  }

  private func performLocked(_ operation: Operation) throws(Failure) -> [OwnerChange] {
    do throws(Failure.Cause) {
      try requireCurrent(operation)
    } catch {
      throw Failure(operation.subject, error)
    }
    var progress = Progress(masks: masks)
    for step in operation.steps {
      do throws(Failure.Cause) {
        try perform(step, of: operation, after: progress)
      } catch {
        var failure = Failure(operation.subject, error)
        // What is switched off stays so while it is waited for.
        if case .busy = error { throw failure }
        failure.isWithoutTrace = progress.done.isEmpty && error.provesNothingDone
        failure.undoError = undo(progress)
        if !failure.isWithoutTrace { failure.note(outcome(of: operation)) }
        throw failure
      }
      progress.note(step)
    }
    return try readBack(operation)
  }

  private struct Progress {
    /// The writes that are done.
    var done: [Step] = []
    /// The masks as they must be now.
    var masks: MaskPair?

    mutating func note(_ step: Step) {
      if step.path != nil { done.append(step) }
      masks = masks?.applying(step)
    }
  }

  private func perform(
    _ step: Step, of operation: Operation, after progress: Progress
  ) throws(Failure.Cause) {
    switch step {
    case .requireUnassigned(let apqn): try requireUnassigned(apqn)
    case .awaitIdle(let apqn): try requireIdle(apqn)
    case .setAdapterMask(let mask), .setDomainMask(let mask):
      try requireReason(for: mask, in: operation)
      try writeMask(step, after: progress)
    case .unbind, .bind, .probe:
      if mechanism == .mask { try require(progress.masks) }
      try write(step)
    case .setOverride, .setOnline: try write(step)
    }
  }

  /// Writes a mask, where both are as they must be, and checks that the kernel has taken it, since the
  /// next one depends on it.
  private func writeMask(
    _ step: Step, after progress: Progress
  ) throws(Failure.Cause) {
    try require(progress.masks)
    if let masks = progress.masks { try requireUnassigned(to: masks.applying(step), from: masks) }
    try write(step)
    if isTaken(step) == false { throw .notTaken(step) }
  }

  private func write(_ step: Step) throws(Failure.Cause) {
    guard let path = step.path else { return }
    try willWrite(step)
    do {
      try sysfs.write(step.text, to: path)
      didWrite(step, nil)
    } catch {
      didWrite(step, error)
      throw cause(of: error, at: step)
    }
  }

  // MARK: Before a write

  private func requireCurrent(_ operation: Operation) throws(Failure.Cause) {
    let isCurrent: Bool
    do throws(InventoryReaderError) {
      isCurrent = try self.isCurrent(operation)
    } catch {
      throw .unreadable("\(error)")
    }
    if !isCurrent { throw .outdated }
  }

  /// A mask without any bit takes everything from the host, present and future; it is
  /// written only where that is what the plan says of every queue that the host has or gets.
  private func requireReason(
    for mask: APMask, in operation: Operation
  ) throws(Failure.Cause) {
    guard mask.isEmpty else { return }
    let changing = Set(operation.changes.map(\.apqn))
    let left = inventory.queues.first { $0.owner == .host && !changing.contains($0.apqn) }
    let coming = operation.changes.first { $0.to == .host }
    if let apqn = left?.apqn ?? coming?.apqn { throw .wouldTakeEverything(apqn) }
  }

  private func requireIdle(_ apqn: APQN) throws(Failure.Cause) {
    let count: Int?
    do throws(InventoryReaderError) {
      count = try reader.readPendingRequests(apqn)
    } catch {
      throw .unreadable("\(error)")
    }
    if let count, count > 0 { throw .busy(apqn, requests: count) }
  }

  private func requireUnassigned(_ apqn: APQN) throws(Failure.Cause) {
    let isAssigned: Bool
    let devices: [MediatedDevice]
    do throws(InventoryReaderError) {
      isAssigned = try reader.readQueue(apqn)?.isAssigned == true
      devices = try reader.readMediatedDevices()
    } catch {
      // Who cannot be asked may have the queue.
      throw .unreadable("\(error)")
    }
    if isAssigned || devices.contains(where: { $0.holds(apqn) }) {
      throw .assignedMeanwhile(apqn)
    }
  }

  /// Kernels before 5.18 let masks take queues from a mediated device (SimulatedBus documentation, "Masks"), and
  /// the writes before can have taken long: nothing goes to the host that a device was assigned meanwhile.
  private func requireUnassigned(
    to target: MaskPair, from current: MaskPair
  ) throws(Failure.Cause) {
    let isGiving =
      !target.adapters.isSubset(of: current.adapters)
      || !target.domains.isSubset(of: current.domains)
    guard isGiving else { return }
    let devices: [MediatedDevice]
    do throws(InventoryReaderError) {
      devices = try reader.readMediatedDevices()
    } catch {
      throw .unreadable("\(error)")
    }
    for device in devices where !inventory.mediatedDevices.contains(device) {
      for adapter in device.possibleAdapters.intersection(target.adapters) {
        let entering = target.hostDomains(of: adapter)
          .subtracting(current.hostDomains(of: adapter))
        if let domain = device.domains.intersection(entering).first {
          throw .assignedMeanwhile(APQN(adapter: adapter, domain: domain))
        }
      }
    }
  }

  /// Masks are written whole, so they must be what the plan, and what was written since, made them:
  /// otherwise another process's change would be taken back.
  private func require(_ masks: MaskPair?) throws(Failure.Cause) {
    let bus: BusState
    do throws(InventoryReaderError) {
      bus = try reader.reread(inventory.bus)
    } catch {
      throw .unreadable("\(error)")
    }
    guard bus.masks == masks else { throw .changedMeanwhile }
  }

  // MARK: After a failed write

  /// Takes back steps whose operation cannot be finished: a queue must not lose the override that
  /// keeps it with its guest, half of a pair of masks is nobody's request, and a queue that stays with the
  /// host serves it again. Returns the first error that kept a step from being taken back.
  ///
  /// A mask that cannot be set back ends that: with the next one the pair would be one that no plan has
  /// shown, and move queues that no plan names.
  private func undo(_ progress: Progress) -> Failure.UndoError? {
    var progress = progress
    var failed: Failure.UndoError?
    var leavesMasks = false
    for step in progress.done.reversed() where !(step.isMask && leavesMasks) {
      guard let inverse = inverse(of: step) else { continue }
      do throws(Failure.Cause) {
        if step.isMask {
          try writeMask(inverse, after: progress)
        } else {
          try write(inverse)
        }
        progress.note(inverse)
      } catch {
        failed = failed ?? Failure.UndoError(step: inverse, reason: "\(error)")
        leavesMasks = leavesMasks || step.isMask
      }
    }
    return failed
  }

  private func inverse(of step: Step) -> Step? {
    switch step {
    case .setAdapterMask: inventory.bus.masks.map { .setAdapterMask($0.adapters) }
    case .setDomainMask: inventory.bus.masks.map { .setDomainMask($0.domains) }
    case .setOverride(let apqn, nil):
      inventory.queue(apqn)?.driverOverride.map { .setOverride(apqn, driver: $0) }
    case .setOnline(let apqn, let isOnline): .setOnline(apqn, !isOnline)
    // An override that stays set marks where the queue belongs; an unbound queue is bound by the
    // next try.
    case .setOverride, .unbind, .bind, .probe, .requireUnassigned, .awaitIdle: nil
    }
  }

  private func cause(of error: SysfsError, at step: Step) -> Failure.Cause {
    switch step {
    case .setAdapterMask, .setDomainMask:
      if error.errno == .busy {
        return .vetoed(error, mediatedDevices: holders(against: step))
      }
      return error.errno == .invalidArgument && !hasOverride
        ? .leakedOverrideCount(error) : .refused(error)
    case .setOverride(let apqn, _), .unbind(let apqn, _), .bind(let apqn, _), .probe(let apqn),
      .requireUnassigned(let apqn), .awaitIdle(let apqn), .setOnline(let apqn, _):
      // ENODEV of bind and unbind means several things; only a read shows whether the queue is there.
      let mayBeGone = [.noSuchDevice, .noSuchFile].contains(error.errno)
      if mayBeGone, (try? reader.readQueue(apqn)) == .some(nil) { return .vanished(apqn) }
      return .refused(error)
    }
  }

  /// The mediated devices that have what a refused mask would give to the host. One may have come
  /// since the plan was made, so all are read afresh; where that fails, the plan's are named.
  private func holders(against step: Step) -> [String] {
    let bus = (try? reader.reread(inventory.bus)) ?? inventory.bus
    let devices = (try? reader.readMediatedDevices()) ?? inventory.mediatedDevices
    guard let current = bus.masks else { return [] }
    let target = current.applying(step)
    return devices.filter { device in
      MaskVeto(
        from: current, to: target, devices: [device], asksWide: bus.supportsOverride == true) != nil
    }.map { configuration.name(ofMediatedDevice: $0.uuid) }
  }

  /// Setting an override sends no event, so what was seen before says nothing.
  private var hasOverride: Bool {
    let inventory = try? reader.read()
    // Who cannot be asked may have one.
    return inventory?.queues.contains { $0.driverOverride != nil } ?? true
  }

  // MARK: After the last write

  /// What became of the queues of an operation.
  struct Outcome {
    /// The queues that have another owner than before.
    var moves: [OwnerChange] = []
    /// The planned changes that are not there, with the owner found instead; nil for a queue that went.
    var missing: [(change: OwnerChange, found: Owner?)] = []
    /// Queues that cannot be read, with the reason.
    var unread: [APQN: String] = [:]
  }

  /// A write that reported success and changed nothing is a failure.
  private func readBack(_ operation: Operation) throws(Failure) -> [OwnerChange] {
    let outcome = outcome(of: operation)
    guard let cause = cause(of: outcome, in: operation) else { return outcome.moves }
    var failure = Failure(operation.subject, cause)
    failure.note(outcome)
    throw failure
  }

  /// Reads who has the queues now that an operation was to move, or may have moved by being taken back.
  private func outcome(of operation: Operation) -> Outcome {
    var outcome = Outcome()
    let planned = Set(operation.changes.map(\.apqn))
    var read: Set<APQN> = []
    for change in operation.changes + operation.changesByUndoing {
      guard read.insert(change.apqn).inserted else { continue }
      let isPlanned = planned.contains(change.apqn)
      do throws(InventoryReaderError) {
        let owner = try reader.readQueue(change.apqn)?.owner
        if let owner, owner != change.from {
          let isAsPlanned = owner == change.to
          let cause = isAsPlanned || operation.subject != .masks ? change.cause : .sideEffect
          outcome.moves.append(OwnerChange(change.apqn, from: change.from, to: owner, cause: cause))
        }
        if isPlanned, owner != change.to { outcome.missing.append((change, owner)) }
      } catch {
        outcome.unread[change.apqn] = "\(error)"
      }
    }
    return outcome
  }

  private func cause(of outcome: Outcome, in operation: Operation) -> Failure.Cause? {
    var last: [SysfsPath: Step] = [:]
    for step in operation.steps {
      if let path = step.path { last[path] = step }
    }
    for step in operation.steps {
      guard let path = step.path, last[path] == step, isTaken(step) == false else { continue }
      return .notTaken(step)
    }
    for (change, found) in outcome.missing {
      if let found { return .noEffect(change.apqn, expected: change.to, found: found) }
      // Among many, one that was removed is not a failure.
      if operation.subject == .queue(change.apqn) { return .vanished(change.apqn) }
    }
    return outcome.unread.min { $0.key < $1.key }.map { .unproven($0.key, reason: $0.value) }
  }

  /// Whether a file holds what was written last to it; nil where that cannot be read, which proves
  /// nothing.
  private func isTaken(_ step: Step) -> Bool? {
    switch step {
    case .setAdapterMask(let mask), .setDomainMask(let mask):
      return step.path.flatMap { try? sysfs.read($0) }.flatMap { APMask($0) }.map { $0 == mask }
    case .setOverride(let apqn, let driver):
      guard let queue = (try? reader.readQueue(apqn)) ?? nil else { return nil }
      return queue.driverOverride == driver
    case .setOnline(let apqn, let isOnline):
      guard let queue = (try? reader.readQueue(apqn)) ?? nil, queue.owner == .host else {
        return nil
      }
      return queue.isOnline == isOnline
    case .unbind, .bind, .probe, .requireUnassigned, .awaitIdle: return nil
    }
  }
}

extension Failure {
  /// Takes over what has moved all the same.
  fileprivate mutating func note(_ outcome: Executor.Outcome) {
    moves = outcome.moves
    unread = Set(outcome.unread.keys)
  }
}
