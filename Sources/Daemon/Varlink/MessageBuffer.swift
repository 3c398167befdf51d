/// Cuts a stream of bytes into messages, each ended by a NUL (varlink.org, Method Call).
package struct MessageBuffer: Sendable {
  /// More bytes than this without a NUL are no message.
  package let limit: Int
  private var bytes: [UInt8] = []
  /// Where the first message that was not taken yet begins.
  private var start = 0
  /// Up to where there is no NUL.
  private var searched = 0

  /// A sender whose message is longer than is read. There is no way to find the next one's beginning.
  package struct TooLong: Error, Equatable, Sendable {}

  /// An empty buffer.
  package init(limit: Int) {
    self.limit = limit
  }

  /// Whether part of a message is there.
  package var isHalfway: Bool { start < bytes.count }

  /// Adds what was received.
  package mutating func append(_ more: some Collection<UInt8>) {
    if start > 0 {
      bytes.removeFirst(start)
      searched -= start
      start = 0
    }
    bytes.append(contentsOf: more)
  }

  /// The next whole message, without its NUL; nil when more must be received first.
  package mutating func next() throws(TooLong) -> [UInt8]? {
    guard let end = bytes[searched...].firstIndex(of: 0) else {
      searched = bytes.count
      guard bytes.count - start <= limit else { throw TooLong() }
      return nil
    }
    defer {
      start = end + 1
      searched = start
    }
    guard end - start <= limit else { throw TooLong() }
    return Array(bytes[start..<end])
  }
}
