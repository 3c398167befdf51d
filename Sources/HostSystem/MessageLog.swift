import APBus
import CSystemd
import Glibc

/// A message to the administrator of the machine.
package struct LogMessage: Equatable, Sendable {
  /// The importance, with the numbers of syslog(3).
  package enum Level: Int, Comparable, Sendable {
    /// Something does not work.
    case error = 3
    /// Something may not work, or works differently than requested.
    case warning = 4
    /// Something was changed.
    case notice = 5
    /// Normal operation.
    case info = 6

    package var word: String {
      switch self {
      case .error: "error"
      case .warning: "warning"
      case .notice: "notice"
      case .info: "info"
      }
    }

    /// More important levels are less, as in syslog.
    package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  package var level: Level
  package var kind: MessageKind
  /// A sentence.
  package var text: String
  /// What programs can filter by, such as `AP_QUEUE`, `05.0004`.
  package var fields: [Field]

  package struct Field: Equatable, Sendable {
    /// Capital letters, digits and underscores.
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package init(_ level: Level, _ kind: MessageKind, _ text: String, fields: [Field] = []) {
    self.level = level
    self.kind = kind
    self.text = text
    self.fields = fields
  }
}

/// A destination of messages. It may be used from any thread.
package protocol MessageLog: Sendable {
  /// Writes a message. One that cannot be written is lost.
  func write(_ message: LogMessage)
}

/// The journal of the system (sd_journal_sendv(3)).
package struct Journal: MessageLog {
  package init() {}

  /// Whether standard error is connected to the journal, so that entries with fields can be sent to it as
  /// well. The service manager passes the number of the socket (systemd.exec(5), JOURNAL_STREAM).
  package static var isConnected: Bool {
    guard let variable = getenv("JOURNAL_STREAM") else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return String(cString: variable) == "\(status.st_dev):\(status.st_ino)"
  }

  package func write(_ message: LogMessage) {
    let lines = Self.lines(message).map { Array($0.utf8) }
    // All entries point into one buffer, since each would need a pointer of its own.
    var bytes = lines.flatMap(\.self)
    bytes.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return }
      var entries: [iovec] = []
      var offset = 0
      for line in lines {
        entries.append(iovec(iov_base: base + offset, iov_len: line.count))
        offset += line.count
      }
      _ = sd_journal_sendv(&entries, Int32(entries.count))
    }
  }

  /// The fields of an entry, `NAME=value`.
  package static func lines(_ message: LogMessage) -> [String] {
    [
      "MESSAGE=\(message.text.printableLines)", "PRIORITY=\(message.level.rawValue)",
      "MESSAGE_ID=\(message.kind.identifier)", "SYSLOG_IDENTIFIER=apreserve",
    ] + message.fields.map { "\($0.name)=\($0.value.printable)" }
  }
}

/// Messages as plain text for a terminal, a line each with its level.
package struct TextLog: MessageLog {
  private let descriptor: Int32
  private let level: LogMessage.Level

  /// A log for messages of this level and more important ones, on standard error or another open file.
  package init(level: LogMessage.Level = .info, descriptor: Int32 = STDERR_FILENO) {
    self.level = level
    self.descriptor = descriptor
  }

  package func write(_ message: LogMessage) {
    guard message.level <= level else { return }
    // One write, so that lines of two threads do not mix.
    let bytes = Array(Self.text(message).utf8)
    _ = Glibc.write(descriptor, bytes, bytes.count)
  }

  /// The message as it is printed. Further lines are indented.
  package static func text(_ message: LogMessage) -> String {
    let text = message.text.printableLines.split(separator: "\n", omittingEmptySubsequences: false)
      .joined(separator: "\n  ")
    return "apreserve: \(message.level.word): \(text)\n"
  }
}

