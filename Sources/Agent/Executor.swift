import AdjunctProcessor
import HostConfiguration
import Reservation
import Sysfs

/// Does the steps of one operation, and reads back what became of it.
///
/// Nothing is written that the operation does not show, but for undoing its own steps when one fails.
struct Executor {
  let sysfs: any Sysfs
  let log: any ActivityLog
  /// The lock that other tools hold while they change masks; nil where none is shared.
  let lock: (any ConfigurationLock)?
  /// Whether a queue that a mediated device has assigned is left there.
  let sparesAssigned: Bool
  /// Names mediated devices in failures.
  let configuration: HostConfiguration
  /// Called before each write with the step about to be done, so that it is on record first.
  let willWrite: (Step) throws(Failure.Cause) -> Void

  private var reader: InventoryReader { InventoryReader(sysfs: sysfs) }

  /// Does the operation on a machine that was as `inventory` says.
  func perform(_ operation: Operation, on inventory: Inventory) throws(Failure) {
    guard let lock, needsLock(operation) else {
      try performLocked(operation, on: inventory)
      return
    }
    do throws(ConfigurationLockError) {
      try lock.acquire()
    } catch {
      throw Failure(operation.subject, .locked(error))
    }
    defer { lock.release() }
    try performLocked(operation, on: inventory)
  }

  /// Masks, and what goes back to the host, are what the other tools' checks are about.
  private func needsLock(_ operation: Operation) -> Bool {
    operation.subject == .masks || operation.changes.contains { $0.to == .host }
  }

  private func performLocked(_ operation: Operation, on inventory: Inventory) throws(Failure) {
    do throws(Failure.Cause) {
      if operation.subject == .masks, sparesAssigned { try requireUnassigned(operation) }
    } catch {
      throw Failure(operation.subject, error)
    }
    var progress = Progress(inventory)
    for step in operation.steps {
      do throws(Failure.Cause) {
        try perform(step, of: operation, progress, inventory)
      } catch {
        var failure = Failure(operation.subject, error)
        // What is switched off stays so while it is waited for.
        if case .busy = error { throw failure }
        failure.isWithoutTrace = progress.done.isEmpty && error.provesNothingDone
        failure.undoError = undo(progress, inventory)
        throw failure
      }
      progress.note(step)
    }
    try readBack(operation)
  }

  /// How far an operation has come.
  private struct Progress {
    /// The writes that are done.
    var done: [Step] = []
    /// The masks as they must be now.
    var masks: MaskPair?

    init(_ inventory: Inventory) {
      if let adapters = inventory.bus.adapterMask, let domains = inventory.bus.domainMask {
        masks = MaskPair(adapters: adapters, domains: domains)
      }
    }

    mutating func note(_ step: Step) {
      if step.path != nil { done.append(step) }
      switch step {
      case .setAdapterMask(let mask): masks?.adapters = mask
      case .setDomainMask(let mask): masks?.domains = mask
      default: break
      }
    }
  }

  private func perform(
    _ step: Step, of operation: Operation, _ progress: Progress, _ inventory: Inventory
  ) throws(Failure.Cause) {
    switch step {
    case .requireUnassigned(let apqn): try requireUnassigned(apqn)
    case .awaitIdle(let apqn): try requireIdle(apqn)
    case .setAdapterMask(let mask), .setDomainMask(let mask):
      try require(progress.masks, inventory)
      try requireReason(for: mask, operation, inventory)
      try write(step, inventory)
    case .setOverride, .unbind, .bind, .probe, .setOnline: try write(step, inventory)
    }
  }

  private func write(_ step: Step, _ inventory: Inventory) throws(Failure.Cause) {
    guard let path = step.path else { return }
    try willWrite(step)
    do {
      try sysfs.write(step.text, to: path)
      log.record(.wrote(step, error: nil))
    } catch {
      log.record(.wrote(step, error: error))
      throw cause(of: error, step, inventory)
    }
  }

