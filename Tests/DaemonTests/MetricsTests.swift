import APBus
import Agent
import Glibc
import HostSystem
import Reservation
import ReservationRules
import SimulatedBus
import Synchronization
import TestSupport
import Testing

@testable import Daemon

/// The status of a daemon that has planned for a machine and done nothing yet.
private func status(
  of inventory: Inventory, rules text: String,
  configuration: HostConfiguration = HostConfiguration()
) throws -> StatusDocument {
  let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "r", text: text)])
  try #require(diagnostics.isEmpty)
  let assessment = try Assessment(
    inventory: inventory, rules: rules, context: PlanningContext(configuration: configuration))
  var board = StatusBoard.State()
  board.report.inventory = inventory
  board.report.decisions = assessment.decisions
  board.report.configuration = configuration
  board.report.status = Agent.Status(phase: .settled)
  board.report.status.mechanism = assessment.choice
  board.report.status.plan = assessment.plan
  board.report.status.requests = assessment.requests
  return StatusDocument(
    board: board, rules: RuleKeeper.Condition(), settings: [], events: UdevMonitor.Counts(),
    problems: [], configurationErrors: [], now: Instant(sinceBoot: .seconds(1000)),
    wallTime: WallTime(sinceEpoch: .seconds(1_800_000_000)),
    started: WallTime(sinceEpoch: .milliseconds(1_799_999_000_250)), lastChange: nil,
    rescanInterval: .milliseconds(1500))
}

/// A bus on which overrides move queues, with the queues of these adapters in these domains on the host.
private func inventory(
  adapters: some Sequence<UInt8>, domains: some Sequence<UInt8>
) throws -> Inventory {
  var bus = BusState()
  bus.drivers = [DriverName.cex4card, DriverName.cex4queue, DriverName.vfioAP]
  bus.masks = .all
  bus.supportsOverride = true
  let domains = Array(domains)
  let cards = adapters.map { adapter in
    Card(
      adapter: adapter, hardwareType: HardwareType(rawValue: 13),
      functions: QueueMode.cca.functions, driver: DriverName.cex4card)
  }
  let queues = cards.flatMap { card in
    domains.map {
      Queue(apqn: APQN(adapter: card.adapter, domain: $0), driver: DriverName.cex4queue)
    }
  }
  return try Inventory(bus: bus, cards: cards, queues: queues)
}

private func uuid(_ number: Int) -> String {
  let digits = String(number, radix: 16)
  return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.utf8.count) + digits
}

