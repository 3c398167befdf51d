/// The verification pattern of the master keys that a queue's domain has now: two queues with the same
/// pattern can use the same secure keys.
public struct MasterKeyPattern: Hashable, Sendable, CustomStringConvertible {
  /// The patterns, each with its register's name, `AES 0x...`, ascending; none while no current master
  /// key is valid, so that no secure key works with the queue.
  public private(set) var registers: [String]

  /// A pattern of these registers.
  public init(registers: [String]) {
    self.registers = registers.sorted()
  }

  /// The pattern in the text of `mkvps`; nil where the text does not tell.
  ///
  /// Of each register only the current key counts. A register that cannot be read shows `-`, and one
  /// such makes the whole pattern unknown (SimulatedBus documentation, "Queue attributes").
  public init?(attribute text: String) {
    var registers: [String] = []
    var isTold = false
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let current = words.firstIndex(of: "CUR:"), current == 1 else { continue }
      let value = words.dropFirst(2)
      switch value.first {
      case "valid":
        guard let pattern = value.dropFirst().first, pattern.hasPrefix("0x") else { return nil }
        registers.append("\(words[0]) \(pattern)")
        isTold = true
      case "invalid": isTold = true
      default: return nil
      }
    }
    guard isTold else { return nil }
    self.init(registers: registers)
  }

  /// The registers with commas between them, or `none`.
  public var description: String {
    registers.isEmpty ? "none" : registers.joined(separator: ", ")
  }
}
