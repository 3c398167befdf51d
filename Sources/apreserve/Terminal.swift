import APBus
import ArgumentParser
import CLinux
import Glibc

/// Where results and messages go: results to standard output, messages to standard error.
enum Terminal {
  /// Prints a result as it is. False when nobody reads it any more, as behind `head`: that is no
  /// error, and what is being done goes on. A result that cannot be written, on a full disk for
  /// instance, is one.
  @discardableResult static func print(_ text: String) throws(OutputError) -> Bool {
    switch write(text, to: STDOUT_FILENO) {
    case 0: return true
    case EPIPE: return false
    case let number: throw OutputError(errno: Errno(rawValue: number))
    }
  }

  /// Prints a message with the program's name in front, without anything that a terminal would act on.
  static func say(_ message: String) {
    _ = write("apreserve: \(message.printableLines)\n", to: STDERR_FILENO)
  }

  /// Sees to it that standard input, output and error are open, before any file can take their numbers.
  static func openStandardDescriptors() {
    if apreserve_open_standard_descriptors() != 0 { exit(1) }
  }

  /// Lets a write to a closed pipe fail instead of ending the program: a reader that goes away must
  /// not stop a command between two writes to sysfs.
  static func ignoreClosedPipes() {
    signal(SIGPIPE, SIG_IGN)
  }

  /// Writes all of a text; the answer is 0 or the error's number.
  static func write(_ text: String, to file: Int32) -> Int32 {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }

  /// Whether results go to a terminal.
  static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Whether the environment asks for no colour (no-color.org), or has a terminal without any.
  static var refusesColor: Bool {
    if let value = getenv("NO_COLOR"), value.pointee != 0 { return true }
    return getenv("TERM").map { String(cString: $0) } == "dumb"
  }
}

/// A result that cannot be written.
struct OutputError: Error, CustomStringConvertible {
  /// The kernel's answer.
  var errno: Errno

  /// One sentence.
  var description: String { "writing the result: \(errno)" }
}

/// How the program ends, beside 0 for done.
enum ExitStatus {
  /// Something is wrong; a message said what.
  static let error = ExitCode(1)
  /// A plan has something to do and refuses nothing.
  static let pending = ExitCode(2)
  /// Some requests are refused.
  static let refused = ExitCode(3)
  /// There is no AP bus here.
  static let noBus = ExitCode(4)
}
