import APBus
import Agent
import Replay
import Reservation
import SimulatedBus
import TestSupport
import Testing
import Uevents

@Suite struct `A replay` {
  private static let rules = """
    ADAPTER=="1|4", RESERVE="vfio_ap"
    ADAPTER=="0", RESERVE:="host"
    """

  /// Where a walk ends, cards 4 and 5 and domain 8 have gone again.
  @Test(arguments: CaptureFile.names, Mechanism.allCases)
  func `of a real capture ends with what the rules want`(name: String, mechanism: Mechanism)
    throws
  {
    let script = try ReplayScript(Play.walk(name))
    let session = try Play.run(script, rules: Self.rules, mechanism: mechanism)
    let expected = """
      01.*          vfio_ap
      00.*|02-03.*  host
      04-05.*       absent
      refused       0
      undecidable   0
      """
    #expect(try Play.mismatches(session, expected) == [])
    #expect(session.writeCount > 0)
    #expect(session.status.failures.isEmpty)
  }

  @Test(arguments: CaptureFile.names)
  func `reserves the queues of a card that the capture plugs`(name: String) throws {
    var largest = 0
    var running: ReplaySession?
    let session = ReplaySession(
      try ReplayScript(Play.walk(name)),
      rules: try Play.rules(#"ADAPTER=="4", RESERVE="vfio_ap""#),
      options: .init(mechanism: .mask)
    ) { _ in
      largest = max(largest, running?.status.requests.reserved ?? 0)
    }
    running = session
    try session.run()
    #expect(largest >= 8)
    #expect(session.status.requests.counts == [.missing: 9])
  }

  @Test func `leaves binds of the capture's drivers and other processes to the simulated kernel`()
    throws
  {
    let text = Play.boot + Play.event("bind", 12, driver: "vfio_ap") + Play.event("unbind", 13)
    let session = try Play.run(try ReplayScript(Play.capture(text)), rules: "")
    #expect(try Play.mismatches(session, "05.0004 host\nwrites 0") == [])
  }

  @Test(arguments: [Mechanism.bind, .override])
  func `does what another process did if asked, and the agent undoes the drift`(
    mechanism: Mechanism
  ) throws {
    let text =
      Play.boot + Play.event("bind", 12, driver: "cex4queue") + "# a hand\n"
      + Play.event("unbind", 13)
    let script = try ReplayScript(Play.capture(text), foreign: true)
    let changes = script.steps.compactMap { step -> String? in
      if case .foreign(let hand) = step { hand.description } else { nil }
    }
    #expect(changes == ["unbinds 05.0004"])
    let idle = try Play.run(script, rules: "", mechanism: mechanism)
    #expect(try Play.mismatches(idle, "05.0004 none") == [])
    let busy = try Play.run(
      script, rules: #"ADAPTER=="5", RESERVE="vfio_ap""#, mechanism: mechanism)
    // The first reservation, and one write more to undo the drift.
    #expect(
      try Play.mismatches(busy, "05.0004 vfio_ap\nwrites \(mechanism == .bind ? 3 : 4)") == [])
  }

  @Test func `distinguishes what a mask moved from what another process moved`() throws {
    let script = try ReplayScript(Play.walk("real-6.1-mask"), foreign: true)
    let changes = script.steps.compactMap { step -> String? in
      if case .foreign(let hand) = step { hand.description } else { nil }
    }
    // The walk's effective writes.
    #expect(changes.filter { $0.hasSuffix("to apmask") }.count == 6)
    #expect(changes.filter { $0.hasSuffix("to aqmask") }.count == 2)
    // Its four unbinds by hand. In between, four more that a mask made: the next step's mark had
    // slipped before the mask's own event, so that they look like a hand's.
    #expect(
      changes.filter { $0.hasPrefix("unbinds") } == [
        "unbinds 01.0004", "unbinds 01.0004", "unbinds 00.0004", "unbinds 00.0005",
        "unbinds 01.0004", "unbinds 01.0005", "unbinds 01.0004", "unbinds 02.0003",
      ])
  }

  @Test(arguments: CaptureFile.names)
  func `with other processes ends as the machine of the capture did`(name: String) throws {
    let capture = try Play.walk(name)
    let mechanism: Mechanism =
      name == "sim-2018"
      ? .bind : name.contains("7.2") || name == "sim-override" ? .override : .mask
    let session = try Play.run(
      try ReplayScript(capture, foreign: true), rules: "", mechanism: mechanism)
    let captured = try CapturedMachine(capture).inventory
    let replayed = try session.inventory()
    #expect(replayed.queues.map(\.apqn) == captured.queues.map(\.apqn))
    #expect(replayed.queues.map(\.owner) == captured.queues.map(\.owner))
  }

  @Test func `refuses a queue whose card the capture never shows, unless it is given`() throws {
    let capture = Play.capture(Play.event("add", 11))
    #expect {
      try ReplayScript(capture)
    } throws: { error in
      "\(error)"
        == "test.events:1: queue 05.0004 appears, but the capture never shows its card card05; give "
        + "the machine that the capture was made on with --inventory FILE."
    }
    var inventory = Inventory.empty
    inventory.bus.masks = .all
    inventory.bus.scans = 1
    inventory.bus.drivers = ["cex4card", "cex4queue", "vfio_ap"]
    inventory.setCard(
      Card(
        adapter: 5, hardwareType: HardwareType(rawValue: 13),
        functions: QueueMode.cca.functions, driver: "cex4card"), adapter: 5)
    let session = try Play.run(
      try ReplayScript(capture, inventory: inventory),
      rules: #"ADAPTER=="5", RESERVE="vfio_ap""#)
    #expect(try Play.mismatches(session, "05.0004 vfio_ap") == [])
  }

  @Test func `shows a queue that is removed and added between two scans as both`() throws {
    let text = Play.boot + Play.event("remove", 12) + Play.event("add", 13)
    let script = try ReplayScript(Play.capture(text))
    #expect(
      script.steps.map(\.description) == [
        "card05 is added, 1 queue is added", "1 queue is removed", "1 queue is added",
      ])
  }

  @Test func `of a capture without MODE runs on a kernel without masks`() throws {
    let session = try Play.run(try ReplayScript(Play.walk("sim-2018")), rules: Self.rules)
    #expect(session.status.mechanism?.mechanism == .bind)
  }

  @Test(arguments: [
    ("DEV_TYPE=000D\n", "", "card05 appears without DEV_TYPE"),
    ("DEV_TYPE=000D", "DEV_TYPE=0100", "card05 has the DEV_TYPE \"0100\", which is not a hardware"),
  ])
  func `names the line of a card without a type`(old: String, new: String, message: String)
    throws
  {
    let text = Play.card.replacing(old, with: new)
    #expect {
      try ReplayScript(Play.capture(text))
    } throws: { error in
      "\(error)".hasPrefix("test.events:1: " + message)
    }
  }

  @Test func `of a capture that is cut off runs what was read before the cut`() throws {
    let cut = Play.boot + Play.event("remove", 12).prefix(60)
    let capture = Play.capture(cut)
    #expect(capture.damage?.position == .line(19))
    let session = try Play.run(try ReplayScript(capture), rules: "")
    #expect(try Play.mismatches(session, "05.0004 host") == [])
  }
}
