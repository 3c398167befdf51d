/// The program `benchmarks`: each of its words runs one comparison and prints it, no word
/// runs all. It fails if answers that must be equal are not.
@main
struct Benchmarks {
  static func main() {
    switch CommandLine.arguments.dropFirst().first {
    case "decisions"?, nil:
      if !DecisionBenchmark().run() { Process.exit(1) }
    default:
      print("usage: benchmarks [decisions]")
      Process.exit(64)
    }
  }
}
