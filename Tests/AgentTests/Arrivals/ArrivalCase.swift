import APBus
import SimulatedBus
import Testing

/// A machine, its rules, and what comes and goes on it: all that a run depends on, so that a case that
/// fails can be made smaller and be played again.
struct ArrivalCase: Equatable {
  /// A kernel, and the mechanism where a person has asked for one.
  enum Kernel: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case bind2018 = "2018"
    case masks61 = "6.1"
    case automatic72 = "7.2"
    case masks72 = "7.2 with Mechanism=mask"
    case overrides72 = "7.2 with Mechanism=override"

    var testDescription: String { rawValue }

    var behavior: KernelBehavior {
      switch self {
      case .bind2018: .bind2018
      case .masks61: .mask61
      case .automatic72, .masks72, .overrides72: .override72
      }
    }

    var mechanism: Mechanism? {
      switch self {
      case .bind2018, .masks61, .automatic72: nil
      case .masks72: .mask
      case .overrides72: .override
      }
    }

    /// Whether only masks can be used, whatever the rules are.
    var hasOnlyMasks: Bool { self == .masks61 || self == .masks72 }
  }

  /// An adapter as it is plugged. One that comes back under the same number may be another one.
  struct Adapter: Equatable {
    var number: UInt8
    var type: UInt8 = 13
    var mode = QueueMode.cca
    var serial = "S1"

    var card: SimulatedCard {
      SimulatedCard(
        adapter: number, hardwareType: HardwareType(rawValue: type), mode: mode,
        attributes: ["serialnr": serial])
    }
  }

  /// A rule, so that its clauses can be taken out one by one.
  struct RuleLine: Equatable {
    var clauses: [String]
    var assignments: [String]

    init(clauses: [String], assignments: [String]) {
      self.clauses = clauses
      self.assignments = assignments
    }

    /// A rule as it is written, without a comma in its values.
    init(_ text: String) {
      let parts = text.split(separator: ", ").map(String.init)
      clauses = parts.filter { $0.contains("==") || $0.contains("!=") }
      assignments = parts.filter { !$0.contains("==") && !$0.contains("!=") }
    }

    var text: String { (clauses + assignments).joined(separator: ", ") }
  }

  /// Something that happens before the agent works again.
  enum Step: Equatable {
    case plug(Adapter)
    case unplug(UInt8)
    /// The adapter goes and comes back before anybody has seen that.
    case replug(Adapter)
    case addDomain(UInt8)
    case removeDomain(UInt8)
    case plugQueue(APQN)
    case unplugQueue(APQN)
    case configure(UInt8, Bool)
    case load(SimulatedBus.Module)
    /// Gives a queue to a mediated device, if the kernel lets it.
    case assign(APQN)
    case removeMediatedDevice
    /// Another process clears a bit of a mask.
    case clearAdapterBit(UInt8)
    case clearDomainBit(UInt8)
    case replaceRules([RuleLine])
    /// The same rules are read again, because a person has asked for it or not.
    case reload(isExplicit: Bool)
    /// Another agent goes on with what is on record of the one before.
    case restart
  }

  var kernel: Kernel
  var domains: [UInt8]
  var adapters: [Adapter]
  /// Queues that do not answer at the start.
  var silent: [APQN] = []
  /// Modules that are loaded before the agent works, in this order.
  var modules: [SimulatedBus.Module] = [.zcryptCex4, .vfioAP]
  var rules: [RuleLine]
  var steps: [Step]
}

extension ArrivalCase {
  static func text(of rules: [RuleLine]) -> String { rules.map { $0.text + "\n" }.joined() }
}

extension ArrivalCase: CustomStringConvertible {
  var description: String {
    var lines = [
      "kernel \(kernel.rawValue); \(modules.map { "load \($0.rawValue)" }.joined(separator: ", "))"
    ]
    lines.append("domains " + domains.map(Self.hex).joined(separator: ", "))
    lines += adapters.map { "card \($0)" }
    if !silent.isEmpty { lines.append("silent \(silent)") }
    lines += rules.map { "  " + $0.text }
    for (index, step) in steps.enumerated() { lines.append("\(index + 1). \(step)") }
    return lines.joined(separator: "\n")
  }

  fileprivate static func hex(_ number: UInt8) -> String { String(number, radix: 16) }
}

extension ArrivalCase.Adapter: CustomStringConvertible {
  var description: String {
    "\(ArrivalCase.hex(number)) \(type) \(mode.rawValue) serialnr=\(serial)"
  }
}

extension ArrivalCase.Step: CustomStringConvertible {
  var description: String {
    switch self {
    case .plug(let adapter): "card add \(adapter)"
    case .unplug(let number): "card del \(ArrivalCase.hex(number))"
    case .replug(let adapter): "card del and at once card add \(adapter)"
    case .addDomain(let number): "domain add \(ArrivalCase.hex(number))"
    case .removeDomain(let number): "domain del \(ArrivalCase.hex(number))"
    case .plugQueue(let apqn): "queue add \(apqn)"
    case .unplugQueue(let apqn): "queue del \(apqn)"
    case .configure(let number, let isOn): "card config \(ArrivalCase.hex(number)) \(isOn ? 1 : 0)"
    case .load(let module): "load \(module.rawValue)"
    case .assign(let apqn): "a mediated device gets \(apqn)"
    case .removeMediatedDevice: "the mediated device is removed"
    case .clearAdapterBit(let number): "another process: echo -\(number) > apmask"
    case .clearDomainBit(let number): "another process: echo -\(number) > aqmask"
    case .replaceRules(let rules): "rules\n" + rules.map { "  " + $0.text }.joined(separator: "\n")
    case .reload(let isExplicit): isExplicit ? "apreserve reload" : "the same rules are read again"
    case .restart: "restart"
    }
  }
}
