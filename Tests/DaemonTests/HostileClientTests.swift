import APBus
import Glibc
import HostSystem
import JSONText
import Testing
@testable import Daemon

@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `A hostile client` {
  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"

  @Test func `with half messages is served nothing, and others are served`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      let half = try LocalSocket.connect(to: machine.control)
      _ = half.send(Array(#"{"method":"org.apre"#.utf8)[...])
      #expect(try machine.settle()["phase"] == "settled")
      // The other half makes it whole.
      _ = half.send(Array(#"serve.GetStatus"}"#.utf8)[...] + [0])
      #expect(half.waitForBytes(.seconds(60)))
    }
  }

  @Test(arguments: ["not JSON\0", "[]\0", "{}\0", "{\"method\":7}\0", "\0", "\u{1}\0"])
  func `with nonsense is disconnected`(message: String) async {
    await #expect(processExitsWith: .success) { [message] in
      let machine = try LiveMachine(.mask, rules: Self.rule)
      let client = try LocalSocket.connect(to: machine.control)
      _ = client.send(Array(message.utf8)[...])
      var buffer = [UInt8](repeating: 0, count: 100)
      #expect(client.receive(&buffer) == .closed)
      #expect(try machine.settle()["phase"] == "settled")
    }
  }

  @Test func `with a message of 100 MB is disconnected before it costs anything`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      let client = try LocalSocket.connect(to: machine.control)
      let piece = [UInt8](repeating: 0x20, count: 65_536)[...]
      var sent = 0
      while sent < 100_000_000, case .count(let count) = client.send(piece) { sent += count }
      // What the kernel holds of a connection comes on top of what is read.
      #expect(sent < 4 * ControlConnection.messageLimit + 1_000_000)
      #expect(try machine.settle()["phase"] == "settled")
    }
  }

  @Test func `with 1,000 connections blocks others no longer than it holds them`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = min(limit.rlim_max, 4096)
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      var clients: [LocalSocket] = []
      for _ in 0..<1000 { clients.append(try LocalSocket.connect(to: machine.control)) }
      #expect(clients.count == 1000)
      // All of them are from the daemon's own user, so there is no room for one more until they go.
      clients.removeAll()
      try machine.wait { (try? machine.settle()) != nil }
    }
  }

  /// Clients that ask again and again, and read no answer.
  private static func crowd(asking call: Call, of machine: LiveMachine) throws -> [LocalSocket] {
    try (0..<20).map { _ in
      let client = try LocalSocket.connect(to: machine.control)
      for _ in 0..<50 { _ = client.send(call.message[...]) }
      return client
    }
  }

  @Test func `that never reads costs one answer`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(
        .mask, rules: Self.rule, adapters: Array(0...63), domains: 0...63)
      try machine.settle()
      let clients = try Self.crowd(
        asking: Call("org.apreserve.ListQueues", wantsMore: true), of: machine)
      #expect(try machine.settle()["phase"] == "settled")
      #expect(!clients.isEmpty)
    }
  }

  @Test func `that never reads long plans makes others get an error that there are too many`() async
  {
    await #expect(processExitsWith: .success) {
      // Each queue of half the rows and columns is a refusal of its own.
      let machine = try LiveMachine(
        .mask, rules: "ADAPTER==\"0-0x1f\", DOMAIN==\"0-0x1f\", RESERVE=\"vfio_ap\"\n",
        adapters: Array(0...63), domains: 0...63)
      try machine.settle()
      var clients = try Self.crowd(asking: Call("org.apreserve.Plan"), of: machine)
      #expect(try machine.settle()["phase"] == "settled")
      let honest = try ControlClient(path: machine.control)
      let error = #expect(throws: ControlError.self) {
        try honest.call(Call("org.apreserve.Plan"), timeout: .seconds(60))
      }
      #expect("\(error as Any)".contains("org.apreserve.Busy"))
      clients.removeAll()
      try machine.wait {
        (try? honest.call(Call("org.apreserve.Plan"), timeout: .seconds(60))) != nil
      }
    }
  }

  @Test func `cannot ask for what is unknown`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      let client = try ControlClient(path: machine.control)
      func error(_ call: Call) -> String? {
        do throws(ControlError) {
          _ = try client.call(call, timeout: .seconds(60))
          return nil
        } catch {
          guard case .refused(let name, _) = error else { return "\(error)" }
          return name
        }
      }
      #expect(error(Call("org.apreserve.Nothing")) == "org.varlink.service.MethodNotFound")
      #expect(error(Call("org.other.Thing")) == "org.varlink.service.InterfaceNotFound")
      #expect(error(Call("nonsense")) == "org.varlink.service.InterfaceNotFound")
      let explain = "org.apreserve.Explain"
      #expect(error(Call(explain)) == "org.varlink.service.InvalidParameter")
      #expect(
        error(Call(explain, parameters: [.init("queue", "x")]))
          == "org.varlink.service.InvalidParameter")
      let list = "org.apreserve.ListQueues"
      #expect(
        error(Call(list, parameters: [.init("adapter", .integer(256))]))
          == "org.varlink.service.InvalidParameter")
      #expect(error(Call(explain, parameters: [.init("queue", "01.0000")])) == nil)
    }
  }
}
