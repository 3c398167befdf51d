import APBus
import Agent
import Replay
import Reservation
import SimulatedBus
import Testing

/// Key ceremonies on a simulated machine, and what an agent that expects the first keys says about them.
@Suite struct `A master key that is changed` {
  private static let rules = """
    ADAPTER=="5", RESERVE="host", EXPECT_MKVP{aes}="0x1111111111111111"
    ADAPTER=="6", RESERVE="vfio_ap", EXPECT_MKVP{aes}="0x1111111111111111"

    """

  /// Queue 05.0004 is the host's, and 06.0004 is reserved; both have the key, and the agent has read it.
  private static let start = """
    kernel 6.1
    domain add 4
    load zcrypt_cex4
    load vfio_ap
    card add 5-6 13 cca
    card serial 5 93AA0005
    card serial 6 93AA0006
    key 05.0004 aes load 0x1111111111111111
    key 05.0004 aes set
    key 06.0004 aes load 0x1111111111111111
    key 06.0004 aes set
    # Another process gives the reserved queue back, and the agent takes it again.
    write 0xffff > /sys/bus/ap/apmask
      06.0004 driver: vfio_ap

    """

  private static let host = """
    key 05.0004 aes load 0x2222222222222222
    key 05.0004 aes set
    write 0 > /sys/devices/ap/card05/05.0004/online
    write 1 > /sys/devices/ap/card05/05.0004/online

    """

  private static let reserved = """
    key 06.0004 aes load 0x2222222222222222
    key 06.0004 aes set

    """

  private static let giveBack = """
    write 0xffff > /sys/bus/ap/apmask
      06.0004 driver: vfio_ap

    """

  /// The alarms at the end, and the changes that were found, each with its queue.
  private func run(_ lines: String...) throws -> (alarms: [KeyAlarm], changes: [String]) {
    var changes: [String] = []
    var alarms: [KeyAlarm] = []
    let scenario = try Scenario(text: Self.start + lines.joined(), name: "keys")
    let session = try Play.run(
      ReplayScript(scenario), rules: Self.rules, mechanism: .mask
    ) { occurrence in
      switch occurrence {
      case .agent(.keysChanged(let found)):
        changes += found.map { "\($0.apqn) \($0.change.register): \($0.change.content)" }
      case .agent(.warned(.masterKey(let alarm))): alarms.append(alarm)
      default: break
      }
    }
    #expect(session.failures == [])
    return (alarms, changes)
  }

  @Test func `on a queue of the host raises the alarm, and moves nothing`() throws {
    let (alarms, changes) = try run(Self.host)
    #expect(alarms.map(\.apqns) == [[APQN(adapter: 5, domain: 4)]])
    #expect(alarms.first?.cause == .unexpected)
    #expect(
      changes.filter { $0.hasPrefix("05") } == [
        "05.0004 AES CUR: valid 0x2222222222222222", "05.0004 AES OLD: valid 0x1111111111111111",
      ])
  }

  @Test func `on a reserved queue raises the alarm once the host has had the queue`() throws {
    #expect(try run(Self.reserved).alarms == [])
    let (alarms, changes) = try run(Self.reserved, Self.giveBack)
    #expect(alarms.last?.apqns == [APQN(adapter: 6, domain: 4)])
    #expect(alarms.last?.change?.before == KeyContent(.valid, KeyPattern("0x1111111111111111")))
    #expect(changes.contains("06.0004 AES CUR: valid 0x2222222222222222"))
  }

  @Test func `raises none as long as the key is the expected one`() throws {
    let (alarms, changes) = try run(Self.giveBack)
    #expect(alarms == [])
    #expect(changes == [])
  }
}