  private func cause(of error: SysfsError, _ step: Step, _ inventory: Inventory) -> Failure.Cause {
    switch step {
    case .setAdapterMask, .setDomainMask:
      if error.errno == .busy {
        return .vetoed(error, mediatedDevices: holders(against: step, inventory))
      }
      return error.errno == .invalidArgument && !hasOverride
        ? .leakedOverrideCount(error) : .refused(error)
    case .setOverride(let apqn, _), .unbind(let apqn, _), .bind(let apqn, _), .probe(let apqn),
      .requireUnassigned(let apqn), .awaitIdle(let apqn), .setOnline(let apqn, _):
      // ENODEV of bind and unbind means several things; only a look tells whether the queue is there.
      let mayBeGone = [.noSuchDevice, .noSuchFile].contains(error.errno)
      if mayBeGone, (try? reader.readQueue(apqn)) == .some(nil) { return .vanished(apqn) }
      return .refused(error)
    }
  }

  /// The mediated devices that have what a refused mask would give to the host. One may have come
  /// since the plan was made, so all are read afresh; where that fails, the plan's are named.
  private func holders(against step: Step, _ inventory: Inventory) -> [String] {
    let bus = (try? reader.reread(inventory.bus)) ?? inventory.bus
    let devices = (try? reader.readMediatedDevices()) ?? inventory.mediatedDevices
    guard let adapters = bus.adapterMask, let domains = bus.domainMask else { return [] }
    let current = MaskPair(adapters: adapters, domains: domains)
    var target = current
    switch step {
    case .setAdapterMask(let mask): target.adapters = mask
    case .setDomainMask(let mask): target.domains = mask
    default: return []
    }
    return devices.filter { device in
      MaskVeto(
        from: current, to: target, devices: [device], asksWide: bus.supportsOverride == true) != nil
    }.map { configuration.name(ofMediatedDevice: $0.uuid) }
  }

