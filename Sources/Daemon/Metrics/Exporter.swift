import APBus
import Glibc

/// Answers Prometheus over HTTP: one request, which is only as much of HTTP/1.1 (RFC 9112) as a scrape needs.
package struct Exporter {
  /// The text of the metrics, or why there are none.
  private let metrics: () -> Result<String, ControlError>

  package init(metrics: @escaping () -> Result<String, ControlError>) {
    self.metrics = metrics
  }

  /// What does not come from the daemon. That the daemon does not answer is no failure of the scrape, so that both can be
  /// told apart.
  static let up = MetricFamily<Bool>(.gauge, "up", "Whether the daemon has answered the exporter.")
  {
    .integer($0 ? 1 : 0)
  }

  /// Where metrics are.
  static let path = "/metrics"

  /// The answer to a request whose head is read, or to one whose head is not.
  package func answer(_ head: Result<[UInt8], RequestError>) -> ScrapeAnswer {
    do throws(RequestError) {
      let request = try ScrapeRequest(head: try head.get())
      var answer = try content(of: request.path)
      answer.hasBody = !request.isHead
      return answer
    } catch {
      return ScrapeAnswer(error)
    }
  }

  private func content(of path: String) throws(RequestError) -> ScrapeAnswer {
    switch path {
    case Self.path: return ScrapeAnswer(text: metricsText, type: "text/plain; version=0.0.4")
    case "/": return ScrapeAnswer(text: "The metrics of apreserve are at \(Self.path).\n")
    default: throw .notFound
    }
  }

  private var metricsText: String {
    switch metrics() {
    case .success(let text): Self.up.text(true) + text
    // A comment that a person can read.
    case .failure(let error): Self.up.text(false) + "# \("\(error)".printable)\n"
    }
  }
}

/// A request that is answered with an error.
package enum RequestError: Error, Equatable, Sendable, CaseIterable {
  case malformed, notFound, wrongMethod, timeout, tooLong, wrongVersion

  /// The status and its reason (RFC 9110).
  var status: String {
    switch self {
    case .malformed: "400 Bad Request"
    case .notFound: "404 Not Found"
    case .wrongMethod: "405 Method Not Allowed"
    case .timeout: "408 Request Timeout"
    case .tooLong: "431 Request Header Fields Too Large"
    case .wrongVersion: "505 HTTP Version Not Supported"
    }
  }
}

/// What of a request counts: its first line. No header field changes the answer.
package struct ScrapeRequest: Equatable, Sendable {
  /// The path, without a query.
  package var path: String
  /// Whether only the head of the answer is wanted.
  package var isHead: Bool

  /// The longest head that is read.
  package static let headLimit = 8192

  /// Whether these bytes have the empty line at the end of a head. A line may end without CR (RFC 9112, 2.2).
  package static func isWhole(_ bytes: [UInt8]) -> Bool {
    var isLineEmpty = false
    for byte in bytes where byte != UInt8(ascii: "\r") {
      guard byte == UInt8(ascii: "\n") else {
        isLineEmpty = false
        continue
      }
      if isLineEmpty { return true }
      isLineEmpty = true
    }
    return false
  }

  package init(head: [UInt8]) throws(RequestError) {
    var line = head.prefix { $0 != UInt8(ascii: "\n") }
    guard line.endIndex < head.endIndex else { throw .malformed }
    if line.last == UInt8(ascii: "\r") { line.removeLast() }
    let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    // No part of the line has anything but visible characters of ASCII.
    guard parts.count == 3,
      parts.allSatisfy({ part in !part.isEmpty && part.allSatisfy { (0x21...0x7e).contains($0) } })
    else { throw .malformed }
    let words = parts.map { String(decoding: $0, as: UTF8.self) }
    guard words[2].wholeMatch(of: /HTTP\/[0-9]\.[0-9]/) != nil else { throw .malformed }
    guard words[2].hasPrefix("HTTP/1.") else { throw .wrongVersion }
    guard ["GET", "HEAD"].contains(words[0]) else { throw .wrongMethod }
    isHead = words[0] == "HEAD"
    path = try Self.path(of: words[1][...])
  }

  /// The path of a target, which a proxy is sent with scheme and host (RFC 9112, 3.2.2).
  private static func path(of target: Substring) throws(RequestError) -> String {
    var rest = target
    if rest.lowercased().hasPrefix("http://") {
      rest = rest.dropFirst("http://".count).drop { $0 != "/" && $0 != "?" }
      if rest.first != "/" { rest = "/" + rest }
    }
    guard rest.first == "/" else { throw .malformed }
    return String(rest.prefix { $0 != "?" && $0 != "#" })
  }
}

/// An answer, after which the connection is closed.
package struct ScrapeAnswer {
  var status = "200 OK"
  var text: String
  var type = "text/plain"
  var fields: [String] = []
  var hasBody = true

  init(text: String, type: String = "text/plain") {
    self.text = text
    self.type = type
  }

  init(_ error: RequestError) {
    status = error.status
    text = error.status + "\n"
    if error == .wrongMethod { fields = ["Allow: GET, HEAD"] }
  }

  /// What is sent at a time, in seconds since the epoch.
  package func bytes(at time: Int64) -> [UInt8] {
    let body = Array(text.utf8)
    let head =
      [
        "HTTP/1.1 \(status)", "Date: \(Self.date(time))", "Content-Type: \(type); charset=utf-8",
        "Content-Length: \(body.count)", "Connection: close",
      ] + fields
    return Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (hasBody ? body : [])
  }

  /// As `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
  private static func date(_ time: Int64) -> String {
    var seconds = time_t(time)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let day = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][Int(parts.tm_wday)]
    let month = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ][Int(parts.tm_mon)]
    return "\(day), \(two(parts.tm_mday)) \(month) \(parts.tm_year + 1900) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
  }
}
