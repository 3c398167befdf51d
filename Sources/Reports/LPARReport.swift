import APBus
import JSONText
import Reservation
import ReservationRules

extension LPARComparison {
  /// What the LPAR has, and how the machine differs, a sentence each.
  var lines: [String] {
    [heading] + (findings.isEmpty ? ["no differences"] : findings.map(\.message))
  }

  /// `partition "kvm1" of CPC1 (dpm.json): adapters 5, 6; usage domains 4, 71; control domains none`.
  private var heading: String {
    func numbers(_ mask: APMask) -> String {
      let runs = APQNRectangle.runs(mask).map { run in
        run.count > 1 ? "\(run.lowerBound)-\(run.upperBound)" : "\(run.lowerBound)"
      }
      return runs.isEmpty ? "none" : runs.joined(separator: ", ")
    }
    return "\(configuration.title) (\(configuration.file.printable)): "
      + "adapters \(numbers(configuration.adapterNumbers)); "
      + "usage domains \(numbers(configuration.usageDomains)); "
      + "control domains \(numbers(configuration.controlDomains))"
  }

  static let layout = JSONLayout<LPARComparison>("LPAR", "An LPAR as an HMC has it.") {
    $0.add("file", .text, "The file that says so.", \.configuration.file)
    $0.add("kind", .word, "Where the HMC keeps it.", \.configuration.kind)
    $0.add("cpc", .text, "The name of the system.", \.configuration.cpc)
    $0.add("name", .text, "The name of the partition or profile.", \.configuration.name)
    $0.add(
      "shortName", .text, "The name of a partition's LPAR, as Linux has it.",
      \.configuration.shortName)
    $0.add(
      "adapters", .list(of: .object(LPARConfiguration.Adapter.layout)), "Its adapters.",
      \.configuration.adapters)
    $0.add(
      "usageDomains", .numbers, "The domains that it may use and control.",
      \.configuration.usageDomains)
    $0.add(
      "controlDomains", .numbers, "The domains that it may only control.",
      \.configuration.controlDomains)
    $0.add(
      "findings", .list(of: .object(LPARFinding.layout)), "How the machine differs.", \.findings)
  }
}

extension LPARConfiguration.Adapter {
  fileprivate static let layout = JSONLayout<Self>(
    "LPARAdapter", "A crypto adapter as an HMC has it."
  ) {
    $0.add("number", .integer, "Its number, by which Linux knows it.", \.number)
    $0.add("name", .text, "Its name.", \.name)
    $0.add("pchid", .text, "Its physical channel ID.", \.channel)
    $0.add("hwtype", .integer, "Its generation as a hardware type.", \.hardwareType?.rawValue)
    $0.add("mode", .word, "Its mode.", \.mode)
    $0.add("status", .text, "Its status when the file was written.", \.status)
  }
}

extension LPARFinding {
  fileprivate static let layout = JSONLayout<LPARFinding>(
    "LPARFinding", "A difference between an LPAR on the HMC and its Linux, or what rules request."
  ) {
    $0.add("finding", .word, "What it is, in one word (apreserve.rules(5)).", \.kind)
    $0.add("adapters", .numbers, "The adapters that it is about.", \.adapters)
    $0.add("domains", .numbers, "The domains that it is about.", \.domains)
    $0.add("queues", .queues, "The requested queues that it keeps from being there.", \.queues)
    $0.add("rule", .place, "The place of the rule that requests them, if it is one.") {
      $0.rule.map { ($0.file, $0.line) }
    }
    $0.add("message", .text, "What differs, and what to do, a sentence.", \.message)
  }
}
