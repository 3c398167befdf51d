import ArgumentParser
// The streams are variables in C; nothing ever assigns them.
@preconcurrency import Glibc
import Reports

/// Where results and messages go: results to standard output, messages to standard error.
enum Terminal {
  /// Prints a result as it is.
  static func print(_ text: String) {
    Swift.print(text, terminator: "")
  }

  /// Writes out what was printed, and tells whether all of it, since the program began, got where it
  /// should: a stream keeps its error, but forgets the text that it could not write.
  static func hasWrittenAll() -> Bool {
    fflush(stdout) == 0 && ferror(stdout) == 0
  }

  /// Prints a message with the program's name in front.
  static func say(_ message: String) {
    // What was printed before comes before, also where both go to one file.
    fflush(nil)
    var rest = Array("apreserve: \(message)\n".utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Whether results go to a terminal.
  static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether the environment asks for no colour (no-color.org).
  static var refusesColor: Bool {
    guard let value = getenv("NO_COLOR") else { return false }
    return value.pointee != 0
  }
}

/// How the program ends, beside 0 for done.
enum ExitStatus {
  /// Something is wrong; a message said what.
  static let error = ExitCode(1)
  /// A plan has something to do and refuses nothing.
  static let pending = ExitCode(2)
  /// Some wishes are refused.
  static let refused = ExitCode(3)
  /// There is no AP bus here.
  static let noBus = ExitCode(4)
}
