import CUeventInjection
import Glibc

/// The program `host-benchmarks`: what the daemon costs on a host, against the plainest program that does
/// the same. Everything happens in a network namespace of its own, where uevents can be injected.
@main
enum HostBenchmarks {
  static func main() throws {
    guard apreserve_unshare_network() == 0 else {
      print("skipped: a network namespace of its own is refused here; run it as root")
      return
    }
    let injection = apreserve_open_injection()
    guard injection >= 0 else { fatalError("uevents cannot be injected: errno \(-injection)") }
    try EventRateBenchmark(injection).run()
    try LatencyBenchmark(injection).run()
    try ScanBenchmark().run()
    try ProcessBenchmark(injection).run()
  }
}
