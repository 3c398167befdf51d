import APBus
import Reservation

extension Executor {
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
  func readBack(_ operation: Operation) throws(Failure) {
    let outcome = outcome(of: operation)
    guard let cause = cause(of: outcome, operation) else { return tell(outcome) }
    var failure = Failure(operation.subject, cause)
    tell(outcome, in: &failure)
    throw failure
  }

  /// Reads who has the queues now that an operation was to move, or may have moved by being taken back.
  func outcome(of operation: Operation) -> Outcome {
    var outcome = Outcome()
    let planned = Set(operation.changes.map(\.apqn))
    var looked: Set<APQN> = []
    for change in operation.changes + operation.changesByUndoing {
      guard looked.insert(change.apqn).inserted else { continue }
      let isPlanned = planned.contains(change.apqn)
      do throws(InventoryReaderError) {
        let owner = try reader.readQueue(change.apqn)?.owner
        if let owner, owner != change.from {
          let isAsSaid = isPlanned && owner == change.to
          let cause = isAsSaid || operation.subject != .masks ? change.cause : .sideEffect
          outcome.moves.append(OwnerChange(change.apqn, from: change.from, to: owner, cause: cause))
        }
        if isPlanned, owner != change.to { outcome.missing.append((change, owner)) }
      } catch {
        outcome.unread[change.apqn] = "\(error)"
      }
    }
    return outcome
  }

  /// Tells what has moved.
  private func tell(_ outcome: Outcome) {
    if !outcome.moves.isEmpty { log.record(.moved(outcome.moves)) }
  }

  /// Tells what has moved, and puts it into the failure that it belongs to.
  func tell(_ outcome: Outcome, in failure: inout Failure) {
    tell(outcome)
    failure.moves = outcome.moves
    failure.unread = Set(outcome.unread.keys)
  }

  private func cause(of outcome: Outcome, _ operation: Operation) -> Failure.Cause? {
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
      // Among many, one that went is no fault.
      if operation.subject == .queue(change.apqn) { return .vanished(change.apqn) }
    }
    return outcome.unread.min { $0.key < $1.key }.map { .unproven($0.key, reason: $0.value) }
  }

  /// Whether a file holds what was written last to it; nil where that cannot be read, which proves
  /// nothing.
  func isTaken(_ step: Step) -> Bool? {
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