@Suite struct `The metrics` {
  @Test func `count requests by adapter and by guest, and the queues that the host keeps`() throws {
    var machine = try inventory(adapters: [1, 10], domains: [4, 5])
    let taken = try #require(APQN("0a.0004"))
    machine.setQueue(Queue(apqn: taken, driver: nil), apqn: taken)
    var configuration = HostConfiguration()
    configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid(1), adapters: [1, 9], domains: [4]),
        startsAutomatically: false)
    ]
    configuration.virtualMachines = [
      VirtualMachine(name: "a \"b\"\\c\nd", mediatedDevices: [uuid(1)])
    ]
    let text = DaemonMetrics(
      try status(
        of: machine,
        rules: """
          ADAPTER=="1", RESERVE="vfio_ap"
          APQN=="09.0004", RESERVE="vfio_ap"
          ADAPTER=="0x0a", RESERVE="host"

          """, configuration: configuration)
    ).text
    let guest = #"guest="a \"b\"\\c\nd",uuid="\#(uuid(1))""#
    let lines = Set(text.split(separator: "\n").map(String.init))
    for line in [
      "apreserve_requested_queues{state=\"pending\"} 2",
      "apreserve_requested_queues{state=\"missing\"} 1",
      "apreserve_adapter_requested_queues{adapter=\"0x01\",state=\"pending\"} 2",
      "apreserve_adapter_requested_queues{adapter=\"0x01\",state=\"missing\"} 0",
      "apreserve_adapter_requested_queues{adapter=\"0x09\",state=\"missing\"} 1",
      "apreserve_guest_requested_queues{\(guest),state=\"pending\"} 1",
      "apreserve_guest_requested_queues{\(guest),state=\"missing\"} 1",
      "apreserve_guest_requested_queues{\(guest),state=\"reserved\"} 0",
      "apreserve_guest_state{\(guest),state=\"incomplete\"} 1",
      "apreserve_guest_state{\(guest),state=\"ready\"} 0",
      "apreserve_guests{state=\"incomplete\"} 1",
      "apreserve_host_queues{owner=\"host\"} 1", "apreserve_host_queues{owner=\"none\"} 1",
      "apreserve_host_queues{owner=\"vfio_ap\"} 0",
      "apreserve_adapter_queues{adapter=\"0x0a\",owner=\"none\"} 1",
      "apreserve_adapter_queues{adapter=\"0x01\",owner=\"host\"} 2",
      "apreserve_start_time_seconds 1799999000.25", "apreserve_rescan_interval_seconds 1.5",
    ] {
      #expect(lines.contains(line), "\(line)\n\(text)")
    }
    #expect(!text.contains("adapter_requested_queues{adapter=\"0x0a\""))
  }

  @Test func `of 65,536 queues and any number of guests are a few thousand series`() throws {
    let everything = UInt8.min...UInt8.max
    var configuration = HostConfiguration()
    configuration.definitions = (0..<300).map { number in
      MediatedDeviceDefinition(
        device: MediatedDevice(
          uuid: uuid(number), adapters: [UInt8(number % 256)], domains: [UInt8(number / 256)]),
        startsAutomatically: true)
    }
    let document = try status(
      of: try inventory(adapters: everything, domains: everything),
      rules: "APQN==\"*\", RESERVE=\"vfio_ap\"\n", configuration: configuration)
    let text = DaemonMetrics(document).text
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(lines.count { $0.hasPrefix("apreserve_adapter_requested_queues{") } == 256 * 9)
    #expect(lines.count { $0.hasPrefix("apreserve_guest_state{") } == 256 * 4)
    #expect(lines.contains("apreserve_requested_queues{state=\"pending\"} 65536"))
    // All of them are counted.
    #expect(lines.contains("apreserve_guests{state=\"incomplete\"} 300"))
    #expect(lines.count < 8000)
  }

  @Test func `are counted again only when something has changed`() throws {
    var document = try status(
      of: try inventory(adapters: [1], domains: [4]), rules: "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
    )
    let maker = MetricsMaker()
    #expect(maker.metrics(of: document, calls: CallTimes()).queues.requests.count == 1)
    // What has no part in what is reported.
    document.board.measurements.failures = 7
    let text = maker.metrics(of: document, calls: CallTimes()).text
    #expect(text.contains("\napreserve_operation_failures_total 7\n"))
    document.board.report.status.requests = Requests()
    #expect(maker.metrics(of: document, calls: CallTimes()).queues.requests.isEmpty)
  }

  @Test func `have a time of the last reconciliation once there was one`() throws {
    var document = try status(of: .empty, rules: "")
    let name = "\napreserve_last_reconciliation_timestamp_seconds "
    #expect(!DaemonMetrics(document).text.contains(name))
    document.board.measurements.lastReconciliation = Instant(sinceBoot: .seconds(990))
    #expect(DaemonMetrics(document).text.contains(name + "1799999990\n"))
  }

  @Test func `of durations count all that are within a bound`() {
    let family = MetricFamily<Histogram>(.histogram, "test_seconds", "A test.") { .histogram($0) }
    var histogram = Histogram(milliseconds: [5, 1000])
    for milliseconds in [0, 5, 6, 1000, 1001, 90_000] {
      histogram.note(.milliseconds(milliseconds))
    }
    #expect(
      family.text(histogram) == """
        # HELP apreserve_test_seconds A test.
        # TYPE apreserve_test_seconds histogram
        apreserve_test_seconds_bucket{le="0.005"} 2
        apreserve_test_seconds_bucket{le="1"} 4
        apreserve_test_seconds_bucket{le="+Inf"} 6
        apreserve_test_seconds_sum 92.012
        apreserve_test_seconds_count 6

        """)
  }

  @Test func `have the name of every family once, and of counters the suffix`() throws {
    let text = DaemonMetrics(try status(of: .empty, rules: "")).text
    let types = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
      .map { $0.split(separator: " ").map(String.init) }
    #expect(["apreserve_up"] + types.map { $0[2] } == DaemonMetrics.names)
    #expect(Set(DaemonMetrics.names).count == DaemonMetrics.names.count)
    for words in types {
      #expect((words[3] == "counter") == words[2].hasSuffix("_total"), "\(words)")
      #expect((words[3] == "histogram") == words[2].hasSuffix("_duration_seconds"), "\(words)")
    }
  }
}

@Suite struct `The time that requests are open` {
  private let times = RequestTimes()

  private func note(_ open: [String], of all: [String], at seconds: Int) throws -> [Duration] {
    var machine = try inventory(adapters: [1], domains: [0, 1, 2, 3])
    for name in Set(all).subtracting(open) {
      let apqn = try #require(APQN(name))
      machine.setQueue(Queue(apqn: apqn, driver: DriverName.vfioAP), apqn: apqn)
    }
    let rules = all.map { "APQN==\"\($0)\", RESERVE=\"vfio_ap\"\n" }.joined()
    let status = try status(of: machine, rules: rules).board.status
    #expect(status.requests.open.map(\.apqn.description) == open)
    return times.note(status, now: Instant(sinceBoot: .seconds(seconds)))
  }