/// The kinds of messages, each with its MESSAGE_ID: 32 hex digits under which the journal's catalogue
/// explains it (`packaging/apreserve.catalog`). An identifier never changes its meaning.
package enum MessageKind: String, CaseIterable, Sendable {
  case started = "0ef509707b1d23183b8d6e88f3b36608"
  /// The first reconciliation is finished.
  case ready = "9be9efef1ab0d2170595692944842b60"
  case stopping = "0915b3cb6d523973ab3bd7dd369f8011"
  /// The daemon stops before everything is finished.
  case left = "1f6a3a0c9b544f5e8d0b2c7e61d4a983"
  case mechanism = "d9ceb76e6c95d61d8fda123238888750"
  case moved = "ed6e60478b0a8c6189b8b19dc4157ba1"
  case writeRefused = "41d2759ed908b5c6a2a30ba68e0b6166"
  case failed = "291960b9f308a6fe86ac06ab0f40f9bc"
  case refused = "4ce1046dfd043df11f2250bec270b25d"
  /// Queues wait for a driver.
  case waiting = "d929d78bbb40ecc0806fc076a8d6bc9f"
  case withoutBus = "74b8c23c7f95329a2e471d4016de8576"
  /// The AP bus has not been scanned yet.
  case beforeFirstScan = "a64bed7c27ee04df77d61aa1debe13e0"
  /// Nothing can be decided.
  case problem = "6c05556a407b134c9608b138b148567b"
  case longWrite = "2bd365d6771fa15977078ae20b06c493"
  case longRead = "e81c5f2a07d94b36b5f4928c1de760a3"
  /// Events were lost.
  case overrun = "851893f1fe79a0a508302a62db2d7bcf"
  case rulesLoaded = "1b59a6614d98e84388b6c1877e010ca7"
  case reloadRequested = "4a6c2f7be9154c0d8b37d5f0a61e8c92"
  /// A reconciliation was requested.
  case applyRequested = "3e92c5a07b614d18a6d0f1728c49be35"
  /// Changing over to another mechanism was requested.
  case changeoverRequested = "b64d0a2e83c74f1f95e7206d4ca8f319"
  /// Changing over to another mechanism was refused.
  case changeoverRefused = "e1709c5b2ad64873bf05c3f86e2d714a"
  /// The rules have errors.
  case rulesRefused = "34fcf9975da10820b0dc2732f905cd90"
  /// A change of the rules is taken back unless it is confirmed.
  case rulesTried = "5b0c9e3d714f4a2c8e61f0a7d2934b18"
  case rulesConfirmed = "2f84a6d1c07b4b5e93d20e8b5f71c6a4"
  /// A change of the rules was not confirmed.
  case rulesTakenBack = "8d37f15e42c9406fb18a6c03e95d7f20"
  /// The rules in force cannot be archived, or the archived rules cannot be used.
  case ruleArchive = "c1d35b0e6f7e4c0f9a58a1d3f2b6e744"
  /// The name of the host has changed.
  case hostRenamed = "8f5a41c7d2be4b6e9d0c37a2e1f4b590"
  /// All rules were removed.
  case rulesEmptied = "659d000ec2f522b2faf9760b102dd244"
  /// The configuration has errors.
  case configuration = "0bb102c88dc2cfa9d93785686ad5babc"
  /// Another program holds the lock of the AP configuration.
  case lockHeld = "e0fed31c8b6da13f1541ba067be71f90"
  /// Requests cannot be served.
  case control = "9a0cb2cb4a21ebede890beba3585b6a0"
  /// Messages were suppressed.
  case suppressed = "74308f265723227233a7b4d65708408a"
  /// The record of what is reserved cannot be read.
  case recordDamaged = "996eb77f9057261743ba4923c3a35895"
  /// Queues have another master key than their rule expects.
  case keyAlarm = "91c47e0b5fd34a6c8e2ab60d7735f1c8"
  /// Registers for master keys hold something else than when they were read before.
  case keyChanged = "c6f0a85d2e1b4937b3d86410ef9a25c7"
  /// The ledger of master keys cannot be kept, or not all of it can be read.
  case keyLedger = "3f1e6d2a9c5b48708b74d0e2961fa5c3"
  /// The history cannot be kept, or not all of it can be read.
  case history = "c27d1b90f35e4a68a9f406e2d81b7c5f"
  /// Requested queues are missing, unusable or the like.
  case requestStuck = "5d8e7b19c2634f0fa1d47c0b96e38f52"
  /// Requested queues are no longer missing, unusable or the like.
  case requestFreed = "b7f03c6a48d14e7d8c25e91f7a0d6b43"
  case movedByOthers = "35d847311b55fe38728038d6cb18324d"
  /// New queues were taken from the host although no rule requests them.
  case takenOnArrival = "eaf209fb8206465ca02d94bcb37d8f28"
  /// A plan has a warning.
  case warned = "1674477a1a4b03d20abd67d8a188f52b"
  /// An adapter does not answer.
  case cardSilent = "1bba7441f60d41e08b90c5966e8d5c41"
  /// An adapter answers again.
  case cardAnswers = "1e6569eaa16c4f82a21b7c5fe52f832f"
  /// A queue is drained before it is moved.
  case draining = "6f2924c99a8756c314553762f531034a"
  /// Queues were reserved after vfio_ap had been loaded.
  case lateStart = "af39f99caaea03b79a0ea71eafafee35"
  /// Files of apreserve that others could write to or lock were repaired.
  case repaired = "b1d4c9f07e6a4e0c9a52d3187f60c2ab"

  package var identifier: String { rawValue }
}
