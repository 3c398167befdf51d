import Testing

/// Programs of others, written in Python, which judge what we say (`Tests/Tools`).
enum Python {
  /// Why a test is skipped.
  static let hint: Comment = "it is not installed: make clients"

  private static let root =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  /// Whether there is such a module.
  static func has(_ module: String) -> Bool {
    (try? start(["-c", "import \(module)"])).map { Program.wait(for: $0) } == 0
  }

  /// Runs a program of `Tests/Tools`; its exit status.
  static func run(_ program: String, _ arguments: String...) throws -> Int {
    try run(program, arguments)
  }

  static func run(_ program: String, _ arguments: [String]) throws -> Int {
    Program.wait(for: try start(["\(root)/Tests/Tools/\(program)"] + arguments))
  }

  private static func start(_ arguments: [String]) throws -> Int32 {
    try Program.start(
      "env", ["PYTHONPATH=\(root)/.build/python", "python3", "-B"] + arguments)
  }
}
