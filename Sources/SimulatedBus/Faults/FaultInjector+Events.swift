import Uevents

/// The way of events from the bus to the program under test.
extension FaultInjector {
  /// Takes an event from the bus.
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

  /// Delivers the events that are postponed still. Without it they wait for later ones.
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
