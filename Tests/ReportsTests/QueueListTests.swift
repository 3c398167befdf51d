import Reservation
import APBus
import Reports
import ReservationRules
import Testing

@Suite struct `The list of queues` {
  @Test func `has owner, state, request and rule of each, with the HMC's decimal`() throws {
    let assessment = try Example.assessment()
    let list = QueueList(assessment)
    #expect(
      list.text(style: .plain) == """
        QUEUE    HMC    TYPE   MODE   OWNER    STATE     GUEST     RESERVE  REQUEST   RULE           NAME
        02.0004  2.4    CEX3A  accel  host     online    -         vfio_ap  refused   50-db.rules:2
        05.0004  5.4    CEX7C  cca    host     online    -         vfio_ap  pending   50-db.rules:1  db guests
        05.0047  5.71   CEX7C  cca    host     offline   -         -        -         -
        0a.0004  10.4   CEX8P  ep11   vfio_ap  assigned  11111111  vfio_ap  reserved  50-db.rules:1  db guests
        0a.0047  10.71  CEX8P  ep11   none     unbound   -         -        -         -

        """)
  }

  @Test func `has the columns and the order that are asked for`() throws {
    let list = QueueList(try Example.assessment())
    let byState = QueueList(try Example.assessment(), sortedBy: .state)
    #expect(byState.names == "0a.0004\n05.0047\n02.0004\n05.0004\n0a.0047\n")
    let byType = QueueList(try Example.assessment(), sortedBy: .hwtype)
    #expect(byType.names.hasPrefix("02.0004\n05.0004\n"), "9 is before 13")
    #expect(
      byState.text(columns: [.state, .queue, .hwtype], style: .plain) == """
        STATE     QUEUE    HWTYPE
        assigned  0a.0004  14
        offline   05.0047  13
        online    02.0004  9
        online    05.0004  13
        unbound   0a.0047  14

        """)
    let wide = list.text(columns: QueueColumn.allCases, style: .plain)
    #expect(wide.hasPrefix("QUEUE"))
    #expect(wide.contains("11111111-2222-3333-4444-555555555555"))
    // What is asked for is shown, even where it is empty.
    let some = QueueList(try Example.assessment("ADAPTER==\"9\", RESERVE=\"host\""))
    #expect(some.text(columns: [.queue, .name], style: .plain).hasPrefix("QUEUE    NAME\n"))
    #expect(!some.text(style: .plain).contains("NAME"))
    #expect(list.names == "02.0004\n05.0004\n05.0047\n0a.0004\n0a.0047\n")
  }

  @Test(arguments: [40, 60, 80, 120, 200])
  func `fits the terminal, and says what it leaves out`(width: Int) throws {
    let list = QueueList(try Example.assessment())
    let text = list.text(style: TextStyle(isColored: false, width: width))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= width }, "\(text)")
    #expect(text.hasPrefix("QUEUE  "))
    #expect(text.contains("OWNER    STATE"))
    #expect(text.contains("the terminal has no room for mode") == (width < 120))
  }

  @Test func `has colours that are only around the words`() throws {
    let assessment = try Example.assessment()
    let list = QueueList(assessment)
    let colored = list.text(style: TextStyle(isColored: true))
    #expect(colored.contains("\u{1b}[36mhost\u{1b}[0m"))
    #expect(withoutColor(colored) == list.text(style: .plain))
  }

  @Test(arguments: [
    (Queue(apqn: apqn, driver: "cex4queue", isOnline: true), QueueState.online),
    (Queue(apqn: apqn, driver: "cex4queue", isOnline: false), .offline),
    (Queue(apqn: apqn, driver: "cex4queue"), .unknown),
    (Queue(apqn: apqn, driver: "cex4queue", isConfigured: false, isOnline: true), .deconfigured),
    (Queue(apqn: apqn, driver: "vfio_ap", isCheckStopped: true), .checkStopped),
    (Queue(apqn: apqn, driver: "vfio_ap", guestStatus: .unassigned), .unassigned),
    (Queue(apqn: apqn, driver: "vfio_ap", guestStatus: .assigned), .assigned),
    (Queue(apqn: apqn, driver: "vfio_ap", guestStatus: .inUse), .inUse),
    (Queue(apqn: apqn, driver: "vfio_ap"), .unknown),
    (Queue(apqn: apqn), .unbound),
  ])
  func `shows the state of a queue in one word`(queue: Queue, state: QueueState) {
    #expect(QueueState(queue, in: .empty) == state)
  }

  @Test func `believes a mediated device's matrix where a queue has no status`() throws {
    let queue = Queue(apqn: apqn, driver: "vfio_ap")
    var inventory = Inventory.empty
    inventory.mediatedDevices = [MediatedDevice(uuid: "u", adapters: [1], domains: [4])]
    #expect(QueueState(queue, in: inventory) == .assigned)
  }
}

private let apqn = APQN(adapter: 1, domain: 4)

/// The text without "select graphic rendition" sequences.
private func withoutColor(_ text: String) -> String {
  text.split(separator: "\u{1b}[", omittingEmptySubsequences: false).enumerated()
    .map { $0 == 0 ? $1 : $1[$1.index(after: $1.firstIndex(of: "m") ?? $1.startIndex)...] }
    .joined()
}