  /// A mask without any bit takes everything from the host, what is there and what comes; it is
  /// written only where that is what the plan says of every queue that the host has.
  private func requireReason(
    for mask: APMask, _ operation: Operation, _ inventory: Inventory
  ) throws(Failure.Cause) {
    guard mask.isEmpty else { return }
    let leaving = Set(operation.changes.filter { $0.to != .host }.map(\.apqn))
    let left = inventory.queues.first { $0.owner == .host && !leaving.contains($0.apqn) }
    if let left { throw .wouldTakeEverything(left.apqn) }
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

  /// Older kernels take queues from a guest by masks without a question (ap-bus.md 4.3 step 4), and a
  /// guest can have been given one since the plan was made.
  private func requireUnassigned(_ operation: Operation) throws(Failure.Cause) {
    let released = operation.changes.filter { $0.from == .vfioAP && $0.to != .vfioAP }
    guard !released.isEmpty else { return }
    let devices: [MediatedDevice]
    var assigned: APQN?
    do throws(InventoryReaderError) {
      devices = try reader.readMediatedDevices()
      for change in released where assigned == nil {
        let status = try reader.readQueue(change.apqn)?.guestStatus
        if status == .assigned || status == .inUse
          || devices.contains(where: { $0.holds(change.apqn) })
        {
          assigned = change.apqn
        }
      }
    } catch {
      throw .unreadable("\(error)")
    }
    if let assigned { throw .assignedMeanwhile(assigned) }
  }

  private func requireUnassigned(_ apqn: APQN) throws(Failure.Cause) {
    let status: Queue.GuestStatus?
    let devices: [MediatedDevice]
    do throws(InventoryReaderError) {
      status = try reader.readQueue(apqn)?.guestStatus
      devices = try reader.readMediatedDevices()
    } catch {
      // Who cannot be asked may have the queue.
      throw .unreadable("\(error)")
    }
    if status == .assigned || status == .inUse || devices.contains(where: { $0.holds(apqn) }) {
      throw .assignedMeanwhile(apqn)
    }
  }

  /// Masks are written whole, so they must be what the plan, and what was written since, made them:
  /// otherwise another hand's change would be taken back.
  private func require(_ masks: MaskPair?, _ inventory: Inventory) throws(Failure.Cause) {
    let bus: BusState
    do throws(InventoryReaderError) {
      bus = try reader.reread(inventory.bus)
    } catch {
      throw .unreadable("\(error)")
    }
    guard bus.adapterMask == masks?.adapters, bus.domainMask == masks?.domains else {
      throw .changedMeanwhile
    }
  }

  /// Setting an override sends no event, so what was seen before says nothing.
  private var hasOverride: Bool {
    let inventory = try? reader.read()
    // Who cannot be asked may have one.
    return inventory?.queues.contains { $0.driverOverride != nil } ?? true
  }

  /// Takes back steps whose operation cannot be finished: a queue must not lose the override that
  /// keeps it with its guest, half of a pair of masks is nobody's wish, and a queue that stays with the
  /// host serves it again. Returns the first error that kept a step from being taken back.
  private func undo(_ progress: Progress, _ inventory: Inventory) -> Failure.UndoError? {
    var progress = progress
    var failed: Failure.UndoError?
    for step in progress.done.reversed() {
      guard let inverse = inverse(of: step, inventory) else { continue }
      do throws(Failure.Cause) {
        if step.isMask { try require(progress.masks, inventory) }
        try write(inverse, inventory)
        progress.note(inverse)
      } catch {
        failed = failed ?? Failure.UndoError(step: inverse, reason: "\(error)")
      }
    }
    return failed
  }

  private func inverse(of step: Step, _ inventory: Inventory) -> Step? {
    switch step {
    case .setAdapterMask: inventory.bus.adapterMask.map { .setAdapterMask($0) }
    case .setDomainMask: inventory.bus.domainMask.map { .setDomainMask($0) }
    case .setOverride(let apqn, nil):
      inventory.queue(apqn)?.driverOverride.map { .setOverride(apqn, driver: $0) }
    case .setOnline(let apqn, let isOnline): .setOnline(apqn, !isOnline)
    // An override that stays set marks where the queue belongs; an unbound queue is bound by the
    // next try.
    case .setOverride, .unbind, .bind, .probe, .requireUnassigned, .awaitIdle: nil
    }
  }

  /// A write that reported success and changed nothing is a failure.
  private func readBack(_ operation: Operation) throws(Failure) {
    var last: [SysfsPath: Step] = [:]
    for step in operation.steps {
      if let path = step.path { last[path] = step }
    }
    for step in operation.steps {
      guard let path = step.path, last[path] == step, !isTaken(step, path) else { continue }
      throw Failure(operation.subject, .notTaken(step))
    }
    var moved: [OwnerChange] = []
    var failure: Failure?
    for change in operation.changes {
      guard let queue = (try? reader.readQueue(change.apqn)) ?? nil else {
        guard operation.subject != .queue(change.apqn) else {
          throw Failure(operation.subject, .vanished(change.apqn))
        }
        continue
      }
      if queue.owner == change.to {
        moved.append(change)
      } else if failure == nil {
        failure = Failure(
          operation.subject, .noEffect(change.apqn, expected: change.to, found: queue.owner))
      }
    }
    if !moved.isEmpty { log.record(.moved(moved)) }
    guard var failure else { return }
    failure.moved = Set(moved.map(\.apqn))
    throw failure
  }

  /// Whether a file holds what was written last to it. One that cannot be read proves nothing.
  private func isTaken(_ step: Step, _ path: SysfsPath) -> Bool {
    switch step {
    case .setAdapterMask(let mask), .setDomainMask(let mask):
      return (try? sysfs.read(path)).map { APMask($0) == mask } ?? true
    case .setOverride(let apqn, let driver):
      guard let queue = (try? reader.readQueue(apqn)) ?? nil else { return true }
      return queue.driverOverride == driver
    case .setOnline(let apqn, let isOnline):
      guard let queue = (try? reader.readQueue(apqn)) ?? nil, queue.owner == .host else {
        return true
      }
      return queue.isOnline == isOnline
    case .unbind, .bind, .probe, .requireUnassigned, .awaitIdle: return true
    }
  }
}
