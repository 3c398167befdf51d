import APBus
import Agent
import Reservation
import ReservationRules
import SimulatedBus
import Testing

/// Something that the agent is to do to a machine, for sweeps that disturb it at every step.
struct SweepScenario: Sendable, CustomTestStringConvertible {
  /// What it is, in words.
  var name: String
  var mechanism: Mechanism
  /// The rules before, done undisturbed, so that there is something to give back.
  var before = ""
  /// The rules that are held under disturbance.
  var rules: String
  /// What happens to the machine in between.
  var change: @Sendable (SimulatedBus) throws -> Void = { _ in }

  /// Whether a bounded run too says of every file that it is not there or empty: where what is owned is
  /// known by queues, one that is taken for gone is owned no more.
  var isGivenLies: Bool { mechanism == .bind && name.hasPrefix("gives an adapter back") }

  var testDescription: String { "\(mechanism.rawValue): \(name)" }

  static let all: [SweepScenario] = Mechanism.allCases.flatMap { mechanism in
    [
      SweepScenario(
        name: "reserves an adapter", mechanism: mechanism,
        rules: #"ADAPTER=="1", RESERVE="vfio_ap""#),
      SweepScenario(
        name: "gives an adapter back and takes another", mechanism: mechanism,
        before: #"ADAPTER=="1", RESERVE="vfio_ap""#, rules: #"ADAPTER=="2", RESERVE="vfio_ap""#),
      SweepScenario(
        name: "changes from an adapter to a domain", mechanism: mechanism,
        before: #"ADAPTER=="1", RESERVE="vfio_ap""#, rules: #"DOMAIN=="4", RESERVE="vfio_ap""#),
      SweepScenario(
        name: "takes a queue that has no driver", mechanism: mechanism,
        before: #"ADAPTER=="1", RESERVE="vfio_ap""#,
        rules: #"ADAPTER=="1", RESERVE="vfio_ap", NAME="again""#
      ) { bus in
        try bus.write("01.0004", to: .driver(DriverName.vfioAP, "unbind"))
      },
      SweepScenario(
        name: "keeps what a mediated device has and gives back the rest", mechanism: mechanism,
        before: #"ADAPTER=="1-2", RESERVE="vfio_ap""#,
        rules: #"APQN=="02.00ff", RESERVE="host""#
      ) { bus in
        let uuid = "11111111-2222-3333-4444-555555555555"
        try bus.write(uuid, to: SysfsPath(.mediatedDeviceType, "create"))
        for (file, id) in [("assign_adapter", "1"), ("assign_domain", "4")] {
          try? bus.write(id, to: SysfsPath(.mediatedDevice(uuid), file))
        }
      },
    ]
  }

  /// Adapters 0...2, domains 4 and ff, drivers loaded.
  private func bus() -> SimulatedBus {
    let bus = SimulatedBus(behavior: .kernel(for: mechanism))
    for domain in [4, 0xff] as [UInt8] { bus.addDomain(domain, quietly: true) }
    for adapter in UInt8(0)...2 { bus.plug(card: Stage.card(adapter), quietly: true) }
    bus.scan()
    bus.loadModule(.zcryptCex4)
    bus.loadModule(.vfioAP)
    return bus
  }

  /// The agent on the machine, about to hold the rules.
  func agent() throws -> DisturbedAgent {
    try DisturbedAgent(
      on: bus(), mechanism: mechanism, before: before, rules: rules, change: change)
  }
}
