/// The form in which a kernel sends an event: `action@devpath`, then `KEY=VALUE` strings, each ended
/// by a NUL (`kobject_uevent_env` in lib/kobject_uevent.c).
public enum KernelMessage {
  /// The most bytes that the strings after the header have (`UEVENT_BUFFER_SIZE`,
  /// include/linux/kobject.h); the header does not count.
  public static let propertyLimit = 2048

  /// The bytes of a message in the kernel's key order. Without a sequence number there is no SEQNUM:
  /// so an event is handed to a kernel, which appends its own.
  ///
  /// - Parameter event: Any event.
  /// - Returns: The message.
  public static func encode(_ event: Uevent) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(256)
    func append(_ parts: String...) {
      for part in parts { bytes.append(contentsOf: part.utf8) }
      bytes.append(0)
    }
    append(event.action.rawValue, "@", event.devicePath)
    append("ACTION=", event.action.rawValue)
    append("DEVPATH=", event.devicePath)
    append("SUBSYSTEM=", event.subsystem)
    for property in event.properties { append(property.key, "=", property.value) }
    if let number = event.sequenceNumber { append("SEQNUM=", String(number)) }
    return bytes
  }

  /// Reads one message exactly as a kernel sends it; anything else is refused, so that encoding what
  /// was decoded gives the same bytes.
  ///
  /// - Parameter bytes: One whole message.
  /// - Returns: The event.
  /// - Throws: What is wrong, and at which byte.
  public static func decode(_ bytes: some Collection<UInt8>) throws(KernelMessageError) -> Uevent {
    try decode(slice: ArraySlice(bytes), repairsText: false).event
  }

  /// The same on part of a larger buffer; offsets in errors count from the part's start. With
  /// `repairsText`, bytes that are not UTF-8 may be replaced.
  static func decode(
    slice bytes: ArraySlice<UInt8>, repairsText: Bool
  ) throws(KernelMessageError) -> (event: Uevent, isRepaired: Bool) {
    let start = bytes.startIndex
    func refusal(_ problem: Uevent.Problem, at index: Int) -> KernelMessageError {
      KernelMessageError(offset: index - start, problem: problem)
    }
    guard let headerEnd = bytes.firstIndex(of: 0) else {
      throw refusal(bytes.isEmpty ? .noHeader("") : .notTerminated, at: start)
    }
    let length = bytes.endIndex - headerEnd - 1
    guard length <= propertyLimit else { throw refusal(.tooLong(length), at: headerEnd + 1) }

    var builder: UeventBuilder
    do {
      builder = try UeventBuilder(messageHeader: bytes[..<headerEnd], repairsText: repairsText)
    } catch {
      throw refusal(error, at: start)
    }
    var next = headerEnd + 1
    var index = 0
    var disorder: KernelMessageError?
    while next < bytes.endIndex {
      guard let end = bytes[next...].firstIndex(of: 0) else {
        throw refusal(.notTerminated, at: next)
      }
      do {
        let key = try builder.add(bytes[next..<end])
        if !isInPlace(key, index: index, isLast: end + 1 == bytes.endIndex) {
          disorder = disorder ?? refusal(.outOfOrder(key), at: next)
        }
      } catch {
        throw refusal(error, at: next)
      }
      next = end + 1
      index += 1
    }
    if let key = builder.missing.first { throw refusal(.missing(key), at: start) }
    if let disorder { throw disorder }
    do {
      return (try builder.event(), builder.isRepaired)
    } catch {
      throw refusal(error, at: start)
    }
  }

  /// Whether the kernel puts `key` at this place (lib/kobject_uevent.c, `kobject_uevent_env`).
  private static func isInPlace(_ key: String, index: Int, isLast: Bool) -> Bool {
    switch key {
    case "ACTION": index == 0
    case "DEVPATH": index == 1
    case "SUBSYSTEM": index == 2
    case "SEQNUM": isLast
    default: true
    }
  }

  /// Whether `string` begins a message: a lower-case word, then `@/`.
  static func isHeader(_ string: ArraySlice<UInt8>) -> Bool {
    let word = string.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    return !word.isEmpty && string[word.endIndex...].starts(with: "@/".utf8)
  }
}

/// Why a kernel message was refused, and where.
public struct KernelMessageError: Error, Equatable, Sendable {
  /// The byte, counted from the message's start, at which the string in question begins.
  public var offset: Int
  /// What is wrong with it.
  public var problem: Uevent.Problem

  /// A refusal at `offset`.
  ///
  /// - Parameters:
  ///   - offset: The byte, from the message's start.
  ///   - problem: What is wrong.
  public init(offset: Int, problem: Uevent.Problem) {
    self.offset = offset
    self.problem = problem
  }
}

extension KernelMessageError: CustomStringConvertible {
  /// One sentence with the offset.
  public var description: String { "byte \(offset) of a kernel message: \(problem)." }
}

/// Reads kernel messages one after the other, without any framing.
///
/// A message ends with its SEQNUM; another one's header also ends it.
enum MessageReader {
  /// Reads `bytes` until their end or the first damage.
  static func read(_ bytes: [UInt8], name: String) -> Capture {
    var capture = Capture(name: name, format: .messages)
    var repairs = TextRepairs()
    var start = 0
    while start < bytes.endIndex {
      let extent = extent(bytes, from: start)
      do {
        let (event, isRepaired) = try KernelMessage.decode(
          slice: bytes[start..<extent.end], repairsText: true)
        capture.entries.append(.event(event, at: .offset(start), time: nil))
        if isRepaired { repairs.note(.offset(start)) }
      } catch {
        capture.damage = damage(error, file: name, start: start, mayBeCut: extent.isOpen)
        break
      }
      start = extent.end
    }
    capture.notes += repairs.notes(name: name)
    return capture
  }

  private static func damage(
    _ error: KernelMessageError, file: String, start: Int, mayBeCut: Bool
  ) -> CaptureError {
    switch error.problem {
    case .notTerminated where mayBeCut, .missing where mayBeCut:
      CaptureError(
        file: file, position: .offset(start), problem: .cutOff("the event that begins here"))
    default:
      CaptureError(
        file: file, position: .offset(start + error.offset), problem: .event(error.problem))
    }
  }

  /// Where the message that begins at `start` ends, and whether that is only because the file ends.
  private static func extent(_ bytes: [UInt8], from start: Int) -> (end: Int, isOpen: Bool) {
    var next = start
    while next < bytes.endIndex {
      if next > start, KernelMessage.isHeader(bytes[next...]) { return (next, false) }
      guard let end = bytes[next...].firstIndex(of: 0) else { return (bytes.endIndex, true) }
      let isLast = bytes[next..<end].starts(with: "SEQNUM=".utf8)
      next = end + 1
      if isLast { return (next, false) }
    }
    return (next, true)
  }
}
