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
    case nil:
      guard DecisionBenchmark().run(), BusBenchmark().run() else { Process.exit(1) }
    default:
      print("usage: benchmarks [decisions|bus]")
      Process.exit(64)
    }
  }
}
