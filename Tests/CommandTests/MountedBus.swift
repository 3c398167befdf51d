import Glibc
import TestSupport
import Testing

/// `apreserve simulate --mount`, running beside the test, on a directory of a workbench.
final class MountedBus {
  let bench: Workbench
  /// The directory.
  let path: String
  /// `apreserve`, which watches the server.
  private let process: pid_t
  private var hasEnded = false

  /// Why nothing can be mounted; nil if it can.
  static let obstacle: String? = {
    guard access("/dev/fuse", R_OK | W_OK) == 0 else { return "/dev/fuse cannot be opened" }
    guard geteuid() == 0 else {
      return access("/usr/bin/fusermount3", X_OK) == 0 ? nil : "fusermount3 is not installed"
    }
    // Linux capabilities: CAP_SYS_ADMIN is bit 21.
    guard let status = try? HostText.read("/proc/self/status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
      let hex = line.split(separator: "\t").last, let set = UInt64(hex, radix: 16)
    else { return "/proc/self/status cannot be read" }
    return set & 1 << 21 == 0 ? "mounting is not allowed here" : nil
  }()

  static var isPossible: Bool { obstacle == nil }

  static let scenario = """
    kernel 7.2
    domain add 4,0x47
    card add 5-6 13 cca
    load zcrypt_cex4
    load vfio_ap

    """

  /// A bus on which these faults happen, if there are any (apreserve-scenario(5)).
  init(_ files: KeyValuePairs<String, String> = [:], faults: String? = nil) throws {
    bench = try Workbench(files)
    if let faults { try bench.file("machine.faults", faults) }
    try bench.file("machine.scenario", Self.scenario)
    try bench.directory("sys")
    path = bench.path + "/sys"
    process = try Program.start(
      ["simulate", "--script", "machine.scenario", "--mount", "sys"]
        + (faults == nil ? [] : ["--faults", "machine.faults"]), in: bench)
    for _ in 0..<1000 where access(path + "/bus/ap", F_OK) != 0 { usleep(20_000) }
    try #require(access(path + "/bus/ap", F_OK) == 0)
  }

  deinit {
    if !hasEnded {
      _ = Program.wait(for: (try? Program.start("fusermount3", ["-u", "-z", path])) ?? -1)
      kill(process, SIGTERM)
      _ = Program.wait(for: process)
    }
  }

  /// The process that serves the tree.
  var server: pid_t {
    get throws {
      let children = try HostText.read("/proc/\(process)/task/\(process)/children")
      return try #require(children.split(separator: " ").first.flatMap { pid_t($0) })
    }
  }

  /// Waits for the end; the exit status as a shell has it.
  func end() -> Int {
    hasEnded = true
    return Program.wait(for: process)
  }

  /// What was said on standard error.
  var messages: String { get throws { try bench.text(".messages.\(process)") } }

  /// `ok`, or the call that failed and its error number.
  func write(_ text: String, _ name: String, flags: Int32 = O_WRONLY | O_TRUNC) -> String {
    let file = open(path + "/" + name, flags | O_CLOEXEC)
    guard file >= 0 else { return "open \(errno)" }
    defer { close(file) }
    let bytes = Array(text.utf8)
    return Glibc.write(file, bytes, bytes.count) == bytes.count ? "ok" : "write \(errno)"
  }

  /// The text, or the call that failed and its error number.
  func read(_ name: String) -> String {
    let file = open(path + "/" + name, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "open \(errno)" }
    defer { close(file) }
    return Self.read(file)
  }

  /// The text of an open file, by default from its beginning.
  static func read(_ file: Int32, from offset: Int = 0) -> String {
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = pread(file, &bytes, bytes.count, offset)
    return count < 0 ? "read \(errno)" : String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// What a link names.
  func link(_ name: String) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    let count = readlink(path + "/" + name, &buffer, buffer.count)
    return String(decoding: buffer[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Small files of the host.
enum HostText {
  static func read(_ path: String) throws -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw Workbench.Failure(call: path, errno: errno) }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = Glibc.read(file, &bytes, bytes.count)
    return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
  }
}
