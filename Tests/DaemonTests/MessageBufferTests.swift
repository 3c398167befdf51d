import Testing
import Daemon

@Suite struct `A buffer of messages` {
  private func messages(_ pieces: [String], limit: Int = 100) throws -> [String] {
    var buffer = MessageBuffer(limit: limit)
    var messages: [String] = []
    for piece in pieces {
      buffer.append(Array(piece.utf8))
      while let message = try buffer.next() {
        messages.append(String(decoding: message, as: UTF8.self))
      }
    }
    return messages
  }

  @Test func `cuts at NULs, however the bytes are received`() throws {
    let whole = "one\0two\0\0four\0"
    #expect(try messages([whole]) == ["one", "two", "", "four"])
    #expect(try messages(whole.map { String($0) }) == ["one", "two", "", "four"])
    #expect(try messages(["on", "e\0tw", "o\0\0fo", "ur\0"]) == ["one", "two", "", "four"])
  }

  @Test func `knows whether it is in the middle of a message`() throws {
    var buffer = MessageBuffer(limit: 10)
    #expect(!buffer.isHalfway)
    buffer.append([65, 0, 66])
    #expect(try buffer.next() == [65])
    #expect(buffer.isHalfway)
    buffer.append([0])
    #expect(try buffer.next() == [66])
    #expect(!buffer.isHalfway)
  }

  @Test func `refuses a message that is longer than the limit, ended or not`() throws {
    #expect(try messages([String(repeating: "a", count: 100) + "\0"]).count == 1)
    for end in ["", "\0"] {
      #expect(throws: MessageBuffer.TooLong.self) {
        try messages([String(repeating: "a", count: 101) + end])
      }
    }
  }
}
