import AdjunctProcessor
import Reservation
import Sysfs

extension Executor {
  /// A write that reported success and changed nothing is a failure.
  func readBack(_ operation: Operation) throws(Failure) {
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
      let found: Queue?
      do throws(InventoryReaderError) {
        found = try reader.readQueue(change.apqn)
      } catch {
        failure =
          failure ?? Failure(operation.subject, .unproven(change.apqn, reason: "\(error)"))
        continue
      }
      guard let queue = found else {
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
