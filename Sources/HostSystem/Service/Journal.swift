import APBus
import CSystemd
import Glibc

/// The system's journal (sd_journal_sendv(3)).
package struct Journal: MessageLog {
  /// The journal. Messages carry the program's name.
  package init() {}

  /// Whether standard error goes to the journal, so that it takes entries with fields as well: the
  /// service manager says so by the number of the socket (systemd.exec(5), JOURNAL_STREAM).
  package static var isConnected: Bool {
    guard let variable = getenv("JOURNAL_STREAM") else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return String(cString: variable) == "\(status.st_dev):\(status.st_ino)"
  }

  package func write(_ message: LogMessage) {
    let lines = Self.lines(message).map { Array($0.utf8) }
    // The entries point into one buffer: each would otherwise have to be held still on its own.
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
