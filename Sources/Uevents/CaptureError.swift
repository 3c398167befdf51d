/// Why a capture could not be read, or not to its end.
public struct CaptureError: Error, Equatable, Sendable {
  /// The file's name.
  public var file: String
  /// Where in the file; nil if the whole file is meant.
  public var position: Capture.Position?
  /// What is wrong there.
  public var problem: Problem

  /// An error at that place.
  public init(file: String, position: Capture.Position?, problem: Problem) {
    self.file = file
    self.position = position
    self.problem = problem
  }

  /// What is wrong with a capture.
  public enum Problem: Error, Equatable, Sendable {
    /// The file has no content.
    case empty
    /// The content is none of the forms that are read.
    case unknownFormat(String)
    /// The content is known, but holds no events and no state that could be used.
    case unsuitable(UnsuitableFormat)
    /// The file ends inside the event or device, named here, that begins at the position.
    case cutOff(String)
    /// A line that belongs to no event and no device.
    case stray(String)
    /// An event is not as a kernel would send it.
    case event(Uevent.Problem)
    /// A device's description is wrong.
    case device(DeviceDescription.Problem)
  }
}

extension CaptureError: CustomStringConvertible {
  /// One sentence with the place in front, `FILE:LINE: what is wrong.`
  public var description: String {
    switch position {
    case nil: "\(file): \(problem)."
    case .line(let line): "\(file):\(line): \(problem)."
    case .offset(let offset): "\(file): at byte \(offset): \(problem)."
    }
  }
}

extension CaptureError.Problem: CustomStringConvertible {
  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .empty: "the file is empty; a capture has at least one event or device"
    case .unknownFormat(let text):
      "\"\(text)\" begins no known capture; expected the output of \"udevadm monitor --kernel "
        + "--property\" or \"udevadm info --export-db\", umockdev device descriptions, or kernel "
        + "messages"
    case .unsuitable(let format): format.description
    case .cutOff(let what): "the file is cut off in the middle of \(what)"
    case .stray(let text): "\"\(text)\" belongs to no event or device"
    case .event(let problem): problem.description
    case .device(let problem): problem.description
    }
  }
}
