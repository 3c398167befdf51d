/// A pattern of bytes in which `*` stands for any of them and `?` for one.
struct Wildcard: Equatable, Sendable {
  private let pattern: [UInt8]

  /// The pattern of that text.
  init(_ text: String) {
    pattern = Array(text.utf8)
  }

  /// Whether it fits the whole text. Takes at most the product of both lengths.
  func matches(_ text: some StringProtocol) -> Bool {
    let text = Array(text.utf8)
    var position = 0
    var index = 0
    /// Where to go on when what follows the last star does not fit.
    var retry: (position: Int, index: Int)?
    while index < text.count || position < pattern.count {
      if position < pattern.count {
        if pattern[position] == UInt8(ascii: "*") {
          position += 1
          retry = (position, index)
          continue
        }
        if index < text.count,
          pattern[position] == UInt8(ascii: "?") || pattern[position] == text[index]
        {
          position += 1
          index += 1
          continue
        }
      }
      guard let last = retry, last.index < text.count else { return false }
      position = last.position
      index = last.index + 1
      retry = (position, index)
    }
    return true
  }
}
