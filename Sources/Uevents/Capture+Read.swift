extension Capture {
  /// Reads a capture of whatever form its content shows. `name` is the file's name in messages.
  ///
  /// It never fails as a whole: what is wrong is in `damage`, what was read before it in `entries` or
  /// `devices`.
  public static func read(bytes: [UInt8], name: String) -> Capture {
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
      if words.first == UInt8(ascii: "{") || words.first == UInt8(ascii: "[") {
        return refuse(.unsuitable(.json), at: position)
      }
      let isText =
        !line.bytes.contains(0) && String(validating: line.bytes, as: UTF8.self) != nil
      return refuse(
        .unknownFormat(Quotation.of(line.bytes)), at: isText ? position : .offset(0))
    }
    return hasMarks ? .success(.monitor) : refuse(.empty, at: nil)
  }
}
