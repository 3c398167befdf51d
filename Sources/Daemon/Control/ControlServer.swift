import APBus
import Glibc
import HostSystem

/// Serves the clients of the control socket: few at a time, so that a crowd costs little, and always
/// some room for root.
final class ControlServer {
  private let loop: EventLoop
  private let socket: LocalSocket
  private let serve: (Call, LocalSocket.Peer) -> Answer
  private let onAnswer: (Call, Duration) -> Void
  private let time = HostTime()
  private var source: EventSource?
  private var sweep: EventTimer?
  private var connections: [Int: ControlConnection] = [:]
  private var lastNumber = 0

  /// The most clients that get long answers at a time.
  static let longAnswerLimit = 8

  /// `onAnswer` is called with each call that was answered, and how long that took.
  init(
    _ loop: EventLoop, socket: LocalSocket, serve: @escaping (Call, LocalSocket.Peer) -> Answer,
    onAnswer: @escaping (Call, Duration) -> Void
  ) throws(EventLoopError) {
    self.loop = loop
    self.socket = socket
    self.serve = serve
    self.onAnswer = onAnswer
    sweep = try EventTimer(loop, tolerance: .seconds(1)) { [weak self] in self?.dropOverdue() }
    source = try loop.watch(socket.descriptor, priority: .low) { [weak self] _ in self?.accept() }
  }

  /// Whether one more long answer is too many.
  var isAnsweringTooMuch: Bool {
    connections.values.count { $0.isAnsweringLong } >= Self.longAnswerLimit
  }

  private func accept() {
    // Not without end, since the loop has other work. The rest is accepted in its next iteration.
    for _ in 0..<16 {
      guard let client = socket.accept() else { return }
      guard let peer = client.peer, makeRoom(for: peer) else { continue }
      lastNumber += 1
      let number = lastNumber
      connections[number] = try? ControlConnection(
        client, peer: peer, loop: loop, time: time, serve: serve, onAnswer: onAnswer,
        onEnd: { [weak self] in self?.connections[number] = nil })
      if sweep?.isSet == false { sweep?.set(after: ControlConnection.patience / 2) }
    }
  }

  private func makeRoom(for peer: LocalSocket.Peer) -> Bool {
    let places = connections.map { number, connection in
      Admission.Place(
        number: number, user: connection.peer.user, isGuest: connection.isGuest,
        isIdle: connection.isIdle, lastProgress: connection.lastProgress)
    }
    let isGuest = !ControlPermission.mayChange(peer)
    switch Admission.decide(user: peer.user, isGuest: isGuest, places) {
    case .admit: return true
    case .refuse: return false
    case .replace(let number):
      connections[number]?.end()
      return true
    }
  }

  private func dropOverdue() {
    let now = time.now
    for connection in connections.values where connection.isOverdue(now: now) { connection.end() }
    if !connections.isEmpty { sweep?.set(after: ControlConnection.patience / 2) }
  }
}

/// Who may do what over the control socket. Whoever may open it may read; the file's mode says who that
/// is.
enum ControlPermission {
  /// Whether the client may change something: root, and whoever runs the daemon.
  static func mayChange(_ peer: LocalSocket.Peer) -> Bool {
    peer.user == 0 || peer.user == geteuid()
  }
}

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

  /// A connection that is present.
  struct Place: Equatable {
    var number: Int
    var user: UInt32
    /// Whether it is one of those who may only read.
    var isGuest: Bool
    /// Whether it asks for nothing just now.
    var isIdle: Bool
    /// When something was last received or sent.
    var lastProgress: Instant
  }

  /// Decides about a newcomer.
  static func decide(user: UInt32, isGuest: Bool, _ places: [Place]) -> Admission {
    let own = places.filter { $0.user == user }
    let guests = places.filter(\.isGuest)
    if !isGuest {
      guard places.count >= limit else { return .admit }
      // One of all must end, however busy.
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
