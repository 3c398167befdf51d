import APBus
import ArgumentParser
import CLinux
import Glibc
import JSONText
import Reports

/// Prints results to standard output and messages to standard error.
enum Terminal {
  /// Prints a result. False if its reader has closed the pipe, as `head` does: that is not an error, and
  /// the command continues. A result that cannot be written, to a full disk for instance, is an error.
  @discardableResult static func print(_ text: String) throws(OutputError) -> Bool {
    switch write(text, to: STDOUT_FILENO) {
    case 0: return true
    case EPIPE: return false
    case let number: throw OutputError(errno: Errno(rawValue: number))
    }
  }

  /// Prints a result that may be long: on a terminal with fewer lines through a pager, as git and systemctl do.
  static func page(_ text: String) throws(OutputError) {
    guard let height, text.utf8.count(where: { $0 == UInt8(ascii: "\n") }) >= height,
      let pager = Pager.usual, pager.show(text)
    else {
      try print(text)
      return
    }
  }

  /// How many lines the terminal has; nil where results do not go to one.
  private static var height: Int? {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return nil }
    return Int(size.ws_row)
  }

  /// Prints a message after the name of the program, without control characters.
  static func say(_ message: String) {
    _ = write("apreserve: \(message.printableLines)\n", to: STDERR_FILENO)
  }

  /// Opens standard input, output and error if they are closed, before any file can get their numbers.
  static func openStandardDescriptors() {
    if apreserve_open_standard_descriptors() != 0 { exit(1) }
  }

  /// Lets a write to a closed pipe fail instead of ending the program between two writes to sysfs.
  static func ignoreClosedPipes() {
    signal(SIGPIPE, SIG_IGN)
  }

  /// Writes a whole text. The result is 0 or an error number.
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

  /// How many characters a line of the terminal has; nil where results do not go to one. COLUMNS is stronger than
  /// what the terminal says, as for other programs.
  static var width: Int? {
    if let columns = getenv("COLUMNS").flatMap({ Int(String(cString: $0)) }), columns > 0 {
      return columns
    }
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// Whether the environment requests no colours (no-color.org) or the terminal has none.
  static var refusesColor: Bool {
    if let value = getenv("NO_COLOR"), value.pointee != 0 { return true }
    return refusesMovement
  }

  /// Whether the terminal cannot erase a line.
  static var refusesMovement: Bool { getenv("TERM").map { String(cString: $0) } == "dumb" }
}

/// A line about what is waited for, on a terminal only, that is replaced and in the end erased.
struct Progress {
  private var isVisible = false

  /// Whether messages go to a terminal.
  static var isShown: Bool { isatty(STDERR_FILENO) == 1 && !Terminal.refusesMovement }

  mutating func show(_ text: String) {
    guard Self.isShown else { return }
    let room = (Terminal.width ?? 80) - 1
    _ = Terminal.write("\r\u{1b}[K\(text.printable.prefix(room))", to: STDERR_FILENO)
    isVisible = true
  }

  mutating func clear() {
    guard isVisible else { return }
    _ = Terminal.write("\r\u{1b}[K", to: STDERR_FILENO)
    isVisible = false
  }
}

/// A program that shows long texts.
struct Pager {
  private let command: String

  /// `$APRESERVE_PAGER`, `$PAGER` or less; nil if that is empty or `cat`, and on a terminal that cannot move.
  static var usual: Pager? {
    guard !Terminal.refusesMovement else { return nil }
    let named = ["APRESERVE_PAGER", "PAGER"].lazy.compactMap { (name: String) in
      getenv(name).map { String(cString: $0) }
    }.first
    let command = named ?? (isInstalled("less") ? "less" : "")
    return command.isEmpty || command == "cat" ? nil : Pager(command: command)
  }

  private static func isInstalled(_ program: String) -> Bool {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }

  /// Shows a text until the pager ends. False if it cannot be started.
  func show(_ text: String) -> Bool {
    // As for git: leave at once what fits, show colours, and keep the text on the screen.
    setenv("LESS", "FRX", 0)
    // Who may run this program as root must not get a shell from the pager by that.
    if getenv("SUDO_UID") != nil || getuid() != geteuid() { setenv("LESSSECURE", "1", 1) }
    guard let stream = popen(command, "w") else { return false }
    let bytes = Array(text.utf8)
    let written = fwrite(bytes, 1, bytes.count, stream)
    let status = pclose(stream)
    // 127 is the shell's word for a program that is not there.
    return !(status >> 8 & 0xff == 127 && written >= 0)
  }
}

/// Prints a result again and again, until the program is interrupted or nobody reads it any more.
enum Watch {
  /// A second is what a person notices, and costs a daemon nothing.
  private static let pause = Duration.seconds(1)

  /// On a terminal the text is replaced each time. Elsewhere one follows the other after an empty line, whenever
  /// `key` has changed.
  static func run(_ read: () throws -> (key: JSONValue, text: String)) throws {
    let isInteractive = Terminal.isInteractive
    var last: JSONValue?
    while true {
      let (key, text) = try read()
      if isInteractive {
        // Home, and erase what is below: less flicker than erasing first.
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        try Terminal.print("\u{1b}[H" + lines.joined(separator: "\u{1b}[K\n") + "\u{1b}[J")
      } else if key != last {
        guard try Terminal.print((last == nil ? "" : "\n") + text) else { return }
      }
      last = key
      usleep(UInt32(pause.components.seconds) * 1_000_000)
    }
  }
}

/// A result that cannot be written.
struct OutputError: Error, CustomStringConvertible {
  var errno: Errno

  var description: String { "writing the result: \(errno)" }
}

/// The exit status of the program, beside 0 for success.
enum ExitStatus {
  /// An error, which a message has described.
  static let error = ExitCode(1)
  /// A plan has changes and refuses nothing.
  static let pending = ExitCode(2)
  /// Something is refused.
  static let refused = ExitCode(3)
  /// There is no AP bus.
  static let noBus = ExitCode(4)
}

/// Runs a command. An error is printed as a sentence, without the usage that follows wrong arguments, and
/// the exit status is 1.
func reportingErrors(_ body: () throws -> Void) throws {
  do {
    try body()
  } catch let code as ExitCode {
    throw code
  } catch {
    Terminal.say("\(error)")
    throw ExitStatus.error
  }
}

enum ColorChoice: String, CaseIterable, ExpressibleByArgument {
  case auto, always, never
}

struct ColorOptions: ParsableArguments {
  @Option(help: "When to use colours; auto is on a terminal, unless NO_COLOR is set.")
  var color = ColorChoice.auto

  var style: TextStyle {
    let isColored =
      switch color {
      case .always: true
      case .never: false
      case .auto: Terminal.isInteractive && !Terminal.refusesColor
      }
    return TextStyle(isColored: isColored, width: Terminal.width)
  }
}

struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as JSON.")
  var json = false

  @OptionGroup var color: ColorOptions

  var style: TextStyle { color.style }

  /// Prints the result as text or, with --json, as JSON.
  func print(text: @autoclosure () -> String, json document: @autoclosure () -> JSONValue) throws {
    try Terminal.print(json ? document().documentText : text())
  }
}
