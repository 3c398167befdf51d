import APBus
import Glibc

/// Messages as plain text, a line each with its level, for people at a terminal.
package struct TextLog: MessageLog {
  private let descriptor: Int32
  private let level: LogMessage.Level

  /// Messages that are at least so important, to standard error or to another open file.
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
