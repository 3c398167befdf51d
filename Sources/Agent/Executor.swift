import AdjunctProcessor
import Reservation
import Sysfs

/// Does the steps of one operation, and reads back what became of it.
///
/// Nothing is written that the operation does not show, but for undoing its own steps when one fails.
struct Executor {
  let sysfs: any Sysfs
  let log: any ActivityLog
  /// Called before each write with the step about to be done, so that it is on record first.
  let willWrite: (Step) -> Void

  private var reader: InventoryReader { InventoryReader(sysfs: sysfs) }

  init(sysfs: any Sysfs, log: any ActivityLog, willWrite: @escaping (Step) -> Void) {
    self.sysfs = sysfs
    self.log = log
    self.willWrite = willWrite
  }

  /// Does the operation on a machine that was as `inventory` says.
  func perform(_ operation: Operation, on inventory: Inventory) throws(Failure) {
    var done: [Step] = []
    for step in operation.steps {
      do throws(Failure.Cause) {
        if done.isEmpty, operation.subject == .masks { try requireMasks(of: inventory) }
        if case .requireUnassigned(let apqn) = step {
          try requireUnassigned(apqn)
        } else {
          try write(step, inventory)
        }
      } catch {
        undo(done, inventory)
        throw Failure(operation.subject, error)
      }
      done.append(step)
    }
    try readBack(operation)
  }

  private func write(_ step: Step, _ inventory: Inventory) throws(Failure.Cause) {
    guard let path = step.path else { return }
    willWrite(step)
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
        let only = inventory.mediatedDevices.count == 1 ? inventory.mediatedDevices.first : nil
        return .vetoed(error, mediatedDevice: only?.uuid)
      }
      return error.errno == .invalidArgument && !hasOverride(among: inventory.queues)
        ? .leakedOverrideCount(error) : .refused(error)
    case .setOverride(let apqn, _), .unbind(let apqn, _), .bind(let apqn, _), .probe(let apqn),
      .requireUnassigned(let apqn):
      // ENODEV of bind and unbind means several things; only a look tells whether the queue is there.
      let mayBeGone = [.noSuchDevice, .noSuchFile].contains(error.errno)
      if mayBeGone, (try? reader.readQueue(apqn)) == .some(nil) { return .vanished(apqn) }
      return .refused(error)
    }
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
  /// keeps it with its guest, and half of a pair of masks is nobody's wish.
  private func undo(_ done: [Step], _ inventory: Inventory) {
    for step in done.reversed() {
      let inverse: Step? =
        switch step {
        case .setAdapterMask: inventory.bus.adapterMask.map { .setAdapterMask($0) }
        case .setDomainMask: inventory.bus.domainMask.map { .setDomainMask($0) }
        case .setOverride(let apqn, nil):
          inventory.queue(apqn)?.driverOverride.map { .setOverride(apqn, driver: $0) }
        // An override that stays set marks where the queue belongs; an unbound queue is bound by the
        // next try.
        case .setOverride, .unbind, .bind, .probe, .requireUnassigned: nil
        }
      guard let inverse else { continue }
      try? write(inverse, inventory)
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
    case .unbind, .bind, .probe, .requireUnassigned: return true
    }
  }
}
