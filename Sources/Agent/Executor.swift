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
        return .vetoed(error, mediatedDevice: inventory.mediatedDevices.first?.uuid)
      }
      let hasOverride = inventory.queues.contains { $0.driverOverride != nil }
      return error.errno == .invalidArgument && !hasOverride
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
    let status = (try? reader.readQueue(apqn))??.guestStatus
    let devices = (try? reader.readMediatedDevices()) ?? []
    if status == .assigned || status == .inUse || devices.contains(where: { $0.holds(apqn) }) {
      throw .assignedMeanwhile(apqn)
    }
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
    var moved: [OwnerChange] = []
    defer { if !moved.isEmpty { log.record(.moved(moved)) } }
    for change in operation.changes {
      guard let queue = (try? reader.readQueue(change.apqn)) ?? nil else {
        if operation.subject == .queue(change.apqn) {
          throw Failure(operation.subject, .vanished(change.apqn))
        }
        continue
      }
      guard queue.owner == change.to else {
        throw Failure(
          operation.subject,
          .noEffect(change.apqn, expected: change.to, found: queue.owner))
      }
      moved.append(change)
    }
  }
}
