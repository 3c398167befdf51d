import APBus
import ArgumentParser
import CLinux
import Daemon
import Glibc
import HostSystem
import JSONText
import Reports
import Synchronization

/// Prints results to standard output and messages to standard error.
enum Terminal {
  /// Prints a result. False if its reader has closed the pipe, as `head` does: that is not an error, and
  /// the command continues. A result that cannot be written, to a full disk for instance, is an error.
  @discardableResult static func print(_ text: String) throws(OutputError) -> Bool {
    said.withLock { $0.hasResult = true }
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
  static var height: Int? {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return nil }
    return Int(size.ws_row)
  }

  /// What was printed so far.
  private static let said = Mutex((hasResult: false, messages: [String]()))

  /// Prints an error as a document, for programs that read one: after `--json`, if there is no result.
  static func printErrorDocument(status: Int32, _ message: String?) {
    let said = said.withLock { $0 }
    guard !said.hasResult else { return }
    let report = ErrorReport(
      status: status, messages: said.messages + (message.map { [$0] } ?? []))
    _ = try? print(report.json.documentText)
  }

  /// Prints a message after the name of the program, without control characters, and on a terminal in lines of its
  /// width.
  static func say(_ message: String) {
    said.withLock { $0.messages.append(message.printableLines) }
    let isInteractive = isatty(STDERR_FILENO) == 1
    let style = TextStyle(
      isColored: false, width: isInteractive ? width(of: STDERR_FILENO) : nil)
    let lines = "apreserve: \(message.printableLines)".split(
      separator: "\n", omittingEmptySubsequences: false
    ).flatMap { style.lines(String($0), after: "", hanging: 2) }
    _ = write(lines.map { $0 + "\n" }.joined(), to: STDERR_FILENO)
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

  /// Whether a person can be asked.
  static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

  /// Asks a question that is answered with yes or no; anything else, and no answer, is no.
  static func ask(_ question: String) -> Bool {
    _ = write("\(question.printable) [y/N] ", to: STDERR_FILENO)
    guard let answer = readLine() else {
      _ = write("\n", to: STDERR_FILENO)
      return false
    }
    return ["y", "yes"].contains(answer.lowercased().filter { $0 != " " })
  }

  /// Whether results go to a terminal.
  static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

  /// How many characters a line of the terminal has; nil where results do not go to one. COLUMNS is stronger than
  /// what the terminal says, as for other programs.
  static var width: Int? { width(of: STDOUT_FILENO) }

  static func width(of file: Int32) -> Int? {
    if let columns = getenv("COLUMNS").flatMap({ Int(String(cString: $0)) }), columns > 0 {
      return columns
    }
    var size = winsize()
    guard ioctl(file, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
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
    let room = (Terminal.width(of: STDERR_FILENO) ?? 80) - 1
    let text = text.printable
    let line = text.count > room ? text.prefix(max(0, room - 3)) + "..." : text[...]
    _ = Terminal.write("\r\u{1b}[K\(line)", to: STDERR_FILENO)
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
    // Whoever may run this program as root must not get a shell from the pager by that.
    if geteuid() == 0 { setenv("LESSSECURE", "1", 1) }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return false }
    // The pager must not hold the end that it waits for.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    // Ctrl-C is the pager's, which ends by itself.
    let handlers = [SIGINT, SIGQUIT].map { ($0, signal($0, SIG_IGN)) }
    defer { for (number, handler) in handlers { signal(number, handler) } }
    guard let process = Child.start(["/bin/sh", "-c", command], input: ends[0]) else {
      for end in ends { close(end) }
      return false
    }
    close(ends[0])
    // A pager that was left early reads no more.
    _ = Terminal.write(text, to: ends[1])
    close(ends[1])
    // 127 is the shell's word for a program that is not there.
    return Child.wait(for: process) >> 8 & 0xff != 127
  }
}

/// Other programs that this one runs.
enum Child {
  /// Starts a program, which handles signals as any other; nil if it cannot be started.
  static func start(_ words: [String], input: Int32? = nil) -> pid_t? {
    let pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var usual = sigset_t()
    sigemptyset(&usual)
    for number in [SIGINT, SIGQUIT, SIGPIPE] { sigaddset(&usual, number) }
    posix_spawnattr_setsigdefault(&attributes, &usual)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input { posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) }
    var process = pid_t()
    let result = posix_spawnp(&process, words[0], &actions, &attributes, pointers, environ)
    errno = result
    return result == 0 ? process : nil
  }

  /// The status of a program that has ended, as waitpid(2) has it.
  static func wait(for process: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status
  }
}

/// Prints a result again and again, until the program is interrupted or nobody reads it any more.
enum Watch {
  /// A second is what a person notices, and costs a daemon nothing.
  private static let pause = Duration.seconds(1)

  /// On a terminal the text is replaced each time, as much of it as there is room for. Elsewhere one follows the other
  /// after an empty line, whenever `key` has changed. `isFirst` is true once, for what is to be said once.
  static func run(_ read: (_ isFirst: Bool) throws -> (key: JSONValue, text: String)) throws {
    let isInteractive = Terminal.isInteractive
    var last: JSONValue?
    while true {
      let (key, text) = try read(last == nil)
      if isInteractive {
        // Home, and erase what is below: less flicker than erasing first.
        let lines = shown(text, height: Terminal.height ?? 24)
        try Terminal.print("\u{1b}[H" + lines.joined(separator: "\u{1b}[K\n") + "\u{1b}[J")
      } else if key != last {
        guard try Terminal.print((last == nil ? "" : "\n") + text) else { return }
      }
      last = key
      guard isRead(for: pause) else { return }
    }
  }

  private static func shown(_ text: String, height: Int) -> [String] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard lines.count > height else { return lines }
    let room = max(1, height - 1)
    return lines.prefix(room) + ["... \(lines.count - room) more lines"]
  }

  /// Waits. False if nobody reads any more, as `head` after its last line.
  private static func isRead(for time: Duration) -> Bool {
    var request = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
    let count = poll(&request, 1, Int32(time.components.seconds) * 1000)
    return count <= 0 || request.revents & Int16(POLLERR | POLLHUP | POLLNVAL) == 0
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
  } catch let error as ValidationError {
    // The usage of another command would follow.
    Terminal.say(error.message)
    throw ExitCode.validationFailure
  } catch ControlError.refused("org.apreserve.NoInventory", let parameters) {
    Terminal.say("\(ControlError.refused("org.apreserve.NoInventory", parameters))")
    throw ExitStatus.noBus
  } catch let error as FileError where error.isForRoot && geteuid() != 0 {
    Terminal.say("\(error); only root may do that")
    throw ExitStatus.error
  } catch {
    Terminal.say("\(error)")
    throw ExitStatus.error
  }
}

extension FileError {
  /// Whether the file is denied to this user because only root may use it. Any other file may be another user's.
  fileprivate var isForRoot: Bool {
    let places = ["/sys", "/run/apreserve", "/run/lock", "/var/lib/apreserve", "/etc/apreserve"]
    // A directory above a place is denied where the place is to be created.
    return isDenied
      && places.contains { "\(path)/".hasPrefix("\($0)/") || "\($0)/".hasPrefix("\(path)/") }
  }
}

enum ColorChoice: String, CaseIterable, ExpressibleByArgument {
  case auto, always, never
}

struct OutputOptions: ParsableArguments {
  @Flag(help: "Print the result as JSON.")
  var json = false

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

  /// Prints the result as text or, with --json, as JSON.
  func print(text: @autoclosure () -> String, json document: @autoclosure () -> JSONValue) throws {
    try Terminal.print(json ? document().documentText : text())
  }
}
