import APBus

/// `driver_override` (SimulatedBus documentation, "Overrides").
extension SimulatedBus {
  /// A write to `driver_override`: nothing is bound or unbound by it, the name is not looked up, and
  /// no event is sent. The text up to the first newline counts; an empty one clears the override.
  func writeOverride(_ text: String, of queue: QueueDevice) throws(Errno) {
    guard text.utf8.count < 4095, !masksInUse else { throw .invalidArgument }
    let name = text.prefix { $0 != "\n" }
    let driverOverride = name.isEmpty ? nil : String(name)
    if queue.driverOverride != nil { overrideCount -= 1 }
    if driverOverride != nil { overrideCount += 1 }
    queue.driverOverride = driverOverride
  }
}
