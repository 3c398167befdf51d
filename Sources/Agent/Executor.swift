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
    var done: [Step] = []
    for step in operation.steps {
      do throws(Failure.Cause) {
        try perform(step, of: operation, isFirst: done.allSatisfy { $0.path == nil }, inventory)
      } catch {
        var failure = Failure(operation.subject, error)
        // What is switched off stays so while it is waited for.
        if case .busy = error { throw failure }
        failure.undoError = undo(done, inventory)
        throw failure
      }
      done.append(step)
    }
    try readBack(operation)
  }

  private func perform(
    _ step: Step, of operation: Operation, isFirst: Bool, _ inventory: Inventory
  ) throws(Failure.Cause) {
    switch step {
    case .requireUnassigned(let apqn): try requireUnassigned(apqn)
    case .awaitIdle(let apqn): try requireIdle(apqn)
    case .setAdapterMask(let mask), .setDomainMask(let mask):
      if isFirst { try requireMasks(of: inventory) }
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
      return error.errno == .invalidArgument && !hasOverride(among: inventory.queues)
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

  /// Masks are written whole, so they must be planned on what is there now.
  private func requireMasks(of inventory: Inventory) throws(Failure.Cause) {
    let bus: BusState
    do throws(InventoryReaderError) {
      bus = try reader.reread(inventory.bus)
    } catch {
      throw .unreadable("\(error)")
    }
    guard bus.adapterMask == inventory.bus.adapterMask, bus.domainMask == inventory.bus.domainMask
    else { throw .changedMeanwhile }
  }

  /// Setting an override sends no event, so what was seen before says nothing.
  private func hasOverride(among queues: [Queue]) -> Bool {
    queues.contains { ((try? reader.readQueue($0.apqn)) ?? nil)?.driverOverride != nil }
  }

  /// Takes back steps whose operation cannot be finished: a queue must not lose the override that
  /// keeps it with its guest, half of a pair of masks is nobody's wish, and a queue that stays with the
  /// host serves it again. Returns the first error that kept a step from being taken back.
  private func undo(_ done: [Step], _ inventory: Inventory) -> Failure.UndoError? {
    var failed: Failure.UndoError?
    for step in done.reversed() {
      guard let inverse = inverse(of: step, inventory) else { continue }
      do throws(Failure.Cause) {
        try write(inverse, inventory)
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
    for step in operation.steps where !isTaken(step, lastOf: operation.steps) {
      throw Failure(operation.subject, .notTaken(step))
    }
    var moved: [OwnerChange] = []
    defer { if !moved.isEmpty { log.record(.moved(moved)) } }
    var failure: Failure?
    for change in operation.changes {
      guard let queue = (try? reader.readQueue(change.apqn)) ?? nil else {
        if operation.subject == .queue(change.apqn) {
          throw Failure(operation.subject, .vanished(change.apqn))
        }
        continue
      }
      guard queue.owner == change.to else {
        failure =
          failure
          ?? Failure(
            operation.subject,
            .noEffect(change.apqn, expected: change.to, found: queue.owner))
        continue
      }
      moved.append(change)
    }
    if let failure { throw failure }
  }

  /// Whether a file holds what was written last to it. One that cannot be read proves nothing.
  private func isTaken(_ step: Step, lastOf steps: [Step]) -> Bool {
    guard let path = step.path, steps.last(where: { $0.path == path }) == step else { return true }
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
