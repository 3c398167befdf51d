import APBus
import Agent
import Reports
import Reservation
import ReservationRules

/// How many queues are how, as of the agent's last reconciliation.
struct QueueCounts {
  /// The requests of each adapter that has any, by state.
  private(set) var requests: [(adapter: UInt8, counts: [Requests.State: Int])] = []
  /// The queues of each adapter that is present, by owner.
  private(set) var owners: [(adapter: UInt8, counts: [Owner: Int])] = []
  /// The queues that rules keep for the host, by owner.
  private(set) var keptForHost: [Owner: Int] = [:]
  /// The guests, those with names first, and at most `guestLimit` of them.
  private(set) var guests: [GuestCounts] = []
  /// All guests, by state.
  private(set) var guestStates: [Guest.State: Int] = [:]

  /// A guest and the queues that it is to have, by the state of the request.
  struct GuestCounts {
    var name: String
    var uuid: String
    var state: Guest.State
    var counts: [Requests.State: Int]
  }

  /// The most guests with series of their own. A bus has 256 domains, and guests rarely share one.
  static let guestLimit = 256

  /// The counts of a status.
  init(_ status: StatusDocument) {
    let report = status.board.report
    let requests = status.board.status.requests
    let open = Dictionary(grouping: requests.open, by: \.apqn.adapter)
    for adapter in requests.queues.adapters {
      var counts = open[adapter, default: []].reduce(into: [:]) { $0[$1.state, default: 0] += 1 }
      let reserved = requests.queues[adapter].count - open[adapter, default: []].count
      counts[.reserved] = reserved
      self.requests.append((adapter, counts))
    }
    guard let inventory = report.inventory else { return }
    for card in inventory.cards {
      let queues = inventory.queues(ofCard: card.adapter)
      let kept = report.decisions?.row(card.adapter).host ?? APMask()
      var counts: [Owner: Int] = [:]
      for queue in queues {
        counts[queue.owner, default: 0] += 1
        if kept.contains(queue.apqn.domain) { keptForHost[queue.owner, default: 0] += 1 }
      }
      owners.append((card.adapter, counts))
    }
    let guests = status.assessment?.guests ?? []
    for guest in guests { guestStates[guest.state, default: 0] += 1 }
    self.guests = guests.prefix(Self.guestLimit).map { guest in
      GuestCounts(
        name: guest.name, uuid: guest.uuid, state: guest.state,
        counts: guest.queues.reduce(into: [:]) {
          $0[$1.reason?.state ?? .reserved, default: 0] += 1
        })
    }
  }
}