  @Test func `ends when they are fulfilled`() throws {
    let all = ["01.0000", "01.0001", "01.0002"]
    // The last one is reserved from the beginning, and was never open.
    #expect(try note(["01.0000", "01.0001"], of: all, at: 10) == [])
    #expect(try note(["01.0001"], of: all, at: 15) == [.seconds(5)])
    #expect(try note(["01.0001"], of: all, at: 20) == [])
    #expect(try note([], of: all, at: 40) == [.seconds(30)])
    #expect(try note([], of: all, at: 50) == [])
    // It is lost later.
    #expect(try note(["01.0002"], of: all, at: 60) == [])
    #expect(try note([], of: all, at: 61) == [.seconds(1)])
  }

  @Test func `is not counted where nothing is requested any more`() throws {
    #expect(try note(["01.0000"], of: ["01.0000"], at: 10) == [])
    #expect(try note([], of: ["01.0001"], at: 20) == [])
    #expect(try note([], of: ["01.0000", "01.0001"], at: 30) == [])
  }

  @Test func `goes on while nothing can be decided`() throws {
    #expect(try note(["01.0000"], of: ["01.0000"], at: 10) == [])
    #expect(times.note(Agent.Status(phase: .beforeFirstScan), now: .boot) == [])
    #expect(times.note(Agent.Status(phase: .withoutBus), now: .boot) == [])
    #expect(try note([], of: ["01.0000"], at: 12) == [.seconds(2)])
  }
}

@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `The metrics of a live machine` {
  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"

  @Test func `count moves and writes, and time them`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: Self.rule)
      try machine.settle()
      let metrics = try machine.metrics()
      for line in [
        "apreserve_queue_moves_total{cause=\"wanted\"} 4",
        "apreserve_request_duration_seconds_count 4",
        "apreserve_request_duration_seconds_bucket{le=\"+Inf\"} 4",
        "apreserve_operation_failures_total 0",
        "apreserve_control_call_duration_seconds_count{method=\"Settle\"} 1",
      ] {
        #expect(metrics.contains("\n\(line)\n"), "\(line)\n\(metrics)")
      }
      let writes = try machine.number("apreserve_writes_total")
      #expect(writes > 4)
      #expect(try machine.number("apreserve_write_duration_seconds_count") == writes)
      #expect(
        try machine.number("apreserve_reconciliation_duration_seconds_count")
          == machine.number("apreserve_reconciliations_total"))
      #expect(try machine.number("apreserve_last_reconciliation_timestamp_seconds") > 1_000_000_000)
    }
  }

  @Test func `count what another process moves, and what is given back`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.override, rules: Self.rule)
      try machine.settle()
      let apqn = try #require(APQN("01.0002"))
      try machine.bus.write("\n", to: .queue(apqn, "driver_override"))
      try machine.bus.write("01.0002", to: .driver("vfio_ap", "unbind"))
      // The daemon may have been faster.
      try? machine.bus.write("01.0002", to: .driver("cex4queue", "bind"))
      try machine.wait {
        try machine.number("apreserve_queue_moves_total{cause=\"others\"}") >= 1
      }
      try machine.tree.file("rules/50-test.rules", "ADAPTER==\"1\", RESERVE=\"host\"\n")
      try machine.reload()
      try machine.settle()
      #expect(try machine.number("apreserve_queue_moves_total{cause=\"given-back\"}") == 4)
    }
  }

  @Test func `count operations that fail and writes that are refused`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(
        .override, rules: Self.rule, onBus: { $0.refusesWrites.store(true, ordering: .relaxed) })
      try machine.wait { try machine.number("apreserve_operation_failures_total") >= 4 }
      let refused = try machine.number("apreserve_writes_refused_total")
      #expect(refused >= 4)
      #expect(try machine.number("apreserve_requested_queues{state=\"pending\"}") == 4)
      #expect(try machine.number("apreserve_request_duration_seconds_count") == 0)
      machine.bus.refusesWrites.store(false, ordering: .relaxed)
    }
  }

  @Test func `have no last reconciliation while the bus cannot be read`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(
        .override, rules: Self.rule, onBus: { $0.isUnreadable.store(true, ordering: .relaxed) })
      try machine.wait { try machine.number("apreserve_phase{phase=\"blocked\"}") == 1 }
      #expect(try !machine.metrics().contains("\napreserve_last_reconciliation_timestamp_seconds "))
      machine.bus.isUnreadable.store(false, ordering: .relaxed)
      try machine.wait {
        try machine.metrics().contains("\napreserve_last_reconciliation_timestamp_seconds ")
      }
    }
  }
}

extension LiveMachine {
  /// The value of a series.
  fileprivate func number(_ series: String) throws -> Double {
    let line = try metrics().split(separator: "\n").first { $0.hasPrefix(series + " ") }
    return try #require(line?.split(separator: " ").last.flatMap { Double($0) }, "\(series)")
  }
}
