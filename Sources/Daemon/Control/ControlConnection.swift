import APBus
import HostSystem

enum Answer {
  case reply(Reply)
  /// One reply that is encoded already.
  case message([UInt8])
  /// Replies one after the other, each made when there is room for it; the last one says so.
  case replies(() -> Reply)
  /// A reply that is given later to what is handed over.
  case later((PendingReply) -> Void)
}

/// A call that is still to be answered, by a client that may have disconnected.
struct PendingReply {
  fileprivate weak var connection: ControlConnection?
  fileprivate let call: Call

  /// Whether the client is still there.
  var isWanted: Bool { connection.map { !$0.hasEnded } ?? false }

  func send(_ reply: Reply) { send(reply.message) }

  /// Sends a reply that is encoded already.
  func send(_ message: [UInt8]) { connection?.finish(call, with: message) }
}

/// One client: its calls are answered in order, and the next one is not read before the answer to the
/// last one is on its way. So a client that never reads costs one answer and no more.
final class ControlConnection {
  private let socket: LocalSocket
  let peer: LocalSocket.Peer
  private let serve: (Call, LocalSocket.Peer) -> Answer
  /// Called when a call was answered, with the time since it was read.
  private let onAnswer: (Call, Duration) -> Void
  private let onEnd: () -> Void
  private let time: HostTime
  private var source: EventSource?

  private var input = MessageBuffer(limit: ControlConnection.messageLimit)
  private var output: ArraySlice<UInt8> = []
  private var nextReply: (() -> Reply)?
  /// The call that is being answered, and when it was read.
  private var current: (call: Call, begin: Instant)?
  private var isWaiting = false
  private(set) var hasEnded = false
  /// When something was last received or sent.
  private(set) var lastProgress: Instant

  /// The longest call that is read; those of this program are shorter than a hundredth of that.
  static let messageLimit = 64 * 1024
  /// Answers of more bytes than this are bounded in number.
  static let longAnswer = 64 * 1024
  /// How long a client may stay in the middle of a message or of an answer.
  static let patience = Duration.seconds(30)
  /// How long a client may stay without asking anything.
  static let idleTime = Duration.seconds(300)

  init(
    _ socket: LocalSocket, peer: LocalSocket.Peer, loop: EventLoop, time: HostTime,
    serve: @escaping (Call, LocalSocket.Peer) -> Answer,
    onAnswer: @escaping (Call, Duration) -> Void, onEnd: @escaping () -> Void
  ) throws(EventLoopError) {
    self.socket = socket
    self.peer = peer
    self.serve = serve
    self.onAnswer = onAnswer
    self.onEnd = onEnd
    self.time = time
    lastProgress = time.now
    source = try loop.watch(socket.descriptor, priority: .low) { [weak self] readiness in
      self?.proceed(readiness)
    }
  }

  /// Whether it is one of those who may only read.
  var isGuest: Bool { !ControlPermission.mayChange(peer) }
  /// Whether a long answer is on its way, or several are made one after the other, for which the machine
  /// as it was is kept.
  var isAnsweringLong: Bool { nextReply != nil || output.count > Self.longAnswer }

  /// Whether the client asks for nothing just now.
  var isIdle: Bool { output.isEmpty && nextReply == nil && !isWaiting && !input.isHalfway }

  /// Whether the client has had more time than it may take.
  func isOverdue(now: Instant) -> Bool {
    if !output.isEmpty || nextReply != nil || input.isHalfway {
      return now - lastProgress > Self.patience
    }
    return !isWaiting && now - lastProgress > Self.idleTime
  }

  private func proceed(_ readiness: EventLoop.Readiness) {
    if readiness.contains(.writing) { flush() }
    if readiness.contains(.reading) { receive() }
    if !readiness.isDisjoint(with: .hangup), !readiness.contains(.reading) { return end() }
    advance()
  }

  private func receive() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    switch socket.receive(&buffer) {
    case .count(let count):
      lastProgress = time.now
      input.append(buffer[..<count])
    case .notNow: break
    case .closed: end()
    }
  }

  /// Answers what has been received, as far as the client takes the answers.
  private func advance() {
    while !hasEnded {
      flush()
      guard !hasEnded, output.isEmpty, !isWaiting else { break }
      if let reply = nextReply {
        let reply = reply()
        output = reply.message[...]
        if !reply.continues {
          nextReply = nil
          noteAnswer()
        }
        continue
      }
      do {
        guard let message = try input.next() else { break }
        answer(try Call(message: message))
      } catch {
        // The client does not use the protocol, and where the next message begins is unknown.
        return end()
      }
    }
    guard !hasEnded else { return }
    // While an answer is due nothing is read, so that what a client sends stays with the kernel.
    source?.await(!output.isEmpty ? .writing : isWaiting ? [] : .reading)
  }

  private func answer(_ call: Call) {
    current = (call, time.now)
    switch serve(call, peer) {
    case .reply(let reply): send(reply.message, to: call)
    case .message(let message): send(message, to: call)
    case .replies(let next) where !call.isOneway: nextReply = next
    case .replies: break
    case .later(let register):
      isWaiting = true
      register(PendingReply(connection: self, call: call))
    }
  }

  /// Answers a call that had to wait.
  fileprivate func finish(_ call: Call, with message: [UInt8]) {
    guard !hasEnded, isWaiting else { return }
    isWaiting = false
    lastProgress = time.now
    send(message, to: call)
    advance()
  }

  private func send(_ message: [UInt8], to call: Call) {
    if !call.isOneway { output = message[...] }
    noteAnswer()
  }

  private func noteAnswer() {
    guard let current else { return }
    self.current = nil
    onAnswer(current.call, time.now - current.begin)
  }

  private func flush() {
    while !output.isEmpty {
      switch socket.send(output) {
      case .count(let count):
        lastProgress = time.now
        output = output.dropFirst(count)
      case .notNow: return
      case .closed: return end()
      }
    }
  }

  /// Lets the client go.
  func end() {
    guard !hasEnded else { return }
    hasEnded = true
    source = nil
    nextReply = nil
    onEnd()
  }
}
