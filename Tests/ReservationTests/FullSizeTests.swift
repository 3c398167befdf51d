import APBus
import Reservation
import ReservationRules
import TestSupport
import Testing

/// Machines of 256 x 256 queues whose rules are as awkward as rules can be: every search must end.
@Suite struct `A plan for 65,536 queues` {
  /// Rules that no small number of rows and columns can express, and what is reserved before.
  enum Requests: String, CaseIterable {
    case halfAtRandom = "half of the queues, at random"
    case acceptingCollateral = "half of the queues, at random, with collateral accepted"
    case staircase = "each adapter one domain more than the one before"
    case thin = "one queue of each adapter"
    case unequalAdapters = "all of one half; of the other half what the rest leaves"

    func rules(_ generator: inout SeededGenerator) -> String {
      func domains(_ set: some Sequence<UInt8>) -> String {
        set.map { "0x" + Hex.text($0, digits: 4) }.joined(separator: "|")
      }
      var lines: [String] = []
      for adapter in UInt8.min...UInt8.max {
        var wanted: APMask =
          switch self {
          case .staircase: APMask(0...adapter)
          case .thin: [adapter &* 7 &+ 3]
          case .halfAtRandom, .acceptingCollateral, .unequalAdapters:
            APMask((UInt8.min...UInt8.max).filter { _ in Bool.random(using: &generator) })
          }
        if self == .unequalAdapters {
          wanted = adapter % 2 == 0 ? .all : wanted.intersection(APMask(0...127))
        }
        guard !wanted.isEmpty else { continue }
        let accepts = self == .acceptingCollateral ? #", COLLATERAL="accept""# : ""
        lines.append(
          #"ADAPTER=="0x\#(Hex.text(adapter, digits: 2))", DOMAIN=="\#(domains(wanted))", "#
            + #"RESERVE="vfio_ap""# + accepts)
      }
      return lines.joined(separator: "\n")
    }
  }

  private static let everything = [UInt8](UInt8.min...UInt8.max)

  /// All kinds in depth; without optimisation one of them is enough to wait for.
  @Test(
    arguments: Effort.isDeep ? Requests.allCases : [.halfAtRandom],
    Effort.isDeep ? [false, true] : [true])
  func `ends, and takes nothing that no rule releases`(
    requests: Requests, hasReserved: Bool
  ) throws {
    var generator = SeededGenerator(seed: 256)
    var machine = Machine(
      adapters: Self.everything, domains: Self.everything, mechanism: .mask)
    if hasReserved {
      // Half of the rows and columns are owned, and most of it is to be given back.
      let owned = APMask((UInt8.min...UInt8.max).filter { _ in Bool.random(using: &generator) })
      machine.clear(adapters: owned, domains: owned)
      machine.ownership = Ownership(adapters: owned, domains: owned)
      machine.inventory.mediatedDevices = Self.everything.map { number in
        MediatedDevice(
          uuid: "00000000-0000-0000-0000-0000000000\(Hex.text(number, digits: 2))",
          adapters: owned.contains(number) ? [number] : [], domains: [number])
      }
    }
    let plan = try machine.plan(.mask, requests.rules(&generator))
    let refused = Set(plan.refusals.map(\.apqn))
    #expect(plan.changes.count + refused.count > 0)
    if requests != .acceptingCollateral {
      #expect(plan.changes.allSatisfy { $0.cause != .collateral })
    }
    #expect(plan.changes.allSatisfy { !refused.contains($0.apqn) })
  }
}
