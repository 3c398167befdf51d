import HostSystem

/// Serves whoever connects to the control socket: few at a time, so that a crowd costs little, and always
/// some room for root.
final class ControlServer {
  private let loop: EventLoop
  private let socket: LocalSocket
  private let serve: (Call, LocalSocket.Peer) -> Answer
  private let time = HostTime()
  private var source: EventSource?
  private var sweep: EventTimer?
  private var connections: [Int: ControlConnection] = [:]
  private var lastNumber = 0

  /// The most clients that get long answers at a time.
  static let longAnswerLimit = 8

  /// Serves connections to `socket`.
  init(
    _ loop: EventLoop, socket: LocalSocket, serve: @escaping (Call, LocalSocket.Peer) -> Answer
  ) throws(EventLoopError) {
    self.loop = loop
    self.socket = socket
    self.serve = serve
    sweep = try EventTimer(loop, tolerance: .seconds(1)) { [weak self] in self?.dropOverdue() }
    source = try loop.watch(socket.descriptor, priority: .low) { [weak self] _ in self?.accept() }
  }

  /// Whether one more long answer is too many.
  var isAnsweringTooMuch: Bool {
    connections.values.count { $0.isAnsweringLong } >= Self.longAnswerLimit
  }

  private func accept() {
    // Not for ever: the loop has more to do. What is left comes at the next turn.
    for _ in 0..<16 {
      guard let client = socket.accept() else { return }
      guard let peer = client.peer, makeRoom(for: peer) else { continue }
      lastNumber += 1
      let number = lastNumber
      connections[number] = try? ControlConnection(
        client, peer, loop: loop, time: time, serve: serve,
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
