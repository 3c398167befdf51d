import APBus

/// What a capture file holds: events in their order, or devices as they were at one moment.
public struct Capture: Equatable, Sendable {
  /// The form of a capture.
  public enum Format: String, Hashable, Sendable, CaseIterable {
    /// The text that `udevadm monitor` prints.
    case monitor
    /// The text that `udevadm info --export-db` prints: a state, no events.
    case database
    /// Device descriptions of umockdev: a state with attributes, no events.
    case descriptions
    /// Kernel messages, one after the other.
    case messages
  }

  /// Where in the file something begins.
  public enum Position: Hashable, Sendable {
    /// A line of a text, from 1.
    case line(Int)
    /// A byte of a file that is not text, from 0.
    case offset(Int)
  }

  /// One thing in a capture of events.
  public enum Entry: Equatable, Sendable {
    /// An event, and when it was printed: only differences of times mean anything (wall-clock times in
    /// old captures, times since boot in newer ones).
    case event(Uevent, at: Position, time: Duration?)
    /// A comment line without its `#`: what the capture's author did at this point.
    case mark(String, at: Position)
  }

  /// The file's name as messages show it.
  public var name: String
  /// The form that was recognised by content; nil if none was.
  public var format: Format?
  /// The events and marks, if the form has events.
  public var entries: [Entry]
  /// The devices, if the form is a state.
  public var devices: [DeviceDescription]
  /// What was let pass but a user may want to know, each a sentence with its place.
  public var notes: [String]
  /// What ended reading before the file's end; what is before it was read.
  public var damage: CaptureError?

  init(name: String, format: Format?) {
    self.name = name
    self.format = format
    self.entries = []
    self.devices = []
    self.notes = []
    self.damage = nil
  }

  /// The events alone.
  public var events: [Uevent] {
    entries.compactMap { entry in
      guard case .event(let event, at: _, time: _) = entry else { return nil }
      return event
    }
  }
}

extension Capture {
  /// Reads a capture of whatever form its content shows. `name` is the file's name in messages.
  ///
  /// It never fails as a whole: what is wrong is in `damage`, what was read before it in `entries` or
  /// `devices`.
  ///
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - name: The file's name.
  /// - Returns: Events or devices, and what is wrong with the file.
  public static func read(bytes: [UInt8], name: String) -> Capture {
    // Some editors put a byte order mark in front.
    let bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
    switch recognise(bytes) {
    case .failure(let refusal):
      var capture = Capture(name: name, format: nil)
      capture.damage = CaptureError(
        file: name, position: refusal.position, problem: refusal.problem)
      return capture
    case .success(.monitor): return MonitorReader.read(bytes, name: name)
    case .success(.messages): return MessageReader.read(bytes, name: name)
    case .success(.database): return DeviceReader.read(bytes, name: name, format: .database)
    case .success(.descriptions):
      return DeviceReader.read(bytes, name: name, format: .descriptions)
    }
  }

  /// Why no form was recognised.
  private struct Refusal: Error {
    let position: Position?
    let problem: CaptureError.Problem
  }

  private static func recognise(_ bytes: [UInt8]) -> Result<Format, Refusal> {
    func refuse(_ problem: CaptureError.Problem, at position: Position?) -> Result<Format, Refusal>
    {
      .failure(Refusal(position: position, problem: problem))
    }
    guard !bytes.isEmpty else { return refuse(.empty, at: nil) }
    if let format = UnsuitableFormat(magic: bytes) { return refuse(.unsuitable(format), at: nil) }

    var hasMarks = false
    // What is before the first line that is known, such as a shell's prompt, is not refused yet.
    var unknown: Refusal?
    for line in TextLines(bytes) {
      if line.isMark { hasMarks = true }
      if line.isMark || line.bytes.isEmpty { continue }
      let position = Position.line(line.number)
      if line.number == 1, KernelMessage.isHeader(line.bytes),
        line.bytes.contains(0) || !line.isTerminated
      {
        return .success(.messages)
      }
      if MonitorHeader.isIntroduction(line) || MonitorHeader.hasTag(line) {
        return .success(.monitor)
      }
      if line.starts(with: "P: ") { return .success(DeviceReader.format(of: bytes)) }
      let words = line.bytes.drop { $0 == UInt8(ascii: " ") }
      if words.starts(with: "looking at device ".utf8)
        || words.starts(with: "Udevadm info starts with ".utf8)
      {
        return refuse(.unsuitable(.attributeWalk), at: position)
      }
      guard unknown == nil else { continue }
      if isJSON(words) {
        let format: UnsuitableFormat = describesMachine(bytes) ? .machine : .json
        unknown = Refusal(position: position, problem: .unsuitable(format))
        continue
      }
      guard !line.bytes.contains(0) else {
        return refuse(.unknownFormat(Quotation.of(line.bytes)), at: .offset(0))
      }
      unknown = Refusal(
        position: line.isUTF8 ? position : .offset(0),
        problem: .unknownFormat(Quotation.of(line.bytes)))
    }
    if let unknown { return .failure(unknown) }
    return hasMarks ? .success(.monitor) : refuse(.empty, at: nil)
  }

