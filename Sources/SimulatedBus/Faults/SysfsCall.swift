public import APBus

/// One call on sysfs, with its place among all of them.
public struct SysfsCall: Equatable, Sendable {
  /// Its number; the first call has 1.
  public var index: UInt64
  /// What is done.
  public var operation: SysfsError.Operation
  /// Where.
  public var path: SysfsPath
  /// What is written; nil for any other call.
  public var text: String?

  /// A call.
  public init(
    index: UInt64, _ operation: SysfsError.Operation, _ path: SysfsPath, text: String? = nil
  ) {
    self.index = index
    self.operation = operation
    self.path = path
    self.text = text
  }

  /// The device that the call is about: the one whose file it is, or the one that is named to a driver
  /// or to the bus.
  var device: BusObject? {
    switch path.object {
    case .card, .queue, .mediatedDevice: return path.object
    default: break
    }
    guard let name = text.map(AttributeInput.name) else { return nil }
    if let apqn = APQN(name) { return .queue(apqn) }
    return BusObject.adapter(ofCardName: name).map { .card($0) }
  }
}

extension SysfsCall: CustomStringConvertible {
  /// One line, such as `write 05.0004 > /sys/bus/ap/drivers/vfio_ap/bind`.
  public var description: String {
    guard let text else { return "\(operation.rawValue) \(path)" }
    return "\(operation.rawValue) \(AttributeInput.name(text)) > \(path)"
  }
}
