import APBus
package import JSONText
import Reports

/// A daemon's status as its answer has it, for people and for Prometheus.
package struct StatusView {
  private let status: JSONValue

  /// A view of a value of the type `Status` (`org.apreserve.varlink`).
  package init(_ status: JSONValue) {
    self.status = status
  }

  /// For people: the line that says it all first.
  package func text() -> String {
    var lines = [status["summary"]?.text ?? "?"]
    if let mechanism = status["mechanism"]?.text {
      lines.append("mechanism  \(mechanism): \(status["mechanismReason"]?.text ?? "")")
    }
    let rules = status["rules"]
    let files = (rules?["files"]?.elements ?? []).compactMap(\.text)
    lines.append(
      "rules      \(rules?["count"]?.integer ?? 0) in \(counted(files.count, "file"))"
        + Self.origin(rules?["origin"]?.text))
    if let events = events { lines.append("events     \(events)") }
    if let writing = status["writing"] {
      lines.append(
        "writing    \(writing["text"]?.text ?? "") > \(writing["path"]?.text ?? ""), for "
          + "\(Self.digits(writing["seconds"])) s")
    }
    lines += section("problems", texts("problems"))
    lines += section(
      "refused", (status["refusals"]?.elements ?? []).compactMap { $0["message"]?.text },
      of: number("refused"))
    lines += section(
      "waiting",
      (status["waitingQueues"]?.elements ?? []).map {
        "\($0["queue"]?.text ?? "") until \($0["driver"]?.text ?? "") is loaded"
      }, of: number("waiting"))
    lines += section("failed", texts("failures"), of: number("failed"))
    lines += section("warnings", texts("warnings"))
    lines += section(
      "settings",
      (status["settings"]?.elements ?? []).map {
        "\($0["key"]?.text ?? "")=\($0["value"]?.text ?? "")  (\($0["origin"]?.text ?? ""))"
      })
    return lines.map { $0.printable + "\n" }.joined()
  }

  /// For Prometheus, in its text format.
  package func metrics() -> String {
    var text = ""
    func metric(_ name: String, _ kind: String, _ help: String, _ value: Int) {
      text += "# HELP apreserve_\(name) \(help)\n# TYPE apreserve_\(name) \(kind)\n"
      text += "apreserve_\(name) \(value)\n"
    }
    metric(
      "queues_wanted", "gauge", "Queues here that the rules want on vfio_ap.", number("wanted"))
    metric("queues_reserved", "gauge", "Queues of these that are there.", number("reserved"))
    metric("queues_refused", "gauge", "Requests that are refused.", number("refused"))
    metric("queues_waiting", "gauge", "Requests that wait for a driver.", number("waiting"))
    metric(
      "queues_undecidable", "gauge", "Queues about which the rules cannot be decided now.",
      number("undecidable"))
    metric("operations_failed", "gauge", "Operations that failed last.", number("failed"))
    metric(
      "degraded", "gauge", "Whether something does not work as configured.",
      status["degraded"]?.isTrue == true ? 1 : 0)
    metric("rules", "gauge", "Rules in force.", status["rules"]?["count"]?.integer ?? 0)
    let counters = status["counters"]
    for (name, key, help) in [
      ("events_total", "events", "Kernel events about the AP bus."),
      ("events_malformed_total", "malformedEvents", "Events that made no sense."),
      ("overruns_total", "overruns", "How often the kernel lost events."),
      (
        "monitor_reopenings_total", "monitorReopenings",
        "How often receiving events failed and was begun anew."
      ),
      ("looks_total", "looks", "How often the machine was looked at."),
      ("writes_total", "writes", "Writes that the kernel has taken."),
      ("writes_refused_total", "refusedWrites", "Writes that the kernel has refused."),
    ] {
      metric(name, "counter", help, counters?[key]?.integer ?? 0)
    }
    return text
  }

  /// What went wrong with events; nil while nothing did.
  private var events: String? {
    let counters = status["counters"]
    let odd = [
      ("malformedEvents", "without sense"), ("overruns", "times some were lost"),
      ("monitorReopenings", "times receiving failed"),
    ].compactMap { key, words in
      (counters?[key]?.integer).flatMap { $0 > 0 ? "\($0) \(words)" : nil }
    }
    guard !odd.isEmpty else { return nil }
    return (["\(counters?["events"]?.integer ?? 0) received"] + odd).joined(separator: ", ")
  }

  private func number(_ key: String) -> Int { status[key]?.integer ?? 0 }

  private func texts(_ key: String) -> [String] {
    (status[key]?.elements ?? []).compactMap(\.text)
  }

  private func section(_ title: String, _ content: [String], of count: Int? = nil) -> [String] {
    guard !content.isEmpty else { return [] }
    let rest = (count ?? content.count) - content.count
    return ["", title] + content.map { "  " + $0 } + (rest > 0 ? ["  and \(rest) more"] : [])
  }

  private static func origin(_ word: String?) -> String {
    switch word {
    case "earlier-files": ", as they were before the files had errors"
    case "last-good": ", kept by an earlier run, since the files have errors"
    case "nowhere": "; the files have errors and no earlier rules are known"
    default: ""
    }
  }

  private static func digits(_ value: JSONValue?) -> String {
    guard case .number(let digits)? = value else { return "?" }
    return digits
  }
}
