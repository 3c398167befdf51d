import APBus
import Reports
import Reservation
import ReservationRules
import Testing

@Suite struct `A selection of queues` {
  @Test(arguments: [
    ("05.0004", "05.0004"), ("05", "05.0004 05.0047"), (".0004", "02.0004 05.0004 0a.0004"),
    ("card0a", "0a.0004 0a.0047"), ("05.*", "05.0004 05.0047"), ("*", "all"),
    ("02-05.0004", "02.0004 05.0004"), ("05.0040-0050|02", "02.0004 05.0047"),
    ("card05.0004", "05.0004"), ("06", ""),
  ])
  func `understands patterns of rules, adapters and domains`(
    text: String, expected: String
  ) throws {
    var selection = QueueSelection()
    selection.patterns = [try QueueArgument.pattern(text)]
    let all = "02.0004 05.0004 05.0047 0a.0004 0a.0047"
    #expect(try names(selection) == (expected == "all" ? all : expected))
  }

  @Test(arguments: [
    (
      "5.27",
      "5.27 is written as the HMC shows it, in decimal; write it in hex as sysfs does: 05.001b"
    ),
    (
      "10.4",
      "10.4 is written as the HMC shows it, in decimal; write it in hex as sysfs does: 0a.0004"
    ),
    ("5.300", "\"5\" is too short: an adapter has 2 digits, as in 05.0004"),
    ("", "an empty text names no queue; write 05.0004, 05 or .0004"),
    ("all", "\"all\" is not an adapter as in sysfs, 2 hexadecimal digits"),
  ])
  func `says what to write instead`(text: String, message: String) {
    #expect(throws: APQNPattern.SyntaxError(message)) { try QueueArgument.pattern(text) }
  }

  @Test(
    arguments: [
      ("owner", ["vfio_ap", "none"], "0a.0004 0a.0047"), ("state", ["offline"], "05.0047"),
      ("state", ["pending", "assigned"], "05.0004 0a.0004"), ("state", ["refused"], "02.0004"),
      ("type", ["cex7"], "05.0004 05.0047"),
      ("type", ["CEX8P", "accel"], "02.0004 0a.0004 0a.0047"),
      ("name", ["db guests"], "05.0004 0a.0004"),
      ("guest", ["11111111-2222-3333-4444-555555555555"], "0a.0004"),
      ("guest", ["db1"], "0a.0004"), ("guest", ["11111111"], "0a.0004"), ("guest", ["1111"], ""),
      ("guest", ["another"], ""),
    ] as [(String, [String], String)])
  func `satisfies one of the values of a condition`(
    condition: String, values: [String], expected: String
  ) throws {
    var selection = QueueSelection()
    switch condition {
    case "owner": selection.owners = values.compactMap { Owner(rawValue: $0) }
    case "state": selection.states = values
    case "type": selection.types = values
    case "name": selection.labels = values
    default: selection.guests = values
    }
    #expect(try names(selection) == expected)
  }

  @Test func `satisfies every condition`() throws {
    var selection = QueueSelection()
    selection.owners = [.host]
    selection.states = ["online"]
    #expect(try names(selection) == "02.0004 05.0004")
    selection.types = ["cca"]
    #expect(try names(selection) == "05.0004")
    selection.patterns = [try QueueArgument.pattern(".0047")]
    #expect(try names(selection) == "")
  }

  @Test func `has the missing queues that are requested`() throws {
    let assessment = try Example.assessment("APQN==\"07.0004\", RESERVE=\"vfio_ap\"")
    var selection = QueueSelection()
    selection.states = ["absent"]
    #expect(QueueList(assessment, selection).names == "07.0004\n")
    selection.states = ["missing"]
    #expect(QueueList(assessment, selection).names == "07.0004\n")
  }

  @Test func `leaves of a plan what concerns it`() throws {
    let assessment = try Example.assessment()
    let queue = APQN(adapter: 5, domain: 4)
    let selected = assessment.selecting(APQNSet([queue]))
    #expect(selected.plan.changes.map(\.apqn) == [queue])
    #expect(selected.plan.refusals.isEmpty)
    #expect(selected.requests.count == 1)
    #expect(PlanReport(selected).outcome == .pending)
    let refused = assessment.selecting(APQNSet([APQN(adapter: 2, domain: 4)]))
    #expect(refused.plan.isEmpty)
    #expect(PlanReport(refused).outcome == .refused)
    #expect(assessment.selecting(assessment.inventory.apqns).plan == assessment.plan)
    let warned = try Example.assessment("ADAPTER==\"2|5\", RESERVE=\"vfio_ap\"")
    #expect(warned.selecting(APQNSet([APQN(adapter: 10, domain: 71)])).plan.alternatives.isEmpty)
    // Masks move what is not selected all the same, and say so.
    var inventory = Example.grid(adapters: 5...5, domains: 4...5)
    inventory.bus.masks = .all
    let masks = try Assessment(
      inventory: inventory, rules: Example.ruleSet(#"ADAPTER=="5", RESERVE="vfio_ap""#))
    #expect(masks.selecting(APQNSet([queue])).plan == masks.plan)
  }

  private func names(_ selection: QueueSelection) throws -> String {
    let machine = VirtualMachine(
      name: "db1", mediatedDevices: ["11111111-2222-3333-4444-555555555555"])
    let assessment = try Assessment(
      inventory: Example.inventory(), rules: Example.ruleSet(),
      context: PlanningContext(configuration: HostConfiguration(virtualMachines: [machine])))
    return QueueList(assessment, selection).names.split(separator: "\n").joined(separator: " ")
  }
}
