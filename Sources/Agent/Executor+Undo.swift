import APBus
import Reservation

extension Executor {
  /// Takes back steps whose operation cannot be finished: a queue must not lose the override that
  /// keeps it with its guest, half of a pair of masks is nobody's request, and a queue that stays with the
  /// host serves it again. Returns the first error that kept a step from being taken back.
  ///
  /// A mask that cannot be set back ends that: with the next one the pair would be one that no plan has
  /// shown, and move queues that no plan names.
  func undo(_ progress: Progress, _ inventory: Inventory) -> Failure.UndoError? {
    var progress = progress
    var failed: Failure.UndoError?
    var leavesMasks = false
    for step in progress.done.reversed() where !(step.isMask && leavesMasks) {
      guard let inverse = inverse(of: step, inventory) else { continue }
      do throws(Failure.Cause) {
        if step.isMask {
          try writeMask(inverse, progress, inventory)
        } else {
          try write(inverse, inventory)
        }
        progress.note(inverse)
      } catch {
        failed = failed ?? Failure.UndoError(step: inverse, reason: "\(error)")
        leavesMasks = leavesMasks || step.isMask
      }
    }
    return failed
  }

  private func inverse(of step: Step, _ inventory: Inventory) -> Step? {
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
}
