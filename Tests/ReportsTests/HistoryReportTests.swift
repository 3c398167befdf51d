import APBus
import Agent
import JSONText
import Reports
import Reservation
import ReservationRules
import Testing

@Suite struct `The history` {
  @Test func `tells time, queue, owners, mechanism, rule and result of each move`() throws {
    let rules = try Example.ruleSet(#"ADAPTER=="1", RESERVE="vfio_ap", NAME="db""#)
    var entry = HistoryEntry(
      time: .seconds(1_800_000_000), apqn: .init(adapter: 1, domain: 4), from: .host, to: .vfioAP,
      cause: .wanted, rule: rules.rules.first, mechanism: .mask, failure: nil)
    var entries = [entry]
    entry.time = .seconds(951_782_399)
    (entry.from, entry.to, entry.cause, entry.rule, entry.mechanism) = (
      .vfioAP, .host, nil, nil, nil
    )
    entries.append(entry)
    (entry.cause, entry.mechanism, entry.failure) = (.givenBack, .bind, "EIO (input/output error)")
    entries.append(entry)
    #expect(
      HistoryReport(Array(entries[1...])).json.text() == """
        [{"time": "2000-02-28T23:59:59Z", "queue": "01.0004", "from": "vfio_ap", "to": "host", "cause": "others"}, {"time": "2000-02-28T23:59:59Z", "queue": "01.0004", "from": "vfio_ap", "to": "host", "cause": "given-back", "mechanism": "bind", "failure": "EIO (input/output error)"}]
        """)
    #expect(
      HistoryReport([entries[0]]).json.text() == """
        [{"time": "2027-01-15T08:00:00Z", "queue": "01.0004", "from": "host", "to": "vfio_ap", "cause": "wanted", "rule": {"file": "/etc/r/50-db.rules", "line": 1}, "label": "db", "mechanism": "mask"}]
        """)
  }
}
