import APBus
import Agent
import Uevents

extension Agent {
  /// Forgets what was known of a queue that has gone.
  func note(departure apqn: APQN) {
    handle(Uevent(.remove, BusObject.queue(apqn).path, subsystem: "ap"))
  }

  /// Looks there again at the next `reconcile`.
  func look(at reaction: Reaction) {
    switch reaction {
    case .everything: scanEverything()
    case .card(let adapter): handle(Uevent(.change, BusObject.card(adapter).path, subsystem: "ap"))
    case .queue(let apqn): handle(Uevent(.change, BusObject.queue(apqn).path, subsystem: "ap"))
    }
  }
}
