import CUeventInjection
import Glibc
import HostTestSupport

/// The program `host-benchmarks`: what the daemon costs on a host, against the plainest program that does
/// the same. Everything happens in a separate network namespace, where uevents can be injected.
@main
enum HostBenchmarks {
  static func main() throws {
    guard apreserve_unshare_network() == 0 else {
      print("skipped: a network namespace of its own is refused here; run it as root")
      return
    }
    let injection = Injection()
    try EventRateBenchmark(injection: injection).run()
    try LatencyBenchmark(injection: injection).run()
    try ScanBenchmark().run()
    try ProcessBenchmark(injection: injection).run()
    try MountBenchmark().run()
  }
}

enum Clock {
  /// Nanoseconds of a monotonic clock.
  static var now: UInt64 { read(CLOCK_MONOTONIC) }

  /// Nanoseconds of processor time that this thread has had: less disturbed by others than `now`.
  static var spent: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// The value below which that share of the values is.
  static func quantile(_ share: Double, of values: [UInt64]) -> UInt64 {
    let sorted = values.sorted()
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
  }
}

/// A number with so many decimals, at least one.
func decimal(_ value: Double, digits: Int = 1) -> String {
  var factor = 1.0
  for _ in 0..<digits { factor *= 10 }
  let whole = Int((value * factor).rounded())
  let rest = String(whole % Int(factor))
  return "\(whole / Int(factor))." + String(repeating: "0", count: digits - rest.count) + rest
}
