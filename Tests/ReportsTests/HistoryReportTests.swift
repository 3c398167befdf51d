import APBus
import Agent
import JSONText
import Reports
import Reservation
import ReservationRules
import Testing

@Suite struct `The history` {
  @Test func `has time, queue, owners, mechanism, rule and result of each move`() throws {
    let rules = try Example.ruleSet(#"ADAPTER=="1", RESERVE="vfio_ap", NAME="db""#)
    var move = Agent.Move(
      time: WallTime(sinceEpoch: .seconds(1_800_000_000)), apqn: .init(adapter: 1, domain: 4),
      from: .host, to: .vfioAP,
      cause: .wanted, rule: rules.rules.first, mechanism: .mask)
    var history = History()
    history.note(.moved([move]))
    (move.time, move.from, move.to) = (WallTime(sinceEpoch: .seconds(951_782_399)), .vfioAP, .host)
    (move.cause, move.rule, move.mechanism) = (nil, nil, nil)
    history.note(.movedByOthers([move]))
    (move.cause, move.mechanism, move.failure) = (.givenBack, .bind, "EIO (input/output error)")
    let failure = Failure(.queue(move.apqn), .vanished(move.apqn))
    history.note(.failed(failure, missed: [move], pause: nil))
    // The same failure once more.
    move.failure = nil
    history.note(.failed(failure, missed: [move], pause: nil))
    #expect(
      history.json.text() == """
        [{"time": "2027-01-15T08:00:00Z", "queue": "01.0004", "from": "host", "to": "vfio_ap", "cause": "wanted", "rule": {"file": "/etc/r/50-db.rules", "line": 1}, "label": "db", "mechanism": "mask"}, {"time": "2000-02-28T23:59:59Z", "queue": "01.0004", "from": "vfio_ap", "to": "host", "cause": "others"}, {"time": "2000-02-28T23:59:59Z", "queue": "01.0004", "from": "vfio_ap", "to": "host", "cause": "given-back", "mechanism": "bind", "failure": "EIO (input/output error)"}]
        """)
    #expect(
      history.json.elements.map(Agent.Move.line) == [
        #"2027-01-15T08:00:00Z 01.0004 host -> vfio_ap  mask  50-db.rules:1 "db""#,
        "2000-02-28T23:59:59Z 01.0004 vfio_ap -> host  by another process",
        "2000-02-28T23:59:59Z 01.0004 vfio_ap -> host  bind  given back, no rule requests it  "
          + "failed: EIO (input/output error)",
      ])
  }
}
