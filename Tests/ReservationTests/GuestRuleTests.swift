import APBus
import Reservation
import ReservationRules
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

@Suite struct `A rule for guests` {
  private static let rule = #"GUEST=="*", RESERVE="vfio_ap""#

  private func machine() throws -> Machine {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    machine.context.configuration.definitions = [
      MediatedDeviceDefinition(
        device: MediatedDevice(uuid: uuid, adapters: [1], domains: [4]), startsAutomatically: false)
    ]
    machine.context.configuration.virtualMachines = [
      VirtualMachine(name: "web1", mediatedDevices: [], live: [uuid])
    ]
    return machine
  }

  @Test(arguments: ["*", "web1", uuid, "web?|db1"])
  func `reserves what definitions assign`(guest: String) throws {
    let plan = try machine().plan(.override, "GUEST==\"\(guest)\", RESERVE=\"vfio_ap\"")
    #expect(plan.moves == ["01.0004 host>vfio_ap wanted"])
  }

  @Test func `gives back what no definition assigns any more`() throws {
    var machine = try machine()
    machine.context.configuration.definitions[0].device.domains = [5]
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    machine.ownership = Ownership(queues: [APQN(adapter: 1, domain: 4)])
    #expect(
      Set(try machine.plan(.override, Self.rule).moves) == [
        "01.0004 vfio_ap>host givenBack", "01.0005 host>vfio_ap wanted",
      ])
  }

  enum Gap: CaseIterable {
    case definition, directory, machines
  }

  /// Which queues it would be is unknown, so that any may be.
  @Test(arguments: Gap.allCases)
  func `neither takes nor gives back where a definition cannot be read`(gap: Gap) throws {
    var machine = try machine()
    try machine.set("01.0004", driver: DriverName.vfioAP, driverOverride: DriverName.vfioAP)
    machine.ownership = Ownership(queues: [APQN(adapter: 1, domain: 4)])
    switch gap {
    case .definition:
      machine.context.configuration.definitions[0].problems = [.init("an error", line: 3)]
    case .directory:
      machine.context.configuration.definitions = []
      machine.context.configuration.unreadable = [
        UnreadableDefinitions(.mediatedDevices, place: "/etc/mdevctl.d/matrix", reason: "EACCES")
      ]
    case .machines:
      machine.context.configuration.virtualMachines = []
      machine.context.configuration.unreadable = [
        UnreadableDefinitions(.virtualMachines, place: "/etc/libvirt/qemu", reason: "EACCES")
      ]
    }
    for rule in [#"GUEST=="web1", RESERVE="vfio_ap""#, #"GUEST!="web1", RESERVE="host""#] {
      let assessment = try machine.assessment(rule, .override)
      #expect(assessment.plan.isEmpty)
      #expect(assessment.plan.undecidable.contains(APQN(adapter: 1, domain: 4)))
      let warnings = assessment.plan.warnings.map(\.description)
      #expect(warnings.contains { $0.contains("neither take nor give back") })
    }
    // Whatever their names, the queues of readable definitions are those of some guest.
    let any = try machine.assessment(Self.rule, .override).decisions
    #expect(
      any.decision(for: APQN(adapter: 1, domain: 4)).reserve == (gap == .machines ? .vfioAP : nil))
  }

  @Test func `requests what a definition assigns although it is absent`() throws {
    var machine = try machine()
    machine.context.configuration.definitions[0].device.adapters = [1, 9]
    let requests = try machine.assessment(Self.rule, .override).requests
    #expect(requests.state(of: APQN(adapter: 9, domain: 4)) == .missing)
    let others = try machine.assessment(#"ADAPTER=="1", RESERVE="vfio_ap""#, .override).requests
    #expect(others.state(of: APQN(adapter: 9, domain: 4)) == nil)
  }

  @Test func `is explained by the guests that have the queue`() throws {
    let machine = try machine()
    func details(_ name: String, _ rule: String) throws -> [RuleVerdict.Outcome] {
      let assessment = try machine.assessment(rule, .override)
      return assessment.decisions.explanation(for: try #require(APQN(name))).map(\.outcome)
    }
    #expect(try details("01.0004", Self.rule) == [.decides])
    guard case .fails(_, let found) = try details("01.0004", #"GUEST=="db1", RESERVE="host""#)[0],
      case .fails(_, "") = try details("01.0005", Self.rule)[0]
    else {
      Issue.record("another outcome")
      return
    }
    #expect(found == "web1|\(uuid)")
  }

  @Test func `that no queue matches decides nothing, for a reason`() throws {
    let assessment = try machine().assessment(
      #"""
      GUEST=="db1", RESERVE="host"
      GUEST!="*", ADAPTER=="1", RESERVE="host"
      """#, .override)
    var idle = IdleRules(assessment.decisions, present: assessment.inventory.queues.map(\.apqn))
    let findings = idle.findings()
    #expect(findings.map(\.index) == [0])
    guard case .noQueueSatisfies? = findings.first?.reason else {
      Issue.record("\(findings)")
      return
    }
  }
}
