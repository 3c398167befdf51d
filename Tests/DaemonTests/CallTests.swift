import JSONText
import Testing
import Daemon

@Suite struct `A call` {
  private func call(_ text: String) throws -> Call { try Call(message: Array(text.utf8)) }

  @Test func `is read with its arguments and flags`() throws {
    let call = try call(
      #"{"method":"org.apreserve.Explain","parameters":{"queue":"05.0004","x":null},"more":true}"#)
    #expect(call.method == "org.apreserve.Explain")
    #expect(call.interface == "org.apreserve")
    #expect(call["queue"] == "05.0004")
    #expect(call["x"] == nil)
    #expect(call.wantsMore && !call.isOneway)
    #expect(try self.call(#"{"method":"a.B","oneway":true,"parameters":null}"#).isOneway)
  }

  @Test func `passes over keys of later versions`() throws {
    #expect(try call(#"{"method":"a.B","upgrade":true,"later":[1]}"#).method == "a.B")
  }

  @Test(arguments: [
    "", "{", "[]", "1", "{}", #"{"method":1}"#, #"{"method":"a.B","parameters":[]}"#,
    #"{"method":"a.B"} x"#, "\u{ff}", String(repeating: "[", count: 10_000),
  ])
  func `is refused when it is none`(text: String) {
    #expect(throws: Call.Malformed.self) { try call(text) }
  }

  @Test func `reads back what it writes`() throws {
    for call in [
      Call("org.apreserve.GetStatus"),
      Call("a.B", parameters: [.init("x", "y"), .init("n", .integer(7))], wantsMore: true),
      Call("a.B", isOneway: true),
    ] {
      #expect(call.message.last == 0)
      #expect(try Call(message: call.message.dropLast()) == call)
    }
    for reply in [
      Reply(), Reply([.init("a", "b")], continues: true), .methodNotFound("a.B"),
    ] {
      #expect(try Reply(message: reply.message.dropLast()) == reply)
    }
  }
}
