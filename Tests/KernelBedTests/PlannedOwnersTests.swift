import APBus
import Reservation
import ReservationRules
import SimulatedBus
import Snapshots
import TestSupport
import Testing

/// The planner held against real kernels: what it says of a machine that a kernel described must be
/// what that kernel's driver links showed after the writes.
@Suite struct `The planner's promise` {
  /// A run of `apply` or `changeover` on a kernel.
  struct Run: CustomTestStringConvertible, Sendable {
    var scenario: PlayedScenario
    var number: Int
    var testDescription: String { "\(scenario), apply \(number)" }

    static let all = PlayedScenario.all.flatMap { scenario in
      scenario.applies.map { Run(scenario: scenario, number: $0) }
    }

    /// The machine before it: what the kernel's sysfs showed, and the ownership record.
    func machine() throws -> Snapshot {
      let file = "\(number).machine.json"
      return try Snapshot.decode(try scenario.bytes(file), file: file)
    }

    func plan(_ machine: Snapshot) throws -> Plan {
      let text = try scenario.text("\(number).rules")
      let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "rules", text: text)])
      try #require(diagnostics.isEmpty, "\(diagnostics)")
      let (name, isChangeover) = try scenario.mechanism(of: number)
      let mechanism = try #require(Mechanism(rawValue: name))
      var context = PlanningContext(configuration: machine.configuration)
      if isChangeover { context.changeover = mechanism }
      return try Assessment(
        inventory: machine.inventory, rules: rules, host: machine.host, mechanism: mechanism,
        ownership: machine.ownership,
        context: context
      ).plan
    }

    /// The owners that the kernel showed afterwards.
    func owners() throws -> [APQN: Owner] {
      let rows = try scenario.text("\(number).after").split(separator: "\n").map { line in
        let words = line.split(separator: " ")
        let driver = words.count > 1 ? String(words[1]) : nil
        return (try #require(APQN(words[0])), Owner(driver: driver))
      }
      return Dictionary(uniqueKeysWithValues: rows)
    }
  }

  @Test func `is held against many runs`() {
    #expect(Run.all.count >= 40)
  }

  @Test(arguments: Run.all) func `is what the kernel did, queue by queue`(run: Run) throws {
    let machine = try run.machine()
    let changes = try run.plan(machine).changes
    var promised: [APQN: Owner] = [:]
    for queue in machine.inventory.queues { promised[queue.apqn] = queue.owner }
    for change in changes { promised[change.apqn] = change.to }
    #expect(promised == (try run.owners()))
    let version = run.scenario.description.split(separator: "/").last.map(String.init)
    ProofReport.count("plans executed by real kernels", version, in: .kernels)
    ProofReport.count("owners compared", adding: promised.count, in: .kernels)
    ProofReport.count("queues moved as promised", adding: changes.count, in: .kernels)
  }

  @Test(arguments: Run.all) func `is what the simulated bus does with its writes`(run: Run) throws {
    let machine = try run.machine()
    let bus = SimulatedBus(inventory: machine.inventory)
    for step in try run.plan(machine).steps {
      guard let path = step.path else { continue }
      try bus.write(step.text, to: path)
    }
    var found: [APQN: Owner] = [:]
    for queue in try InventoryReader(sysfs: bus).read().queues { found[queue.apqn] = queue.owner }
    #expect(found == (try run.owners()))
  }
}
