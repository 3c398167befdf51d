import APBus
import Reservation

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
  /// Asked with the lock held and before the first write: whether what the operation was planned on is
  /// still so.
  let isCurrent: (Operation) throws(InventoryReaderError) -> Bool
  /// How the plan moves queues.
  let mechanism: Mechanism
  /// The masks as the plan's operations before have left them; nil on a kernel without masks.
  let masks: MaskPair?
  /// Called before each write with the step about to be done, so that it is on record first.
  let willWrite: (Step) throws(Failure.Cause) -> Void

  var reader: InventoryReader { InventoryReader(sysfs: sysfs) }

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

  /// Masks, and what goes back to the host, are what the other tools' checks are about; and a queue moved by
  /// itself under masks must not meet another process's change of them.
  private func needsLock(_ operation: Operation) -> Bool {
    switch operation.subject {
    case .masks: true
    case .online: false
    case .queue: mechanism == .mask || operation.changes.contains { $0.to == .host }
    }
  }

  private func performLocked(_ operation: Operation, on inventory: Inventory) throws(Failure) {
    do throws(Failure.Cause) {
      try requireCurrent(operation)
    } catch {
      throw Failure(operation.subject, error)
    }
    var progress = Progress(masks: masks)
    for step in operation.steps {
      do throws(Failure.Cause) {
        try perform(step, of: operation, progress, inventory)
      } catch {
        var failure = Failure(operation.subject, error)
        // What is switched off stays so while it is waited for.
        if case .busy = error { throw failure }
        failure.isWithoutTrace = progress.done.isEmpty && error.provesNothingDone
        failure.undoError = undo(progress, inventory)
        if !failure.isWithoutTrace { tell(outcome(of: operation), in: &failure) }
        throw failure
      }
      progress.note(step)
    }
    try readBack(operation)
  }

  /// How far an operation has come.
  struct Progress {
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
    _ step: Step, of operation: Operation, _ progress: Progress, _ inventory: Inventory
  ) throws(Failure.Cause) {
    switch step {
    case .requireUnassigned(let apqn): try requireUnassigned(apqn)
    case .awaitIdle(let apqn): try requireIdle(apqn)
    case .setAdapterMask(let mask), .setDomainMask(let mask):
      try requireReason(for: mask, operation, inventory)
      try writeMask(step, progress, inventory)
    case .unbind, .bind, .probe:
      if mechanism == .mask { try require(progress.masks, inventory) }
      try write(step, inventory)
    case .setOverride, .setOnline: try write(step, inventory)
    }
  }

  /// Writes a mask, where both are as they must be, and looks whether the kernel has taken it, since the
  /// next one depends on it.
  func writeMask(
    _ step: Step, _ progress: Progress, _ inventory: Inventory
  ) throws(Failure.Cause) {
    try require(progress.masks, inventory)
    try write(step, inventory)
    if isTaken(step) == false { throw .notTaken(step) }
  }

  func write(_ step: Step, _ inventory: Inventory) throws(Failure.Cause) {
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
}
