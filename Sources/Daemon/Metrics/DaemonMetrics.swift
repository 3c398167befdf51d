import APBus
import Agent
import HostSystem
import Reports
import Reservation
import ReservationRules

/// What Prometheus collects of the daemon.
///
/// How many series there are depends on adapters and guests, at most 256 each, and never on the number of queues.
package struct DaemonMetrics {
  let status: StatusDocument
  let queues: QueueCounts
  let calls: CallTimes

  /// The metrics of a status.
  package init(_ status: StatusDocument, calls: CallTimes = CallTimes()) {
    self.init(status, queues: QueueCounts(status), calls: calls)
  }

  init(_ status: StatusDocument, queues: QueueCounts, calls: CallTimes) {
    self.status = status
    self.queues = queues
    self.calls = calls
  }

  /// All of them as text.
  package var text: String { Self.families.map { $0.text(self) }.joined() }

  /// The names of all families, `apreserve_up` of the exporter included.
  package static var names: [String] { [Exporter.up.fullName] + families.map(\.fullName) }

  private typealias Family = MetricFamily<DaemonMetrics>

  private static let families: [Family] = [
    // The requests, and what is wrong.
    Family(
      .gauge, "requested_queues", "Queues that are requested for guests, by state.", by: "state",
      Requests.State.self
    ) { $0.agent.requests.counts[$1] ?? 0 },
    Family(
      .gauge, "adapter_requested_queues",
      "Queues of an adapter that are requested for guests, by state.",
      series: { source in
        source.queues.requests.flatMap { adapter, counts in
          series(of: counts, by: "state", [adapterLabel(adapter)])
        }
      }),
    Family(
      .gauge, "guest_requested_queues",
      "Queues that a guest is to have, by state; of at most \(QueueCounts.guestLimit) guests.",
      series: { source in
        source.queues.guests.flatMap { series(of: $0.counts, by: "state", labels(of: $0)) }
      }),
    Family(
      .gauge, "guest_state",
      "How a guest is: 1 for one state, 0 for the others; of at most \(QueueCounts.guestLimit) guests.",
      series: { source in
        source.queues.guests.flatMap { series(of: [$0.state: 1], by: "state", labels(of: $0)) }
      }),
    Family(.gauge, "guests", "Guests, by state.", by: "state", Guest.State.self) {
      $0.queues.guestStates[$1] ?? 0
    },
    Family(
      .gauge, "guest_findings", "What is wrong with guests as they are defined, by kind.",
      by: "finding", GuestFinding.Kind.self
    ) { source, kind in source.warnings.count { $0.guestFinding?.kind == kind } },
    Family(
      .gauge, "host_queues", "Queues that rules keep for the host, by their owner.", by: "owner",
      Owner.self
    ) { $0.queues.keptForHost[$1] ?? 0 },
    Family(
      .gauge, "adapter_queues", "Queues of an adapter, by their owner.",
      series: { source in
        source.queues.owners.flatMap { adapter, counts in
          series(of: counts, by: "owner", [adapterLabel(adapter)])
        }
      }),
    Family(
      .gauge, "key_alarms",
      "Queues whose master keys are not the expected ones, or have changed.", by: "alarm",
      KeyAlarm.Cause.self
    ) { source, cause in
      source.warnings.compactMap(\.keyAlarm).filter { $0.cause == cause }
        .reduce(0) { $0 + $1.apqns.count }
    },
    Family(.gauge, "refusals", "Queues that cannot be reserved or given back.") {
      .integer($0.agent.plan?.refusals.count ?? 0)
    },
    Family(.gauge, "operations_failed", "Operations that failed last.") {
      .integer($0.agent.failures.count)
    },
    Family(.gauge, "unanswered_cards", "Adapters that do not answer.") { source in
      .integer(
        (source.report.inventory?.cards ?? []).count { $0.unanswered?.isAwaited == false })
    },
    Family(.gauge, "degraded", "Whether something does not work as configured.") {
      .integer($0.status.isDegraded ? 1 : 0)
    },
    Family(
      .gauge, "phase", "What the agent is at: 1 for one phase, 0 for the others.", by: "phase",
      Agent.Status.Phase.Word.self
    ) { $0.agent.phase.word == $1 ? 1 : 0 },
    // What the daemon runs with.
    Family(
      .gauge, "build_info", "1, with the version of the daemon.",
      series: { _ in
        [.init(labels: [("version", ProgramVersion.text)], value: .integer(1))]
      }),
    Family(.gauge, "start_time_seconds", "When the daemon was started, since the epoch.") {
      .seconds($0.status.started.sinceEpoch)
    },
    Family(.gauge, "rules", "Rules in force.") { .integer($0.status.rules.rules.rules.count) },
    Family(
      .gauge, "rescan_interval_seconds",
      "How often everything is scanned without any event, unless there is no AP bus."
    ) { .seconds($0.status.rescanInterval) },
    // What it does.
    Family(
      .gauge, "last_reconciliation_timestamp_seconds",
      "When the agent has reconciled last, and could read the bus, since the epoch."
    ) { source in
      source.measurements.lastReconciliation.map { .seconds(source.status.time(of: $0)) }
    },
    Family(.counter, "reconciliations_total", "Reconciliations done.") {
      .count($0.report.reconciliations)
    },
    Family(.histogram, "reconciliation_duration_seconds", "How long reconciliations took.") {
      .histogram($0.measurements.reconciliations)
    },
    Family(
      .histogram, "request_duration_seconds",
      "How long requests were open that were fulfilled then."
    ) { .histogram($0.measurements.requests) },
    Family(
      .counter, "queue_moves_total", "Queues that have another owner, by cause.",
      series: { source in
        Agent.Move.causeWords.map { word in
          .init(
            labels: [("cause", word)], value: .integer(source.measurements.moves[word] ?? 0))
        }
      }),
    Family(.counter, "operation_failures_total", "Operations that have failed, each time.") {
      .integer($0.measurements.failures)
    },
    Family(.counter, "writes_total", "Writes that the kernel has taken.") {
      .count($0.status.board.writes.done)
    },
    Family(.counter, "writes_refused_total", "Writes that the kernel has refused.") {
      .count($0.status.board.writes.refused)
    },
    Family(
      .histogram, "write_duration_seconds", "How long the kernel took to do or refuse a write."
    ) { .histogram($0.measurements.writes) },
    Family(.counter, "events_total", "Kernel events about the AP bus.") {
      .count($0.status.events.events)
    },
    Family(.counter, "events_malformed_total", "Malformed events.") {
      .count($0.status.events.malformed)
    },
    Family(.counter, "overruns_total", "How often the kernel lost events.") {
      .count($0.status.events.overruns)
    },
    Family(
      .counter, "monitor_reopenings_total",
      "How often receiving events failed and was restarted."
    ) { .count($0.status.events.reopenings) },
    Family(
      .histogram, "control_call_duration_seconds",
      "How long it took to answer calls on the control socket, by method.",
      series: { source in
        source.calls.histograms.sorted { $0.key < $1.key }.map {
          .init(labels: [("method", $0.key)], value: .histogram($0.value))
        }
      }),
  ]

  private var report: AgentReport { status.board.report }
  private var agent: Agent.Status { status.board.status }
  private var measurements: Measurements { status.board.measurements }
  private var warnings: [PlanWarning] { agent.plan?.warnings ?? [] }

  /// As messages and rules write it, `0x0a`.
  private static func adapterLabel(_ adapter: UInt8) -> (name: String, value: String) {
    ("adapter", "0x" + Hex.text(adapter, digits: 2))
  }

  private static func labels(of guest: QueueCounts.GuestCounts) -> [(name: String, value: String)] {
    [("guest", guest.name), ("uuid", guest.uuid)]
  }

  /// A series for each case, those of which there are none included.
  private static func series<Label: CaseIterable & RawRepresentable<String> & Hashable>(
    of counts: [Label: Int], by name: String, _ labels: [(name: String, value: String)]
  ) -> [Family.Series] {
    Label.allCases.map {
      .init(labels: labels + [(name, $0.rawValue)], value: .integer(counts[$0] ?? 0))
    }
  }
}

/// The metrics of a status. Queues and guests are counted only where something has changed since the last time, since that
/// is nearly all of the work.
final class MetricsMaker {
  private var last: (revision: StatusDocument.Revision, queues: QueueCounts)?

  func metrics(of status: StatusDocument, calls: CallTimes) -> DaemonMetrics {
    let revision = status.revision
    let queues =
      last.flatMap { $0.revision == revision ? $0.queues : nil } ?? QueueCounts(status)
    last = (revision, queues)
    return DaemonMetrics(status, queues: queues, calls: calls)
  }
}
