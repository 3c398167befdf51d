import APBus
import HostSystem
import SimulatedBus
import Snapshots

/// The machine that is to be mounted, from the files of the command line.
struct SimulatedMachine {
  /// Why there is none.
  struct Refused: Error, CustomStringConvertible {
    let description: String
  }

  let bus: SimulatedBus
  let injector: FaultInjector
  let run: ScenarioRun

  /// A described machine as it is, or an empty one; then what the scenario says happens to it.
  init(inventory: String?, script: String?, faults: String?) throws {
    let snapshot = try inventory.map { try Snapshot.decode(Self.read($0), file: $0) }
    let scenario = try script.map { path in
      try Scenario(text: String(decoding: try Self.read(path), as: UTF8.self), name: path)
    }
    if let snapshot {
      bus = SimulatedBus(inventory: snapshot.inventory, behavior: scenario?.behavior)
    } else {
      bus = SimulatedBus(behavior: scenario?.behavior ?? .override72)
    }
    let run = ScenarioRun(on: bus, file: script ?? "control")
    self.run = run
    let plan = try faults.map { path in
      do {
        return try FaultPlan(text: String(decoding: try Self.read(path), as: UTF8.self))
      } catch let error as FaultPlanError {
        throw Refused(description: "\(path): \(error)")
      }
    }
    let failures = (scenario?.lines ?? []).compactMap { run.perform($0) }
    guard failures.isEmpty else {
      throw Refused(description: failures.map { "\($0)" }.joined(separator: "\n"))
    }
    injector = FaultInjector(bus, plan: plan ?? FaultPlan())
  }

  private static func read(_ path: String) throws -> [UInt8] {
    try HostFile.read(
      path == "-" ? "/dev/stdin" : path,
      .init(sizeLimit: Snapshot.sizeLimit, allowsStreams: true))
  }
}
