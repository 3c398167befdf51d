import HostSystem

/// Who is let in at the control socket when many want to: no user can hold every place, and root always
/// gets one. Whoever asks for nothing makes room first.
enum Admission: Equatable {
  /// There is room.
  case admit
  /// There is room once that connection is ended.
  case replace(Int)
  /// There is none.
  case refuse

  /// The most connections at a time, root's included.
  static let limit = 64
  /// The most of others than root and the daemon's own user together.
  static let guestLimit = 32
  /// The most of one of those others.
  static let userLimit = 8

  /// A connection that is there.
  struct Place: Equatable {
    var number: Int
    var user: UInt32
    /// Whether it is one of those who may only read.
    var isGuest: Bool
    /// Whether it asks for nothing just now.
    var isIdle: Bool
    /// When something was last received or sent.
    var lastProgress: Duration
  }

  /// Decides about a newcomer.
  static func decide(user: UInt32, isGuest: Bool, _ places: [Place]) -> Admission {
    let own = places.filter { $0.user == user }
    let guests = places.filter(\.isGuest)
    if !isGuest {
      guard places.count >= limit else { return .admit }
      // Among all of them somebody must go, however busy.
      let victim =
        stalest(guests, orBusy: false) ?? stalest(places, orBusy: false)
        ?? stalest(guests, orBusy: true) ?? stalest(places, orBusy: true)
      return victim.map { .replace($0.number) } ?? .refuse
    }
    if own.count >= userLimit {
      return stalest(own, orBusy: false).map { .replace($0.number) } ?? .refuse
    }
    guard guests.count >= guestLimit || places.count >= limit else { return .admit }
    // Of those who hold more than the newcomer would.
    let counts = Dictionary(grouping: guests, by: \.user).mapValues(\.count)
    let greedy = guests.filter { counts[$0.user, default: 0] > own.count + 1 }
    return stalest(greedy, orBusy: true).map { .replace($0.number) } ?? .refuse
  }

  private static func stalest(_ places: [Place], orBusy: Bool) -> Place? {
    places.filter { $0.isIdle || orBusy }
      .min {
        ($0.isIdle ? 0 : 1, $0.lastProgress, $0.number) < (
          $1.isIdle ? 0 : 1, $1.lastProgress, $1.number
        )
      }
  }
}
