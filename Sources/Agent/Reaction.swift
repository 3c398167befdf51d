package import APBus
package import Uevents

/// What must be looked at again.
///
/// An event is never believed: it only says where to look. A forged one costs a few reads, and a lost
/// one is made up for by the next look at everything.
package enum Reaction: Hashable, Sendable {
  /// Read the card and its queues again.
  case card(UInt8)
  /// Read the queue again.
  case queue(APQN)
  /// Read the whole bus again.
  case everything

  /// What an event calls for, or nil for one that cannot matter to a reservation.
  package init?(to event: Uevent) {
    guard let object = BusObject(path: event.devicePath) else { return nil }
    self.init(to: object)
  }

  /// What something that happened at a place calls for.
  package init(to object: BusObject) {
    switch object {
    // A card's driver makes attributes readable that rules match; its CONFIG comes before its
    // queues' (SimulatedBus documentation, "Causes").
    case .card(let adapter): self = .card(adapter)
    // Added, bound to whatever driver, unbound, configured, removed.
    case .queue(let apqn): self = .queue(apqn)
    // The first scan's end, all queues bound, another hand's masks.
    case .root: self = .everything
    // A driver comes or goes, and with it what can be bound. Modules say so later than their
    // drivers, and earlier too on kernels with other orders.
    case .driver, .module: self = .everything
    // The bus came or went; mediated devices can hold queues.
    case .bus, .matrixRoot, .matrix, .mediatedDeviceType, .mediatedDevice: self = .everything
    }
  }
}
