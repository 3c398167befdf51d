public import APBus

/// Something that happens to a simulated machine.
public enum ScenarioStep: Equatable, Sendable {
  /// Something changes on the hardware's side. The kernel is told and scans, unless `quietly`.
  case hardware(HardwareStep, quietly: Bool)
  /// A module is loaded.
  case load(SimulatedBus.Module)
  /// A module is unloaded.
  case unload(SimulatedBus.Module)
  /// A guest opens the mediated device of that UUID.
  case startGuest(String)
  /// The guest of a mediated device closes it.
  case stopGuest(String)
  /// The host keeps a queue busy.
  case busy(APQN, QueueLoad)
  /// So many steps of time pass.
  case pass(Int)
  /// The kernel scans the bus.
  case scan
  /// A person writes to a file, and the kernel answers.
  case write(String, SysfsPath, WriteOutcome)
}

/// What happens on the hardware's side.
public enum HardwareStep: Equatable, Sendable {
  /// Adapters of a type and mode are plugged, with a queue in each usage domain.
  case plug([UInt8], HardwareType, QueueMode)
  /// Adapters are unplugged.
  case unplug([UInt8])
  /// Adapters are configured, or set on standby.
  case configure([UInt8], Bool)
  /// Adapters are check-stopped, or restored.
  case checkStop([UInt8], Bool)
  /// The system gets usage domains.
  case addDomains([UInt8])
  /// The system loses usage domains.
  case removeDomains([UInt8])
  /// The system gets control domains, which have no queues.
  case addControlDomains([UInt8])
  /// The system loses control domains.
  case removeControlDomains([UInt8])
  /// A single queue answers.
  case plugQueue(APQN)
  /// A single queue answers no more.
  case unplugQueue(APQN)
}

/// What the kernel answers to a write.
public enum WriteOutcome: Equatable, Sendable {
  /// It takes it.
  case success
  /// It refuses it, when the file is opened or, by default, when it is written.
  case failure(Errno, opening: Bool)
}

extension WriteOutcome: CustomStringConvertible {
  /// `ok`, or the call and the error as transcripts have them: `write: EBUSY (16)`.
  public var description: String {
    switch self {
    case .success: "ok"
    case .failure(let errno, let opening):
      "\(opening ? "open" : "write"): \(errno.name) (\(errno.rawValue))"
    }
  }
}

/// Something that is to be so after a step.
public enum ScenarioClaim: Equatable, Sendable {
  /// A file has that text, without the newline at its end; nil where there is no such file.
  case text(SysfsPath, String?)
  /// A queue has that driver; nil where it is unbound or does not exist.
  case driver(APQN, String?)
  /// Since the last step there was an event that fits, after the one that was claimed before.
  case event(EventPattern, [String])
  /// Since the last step there was no event that fits.
  case noEvent(EventPattern)
}
