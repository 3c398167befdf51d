/// Why an inventory cannot be read.
public enum InventoryReaderError: Error, Equatable, Sendable {
  /// The kernel has no AP bus.
  case noAPBus
  /// The masks were changed whenever the queues were read, so that nothing fits together.
  case changing
  /// The kernel refused to show a file for another reason than that its device has gone.
  case unreadable(SysfsError)
  /// A file holds something else than the kernel's documentation says.
  case unparsable(path: SysfsPath, text: String, expected: String)
}

extension InventoryReaderError: CustomStringConvertible {
  /// One sentence that names the file.
  public var description: String {
    switch self {
    case .noAPBus:
      return "this system has no AP bus: /sys/bus/ap is absent"
    case .changing:
      return
        "apmask or aqmask was changed each time that the queues were read; another process is busy "
        + "with them"
    case .unreadable(let error):
      return error.description
    case .unparsable(let path, let text, let expected):
      var shown = ""
      for scalar in text.unicodeScalars.prefix(80) { shown += scalar.escaped(asASCII: true) }
      return "\(path) reads \"\(shown)\", which is not \(expected)"
    }
  }
}
