import APBus

/// A type that a card can have, with its name ready to be matched.
struct CardType {
  var number: UInt8
  var mode: QueueMode
  private var scalars: [UInt32]
  private var folded: [UInt32]

  /// All that have a name.
  static let all: [CardType] = (UInt8.min...UInt8.max).flatMap { number in
    QueueMode.allCases.compactMap { mode in CardType(number, mode) }
  }

  private init?(_ number: UInt8, _ mode: QueueMode) {
    guard let name = HardwareType(rawValue: number).name(mode: mode) else { return nil }
    self.number = number
    self.mode = mode
    scalars = Glob.scalars(of: name, foldingCase: false)
    folded = Glob.scalars(of: name, foldingCase: true)
  }

  func matches(_ glob: Glob) -> Bool { glob.matches(glob.ignoresCase ? folded : scalars) }
}
