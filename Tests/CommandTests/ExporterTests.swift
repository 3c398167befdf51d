import Glibc
import TestSupport
import Testing

@Suite struct `The exporter as a program` {
  private let tree: DaemonTree

  init() throws {
    tree = try DaemonTree()
  }

  private var bench: Workbench { tree.bench }

  private func scrape(_ request: String) throws -> String {
    try bench.file("request", request)
    let result = try Program.run(["exporter", "--control", "c"], in: bench, input: "request")
    #expect(result.status == 0)
    #expect(result.messages == "")
    return result.output
  }

  @Test func `answers with what apreserve status --metrics prints`() throws {
    let daemon = try tree.start()
    #expect(try bench.run("settle --control c --timeout 60").status == 0)
    let answer = try scrape("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("\napreserve_up 1\n"))
    let printed = try bench.run("status --control c --metrics").output
    let names = { (text: String) in text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") } }
    #expect(names(answer) == ["# TYPE apreserve_up gauge"] + names(printed))
    #expect(!printed.contains("apreserve_up"))
    withExtendedLifetime(daemon) {}
  }

  @Test func `answers without a daemon`() throws {
    let answer = try scrape("GET /metrics HTTP/1.1\r\n\r\n")
    #expect(answer.contains("\napreserve_up 0\n# the daemon is not running: "), "\(answer)")
    #expect(try bench.run("status --control c --metrics").status == 1)
  }

  @Test func `says nothing to a client that sends nothing, or half a request`() throws {
    #expect(try scrape("") == "")
    #expect(try scrape("GET /metrics HTTP/1.1\r\n") == "")
  }

  @Test func `reads no more than it must of a head without end`() throws {
    let answer = try scrape("GET / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 100_000))
    #expect(answer.hasPrefix("HTTP/1.1 431 "))
  }
}