  /// Whether a JSON document begins as the description of a machine does: `{"apreserve": "snapshot"`.
  private static func describesMachine(_ bytes: [UInt8]) -> Bool {
    let start = bytes.prefix(64).filter { !" \t\r\n".utf8.contains($0) }
    return start.starts(with: #"{"apreserve":"snapshot""#.utf8)
  }

  /// Whether a line begins a JSON document: an object, or an array that is not a word in brackets, as
  /// in a shell's prompt `[root@host ~]#`.
  private static func isJSON(_ line: ArraySlice<UInt8>) -> Bool {
    let bracket = line.first
    guard bracket == UInt8(ascii: "[") else { return bracket == UInt8(ascii: "{") }
    let element = line.dropFirst().drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }
    return element.first.map { "{[]\"-0123456789".utf8.contains($0) } ?? true
  }
}

/// Why a capture could not be read, or not to its end.
public struct CaptureError: Error, Equatable, Sendable {
  /// The file's name.
  public var file: String
  /// Where in the file; nil for the whole file.
  public var position: Capture.Position?
  /// What is wrong there.
  public var problem: Problem

  /// An error at that place.
  ///
  /// - Parameters:
  ///   - file: The file's name.
  ///   - position: Where in the file; nil for the whole file.
  ///   - problem: What is wrong.
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
    let file = file.printable
    return switch position {
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

/// A file that people may take for a capture and that cannot be one.
public enum UnsuitableFormat: String, Equatable, Sendable, CaseIterable {
  /// A packet capture, such as of an nlmon interface.
  case packets
  /// The text of `udevadm info --attribute-walk`.
  case attributeWalk
  /// Messages in the form in which udevd sends them on.
  case udevMessages
  /// A compressed file.
  case compressed
  /// The description of a machine, as `apreserve snapshot` prints it.
  case machine
  /// Any other JSON.
  case json

  /// The format of `bytes` if their beginning shows one of these.
  init?(magic bytes: [UInt8]) {
    let magics: [(UnsuitableFormat, [UInt8])] = [
      // pcap in both byte orders, also with nanoseconds, and pcapng.
      (.packets, [0xa1, 0xb2, 0xc3, 0xd4]), (.packets, [0xd4, 0xc3, 0xb2, 0xa1]),
      (.packets, [0xa1, 0xb2, 0x3c, 0x4d]), (.packets, [0x4d, 0x3c, 0xb2, 0xa1]),
      (.packets, [0x0a, 0x0d, 0x0d, 0x0a]),
      (.udevMessages, Array("libudev\0".utf8)),
      // gzip, xz, zstd, bzip2.
      (.compressed, [0x1f, 0x8b]), (.compressed, [0xfd, 0x37, 0x7a, 0x58, 0x5a]),
      (.compressed, [0x28, 0xb5, 0x2f, 0xfd]), (.compressed, Array("BZh".utf8)),
    ]
    guard let match = magics.first(where: { bytes.starts(with: $0.1) }) else { return nil }
    self = match.0
  }
}

extension UnsuitableFormat: CustomStringConvertible {
  /// Why it cannot be used and what to use, without a full stop.
  public var description: String {
    switch self {
    case .packets:
      // The tap copies only listed netlink protocols, and uevents are not among them
      // (`netlink_filter_tap` in net/netlink/af_netlink.c).
      "this is a packet capture, and Linux never copies uevents to a capture interface; record with "
        + "\"udevadm monitor --kernel --property\""
    case .attributeWalk:
      "this is the output of \"udevadm info --attribute-walk\", which shows one device and its "
        + "parents for writing rules; use \"udevadm info --export-db\""
    case .udevMessages:
      "these are messages that udevd sends on, not the kernel's; record with "
        + "\"udevadm monitor --kernel --property\""
    case .compressed: "this is a compressed file; unpack it first"
    case .machine: "this describes a machine, and is no capture; use it with --inventory"
    case .json:
      "this is JSON; a capture is the text of \"udevadm monitor --kernel --property\" or "
        + "\"udevadm info --export-db\""
    }
  }
}
