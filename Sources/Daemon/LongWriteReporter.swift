import APBus
import HostSystem

/// Says so when a write takes long; it does nothing about it, for nothing can be done.
final class LongWriteReporter {
  private let board: StatusBoard
  private let log: any MessageLog
  private let time = HostTime()
  private var timer: EventTimer?
  /// The write that was last told of, and how long it had taken then.
  private var told: (write: WriteInProgress, after: Duration)?

  /// A write that takes longer is told of, and again whenever it has taken twice as long.
  static let patience = Duration.seconds(5)

  init(_ loop: EventLoop, board: StatusBoard, log: any MessageLog) throws(EventLoopError) {
    self.board = board
    self.log = log
    timer = try EventTimer(loop, tolerance: .milliseconds(500)) { [weak self] in self?.look() }
  }

  /// Takes note of whether the agent is at work.
  func note(isBusy: Bool) {
    if !isBusy {
      timer?.clear()
      told = nil
    } else if timer?.isSet == false {
      timer?.set(after: Self.patience)
    }
  }

  private func look() {
    let state = board.read()
    guard state.isBusy else { return }
    timer?.set(after: Self.patience)
    guard let write = state.writing else { return }
    let lasting = time.now - write.since
    let due = told?.write == write ? (told?.after ?? .zero) * 2 : Self.patience
    guard lasting >= due else { return }
    told = (write, lasting)
    log.write(Self.message(write, now: time.now, "other writes wait, everything else goes on"))
  }

  /// What is told of a write that lasts.
  static func message(_ write: WriteInProgress, now: Duration, _ outlook: String) -> LogMessage {
    LogMessage(
      .warning, .longWrite,
      "writing \"\(write.text.filter { $0 != "\n" })\" to \(write.path) has taken "
        + "\((now - write.since).components.seconds) s so far; \(outlook)",
      fields: [.init("AP_PATH", write.path.description)])
  }
}
