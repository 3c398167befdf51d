import APBus
import SimulatedBus
import TestSupport

extension ArrivalCase {
  /// The numbers in play. A few are enough: what matters is who is beside whom.
  private static let adapterNumbers: [UInt8] = [0, 5, 6, 0x0a]
  private static let domainNumbers: [UInt8] = [4, 0x10, 0x2f, 0x47]

  /// A case by chance.
  static func random(on kernel: Kernel, using generator: inout SeededGenerator) -> ArrivalCase {
    func any<Element>(_ elements: [Element]) -> Element {
      elements[Int.random(in: 0..<elements.count, using: &generator)]
    }
    func adapter(_ number: UInt8) -> Adapter {
      Adapter(
        number: number,
        type: generator.chance(75)
          ? 13 : any(kernel.behavior.createsOldDevices ? [9, 11, 14] : [11, 14]),
        mode: generator.chance(70) ? .cca : any([.ep11, .accelerator]),
        serial: generator.chance(70) ? "S1" : "S2")
    }
    let usual = adapterNumbers.map(adapter)
    /// An adapter that comes: mostly the one that was there before, or is meant to be there.
    func arrival() -> Adapter { generator.chance(80) ? any(usual) : adapter(any(adapterNumbers)) }
    func apqn() -> APQN { APQN(adapter: any(adapterNumbers), domain: any(domainNumbers)) }
    func number(_ id: UInt8) -> String { (id < 10 ? "" : "0x") + String(id, radix: 16) }
    func numbers(_ ids: [UInt8]) -> String {
      generator.chance(75) ? number(any(ids)) : number(any(ids)) + "|" + number(any(ids))
    }
    func clause() -> String {
      switch Int.random(in: 0...9, using: &generator) {
      case 0...2: "ADAPTER==\"\(numbers(adapterNumbers))\""
      case 3...5: "DOMAIN==\"\(numbers(domainNumbers))\""
      case 6: "APQN==\"\(apqn())\""
      case 7: "HWTYPE==\"\(any(["13-", "10-", "14", "11-12"]))\""
      case 8: "CARD{serialnr}==\"\(any(["S1", "S2"]))\""
      default:
        any(["MODE==\"cca\"", "MODE!=\"cca\"", "ADAPTER!=\"\(number(any(adapterNumbers)))\""])
      }
    }
    func rule() -> RuleLine {
      var rule = RuleLine(clauses: [clause()], assignments: [])
      if generator.chance(30) { rule.clauses.append(clause()) }
      switch Int.random(in: 0...9, using: &generator) {
      case 0...4:
        rule.assignments.append("RESERVE\(generator.chance(15) ? ":=" : "=")\"vfio_ap\"")
        if generator.chance(25) { rule.assignments.append("COLLATERAL=\"accept\"") }
      case 5...8: rule.assignments.append("RESERVE\(generator.chance(70) ? ":=" : "=")\"host\"")
      default: rule.assignments.append("RESERVE=\"unmanaged\"")
      }
      return rule
    }
    func rules() -> [RuleLine] {
      var rules: [RuleLine] = []
      if generator.chance(15) {
        rules.append(RuleLine(clauses: ["ADAPTER==\"0-0xff\""], assignments: ["RESERVE=\"host\""]))
      }
      // Without a request for vfio_ap nothing is ever at stake.
      rules.append(RuleLine(clauses: [clause()], assignments: ["RESERVE=\"vfio_ap\""]))
      for _ in 0..<Int.random(in: 0...3, using: &generator) { rules.append(rule()) }
      return rules
    }
    func step() -> Step {
      switch Int.random(in: 0...99, using: &generator) {
      case 0..<22: .plug(arrival())
      case 22..<38: .unplug(any(adapterNumbers))
      case 38..<42: .replug(arrival())
      case 42..<54: .addDomain(any(domainNumbers))
      case 54..<62: .removeDomain(any(domainNumbers))
      case 62..<66: .plugQueue(apqn())
      case 66..<71: .unplugQueue(apqn())
      case 71..<78: .configure(any(adapterNumbers), generator.chance(60))
      case 78..<83: .load(any(SimulatedBus.Module.allCases))
      case 83..<85: .assign(apqn())
      case 85..<86: .removeMediatedDevice
      case 86..<87:
        generator.chance(50)
          ? .clearAdapterBit(any(adapterNumbers)) : .clearDomainBit(any(domainNumbers))
      case 87..<92: .replaceRules(rules())
      case 92..<96: .reload(isExplicit: generator.chance(50))
      default: .restart
      }
    }
    let modules: [[SimulatedBus.Module]] = [
      [.zcryptCex4, .vfioAP], [.zcryptCex4, .vfioAP], [.zcryptCex4, .vfioAP],
      [.vfioAP, .zcryptCex4],
      [.zcryptCex4], [.vfioAP], [],
    ]
    return ArrivalCase(
      kernel: kernel, domains: domainNumbers.filter { _ in generator.chance(70) },
      adapters: usual.filter { _ in generator.chance(70) },
      silent: generator.chance(30) ? [apqn(), apqn()] : [], modules: any(modules), rules: rules(),
      steps: (0..<Int.random(in: 2...10, using: &generator)).map { _ in step() })
  }
}
