import APBus
import HostSystem
import JSONText
import Reports
import Reservation
import ReservationRules
import Snapshots
import TestSupport
import Uevents
import Walks

/// Texts that this program makes of the test data: machine descriptions, plans, decisions, diagnostics,
/// events, walks. They must be the same bytes on every architecture, and descriptions that another one
/// wrote must be read here.
enum Documents {
  private struct Document {
    var name: String
    var text: () throws -> String
  }

  static func write(to directory: String, _ results: inout Results) {
    for document in all {
      results.check("wrote \(document.name)") {
        try HostFile.write(try document.text(), to: "\(directory)/\(document.name)")
        return []
      }
    }
  }

  static func compare(with directory: String, _ results: inout Results) {
    for document in all {
      results.check("\(document.name): the same bytes here") {
        let theirs = try HostFile.read(
          "\(directory)/\(document.name)", sizeLimit: 1 << 26)
        let ours = Array(try document.text().utf8)
        guard ours != theirs else { return [] }
        let place = zip(ours, theirs).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        return ["\(ours.count) bytes beside \(theirs.count), different from byte \(place ?? 0) on"]
      }
      guard document.name.hasSuffix(".json") else { continue }
      results.check("\(document.name): read here, and written again the same") {
        let theirs = try HostFile.read(
          "\(directory)/\(document.name)", sizeLimit: 1 << 26)
        let again = try Snapshot.decode(theirs, file: document.name).encoded()
        return Array(again.utf8) == theirs ? [] : ["another description"]
      }
    }
  }

  /// A machine as a kernel described it before an `apply`, held against the rules of that moment.
  static func assessment(
    _ scenario: PlayedScenario, _ number: Int, _ machine: Snapshot
  ) throws -> Assessment {
    let text = try scenario.text("\(number).rules")
    let (rules, _) = RuleSet.parse(files: [RuleFile(path: "rules", text: text)])
    let (name, isChangeover) = try scenario.mechanism(of: number)
    let mechanism = Mechanism(rawValue: name)
    var context = PlanningContext(configuration: machine.configuration)
    if isChangeover { context.changeover = mechanism }
    return try Assessment(
      inventory: machine.inventory, rules: rules, host: machine.host, mechanism: mechanism,
      ownership: machine.ownership, context: context)
  }

  private static var all: [Document] {
    machines
      + [
        Document(name: "plans", text: plans), Document(name: "decisions", text: decisions),
        Document(name: "diagnostics", text: diagnostics), Document(name: "events", text: events),
        Document(name: "walks", text: walks),
      ]
  }

  private static var machines: [Document] {
    PlayedScenario.all.flatMap { scenario in
      scenario.applies.map { number in
        let name = scenario.description.split(separator: "/").joined(separator: "-")
        return Document(name: "\(name)-\(number).json") {
          let file = "\(number).machine.json"
          return try Snapshot.decode(try scenario.bytes(file), file: file).encoded()
        }
      }
    }
  }

  private static func plans() throws -> String {
    try PlayedScenario.all.flatMap { scenario in
      try scenario.applies.map { number in
        let file = "\(number).machine.json"
        let machine = try Snapshot.decode(try scenario.bytes(file), file: file)
        let report = PlanReport(try assessment(scenario, number, machine))
        return "\(scenario) \(number)\n" + report.json.text(width: 100) + "\n"
      }
    }.joined()
  }

  /// All 65,536 queues of machines that a kernel described.
  private static func decisions() throws -> String {
    try PlayedScenario.all.filter { $0.applies.contains(1) }.map { scenario in
      let machine = try Snapshot.decode(try scenario.bytes("1.machine.json"), file: "machine")
      let table = try assessment(scenario, 1, machine).decisions
      return "\(scenario)\n"
        + (0...255).map { "\($0) \(table.row(UInt8($0)).vfioAP)\n" }.joined()
    }.joined()
  }

  private static func diagnostics() throws -> String {
    let directory = "Tests/Fuzz/Corpus/rules"
    return try SourceFile.names(in: directory).flatMap { name in
      let file = RuleFile(path: name, bytes: try SourceFile.bytes("\(directory)/\(name)"))
      return RuleSet.parse(files: [file]).1.map { "\($0)\n" }
    }.joined()
  }

  private static func events() throws -> String {
    try CaptureFile.names.map { name in
      let capture = Capture.read(
        bytes: try CaptureFile.bytes("\(name).events"), name: "\(name).events")
      let messages = capture.events.map { KernelMessage.encode($0) }
      let again = try messages.map { try KernelMessage.decode($0) }
      return MonitorText.text(again.map { .event($0, at: .line(1), time: nil) })
    }.joined()
  }

  private static func walks() throws -> String {
    try CaptureFile.names.map { name in
      let walk = try Walk(name)
      return "\(name): \(walk.checks) lines compared\n"
        + walk.deviations.map { "\($0.line.number) \($0.found)\n" }.joined()
        + walk.sent.map { "\($0.mark) \($0.event.action.rawValue) \($0.event.devicePath)\n" }
        .joined()
    }.joined()
  }
}
