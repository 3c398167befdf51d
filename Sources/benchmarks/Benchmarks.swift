import Glibc

/// The program `benchmarks`: each of its words runs one comparison and prints it, no word
/// runs all. It fails if answers that must be equal are not.
@main
struct Benchmarks {
  static func main() {
    switch CommandLine.arguments.dropFirst().first {
    case "decisions"?:
      if !DecisionBenchmark().run() { Process.exit(1) }
    case "bus"?:
      if !BusBenchmark().run() { Process.exit(1) }
    case "fleet"?:
      if !FleetBenchmark().run() { Process.exit(1) }
    case nil:
      guard DecisionBenchmark().run(), BusBenchmark().run(), FleetBenchmark().run() else {
        Process.exit(1)
      }
    default:
      print("usage: benchmarks [decisions|bus|fleet]")
      Process.exit(64)
    }
  }
}

/// Figures of this process from the operating system.
enum Process {
  /// Nanoseconds of processor time that the process has had: less disturbed by others than those of a clock,
  /// which would make the one long run of the naive loop slower and the medians of short runs not.
  static var nanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// The largest resident size so far in KiB, `VmHWM` of `/proc/self/status`; nil where the kernel
  /// does not report it. Unlike `getrusage` it does not count memory from before exec.
  static var peakKibibytes: Int? {
    let descriptor = open("/proc/self/status", O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = read(descriptor, &bytes, bytes.count)
    guard count > 0 else { return nil }
    let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("VmHWM:") }) else { return nil }
    return Int(line.filter(\.isNumber))
  }

  /// Ends the process.
  static func exit(_ status: Int32) -> Never {
    Glibc.exit(status)
  }

  /// Runs the body that often and gives the median of its nanoseconds.
  static func median(of runs: Int, _ body: () -> Void) -> UInt64 {
    var times: [UInt64] = []
    for _ in 0..<runs {
      let start = nanoseconds
      body()
      times.append(nanoseconds - start)
    }
    return times.sorted()[runs / 2]
  }
}
