import Daemon
import HostSystem
import Testing

@Suite struct `The exporter` {
  private static let metrics = "# HELP a A.\n# TYPE a gauge\na 1\n"

  private func answer(
    _ request: String,
    _ metrics: @escaping () -> Result<String, ControlError> = { .success(metrics) }
  ) -> (head: [String], body: String) {
    let bytes = Exporter(metrics: metrics).answer(.success(Array(request.utf8))).bytes(
      at: 784_111_777)
    let text = String(decoding: bytes, as: UTF8.self)
    let end = text.firstRange(of: "\r\n\r\n") ?? text.endIndex..<text.endIndex
    return (
      text[..<end.lowerBound].split(separator: "\r\n").map(String.init),
      String(text[end.upperBound...])
    )
  }

  @Test func `answers with the metrics of the daemon, and that there is one`() {
    let (head, body) = answer("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    let expected =
      "# HELP apreserve_up Whether the daemon has answered the exporter.\n# TYPE apreserve_up gauge\n"
      + "apreserve_up 1\n" + Self.metrics
    #expect(body == expected)
    #expect(
      head == [
        "HTTP/1.1 200 OK", "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "Content-Type: text/plain; version=0.0.4; charset=utf-8",
        "Content-Length: \(expected.utf8.count)", "Connection: close",
      ])
  }

  @Test func `answers without a daemon, too, and says why in a comment`() {
    let (head, body) = answer("GET /metrics HTTP/1.1\r\n\r\n") { .failure(.closed("/a\nb")) }
    #expect(head.first == "HTTP/1.1 200 OK")
    #expect(
      body.hasSuffix(
        "\napreserve_up 0\n# the daemon at /a\\nb has closed the connection\n"), "\(body)")
  }

  @Test func `answers HEAD without a body`() {
    let (head, body) = answer("HEAD /metrics HTTP/1.1\r\n\r\n")
    #expect(head.first == "HTTP/1.1 200 OK")
    #expect(head.contains { $0.hasPrefix("Content-Length: 1") })
    #expect(body == "")
  }

  @Test(arguments: [
    ("GET /metrics HTTP/1.0\r\n\r\n", "200 OK"), ("GET /metrics?name[]=a HTTP/1.1\n\n", "200 OK"),
    ("GET http://kvm1:8561/metrics HTTP/1.1\r\n\r\n", "200 OK"),
    ("GET HTTP://kvm1 HTTP/1.1\r\n\r\n", "200 OK"), ("GET / HTTP/1.1\r\n\r\n", "200 OK"),
    ("GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found"),
    ("GET /../metrics HTTP/1.1\r\n\r\n", "404 Not Found"),
    ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
    ("get /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
    ("GET /metrics HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"),
    ("GET /metrics\r\n\r\n", "400 Bad Request"),
    ("GET  /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
    ("GET /metrics HTTP/1.1 \r\n\r\n", "400 Bad Request"), ("\r\n\r\n", "400 Bad Request"),
    ("GET metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
    ("GET /metrics http/1.1\n\n", "400 Bad Request"),
    ("GET /metrics HTTP/1.1", "400 Bad Request"), ("", "400 Bad Request"),
    ("GET /m\u{e4}trics HTTP/1.1\r\n\r\n", "400 Bad Request"),
    ("GET /metrics\u{0} HTTP/1.1\r\n\r\n", "400 Bad Request"),
  ])
  func `answers a request by its first line`(request: String, status: String) {
    let (head, body) = answer(request)
    #expect(head.first == "HTTP/1.1 \(status)")
    #expect(head.contains("Allow: GET, HEAD") == status.hasPrefix("405"))
    #expect(!body.isEmpty)
  }

  @Test(arguments: RequestError.allCases)
  func `answers every error with a status of HTTP`(error: RequestError) {
    let bytes = Exporter { .success("") }.answer(.failure(error)).bytes(at: 0)
    let line = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    #expect(line.wholeMatch(of: /HTTP\/1.1 [45][0-9][0-9] [A-Za-z ]+/) != nil, "\(line)")
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", true), ("GET / HTTP/1.1\n\n", true), ("a\r\n\n", true),
    ("GET / HTTP/1.1\r\n", false), ("GET / HTTP/1.1\r\nHost: x\r\n", false), ("\r\n", false),
    ("", false), ("\n\nmore", true),
  ])
  func `reads up to the empty line`(text: String, isWhole: Bool) {
    #expect(ScrapeRequest.isWhole(Array(text.utf8)) == isWhole)
  }
}
