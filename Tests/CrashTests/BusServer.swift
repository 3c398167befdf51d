import APBus
import Glibc
import SimulatedBus

/// Answers the calls of a process with a simulated bus, line by line.
struct BusServer {
  let bus: SimulatedBus
  let input: Int32
  let output: Int32
  /// A moment at which a process can be killed.
  enum Moment: String {
    case beforeWrite = "before a write"
    case afterWrite = "after a write"
    case beforeRecord = "before a record"
    case afterRecord = "after a record"
  }

  /// Moments there have been to kill the process at.
  private(set) var moments = 0
  /// How many writes were done.
  private(set) var writes = 0
  private var buffer: [UInt8] = []

  init(bus: SimulatedBus, input: Int32, output: Int32) {
    self.bus = bus
    self.input = input
    self.output = output
  }

  /// Serves until the process ends; at the moment of that number it is ended by `kill`, and not
  /// answered any more. Returns what moment that was; nil if it did not come.
  mutating func serve(until moment: Int?, kill: () -> Void) -> Moment? {
    func strikes(_ moments: inout Int) -> Bool {
      moments += 1
      return moments == moment
    }
    while let words = nextLine() {
      let operation = words[0]
      if operation == "record" {
        if strikes(&moments) {
          kill()
          return words.dropFirst().first == "before" ? .beforeRecord : .afterRecord
        }
        answer(["ok"])
        continue
      }
      let isWrite = operation == SysfsError.Operation.write.rawValue
      if isWrite, strikes(&moments) {
        kill()
        return .beforeWrite
      }
      let reply = perform(words)
      if isWrite { writes += 1 }
      if isWrite, strikes(&moments) {
        kill()
        return .afterWrite
      }
      answer(reply)
    }
    return nil
  }

  private func perform(_ words: [String]) -> [String] {
    guard words.count == 3, let path = SysfsPath(text: words[1]) else {
      return ["error", "\(ENOENT)", SysfsError.Operation.open.rawValue]
    }
    do throws(SysfsError) {
      switch SysfsError.Operation(rawValue: words[0]) {
      case .read: return ["ok", try bus.read(path)]
      case .write:
        try bus.write(words[2], to: path)
        return ["ok", ""]
      case .readLink: return ["ok", try bus.readLink(path)]
      case .list: return ["ok", try bus.list(path).joined(separator: "\n")]
      default: return ["error", "\(EINVAL)", words[0]]
      }
    } catch {
      return ["error", "\(error.errno.rawValue)", error.operation.rawValue]
    }
  }

  private func answer(_ words: [String]) {
    let line = words.map { $0.utf8.map { Hex.text($0, digits: 2) }.joined() }
    let bytes = Array((line.joined(separator: "\t") + "\n").utf8)
    // A process that has ended reads nothing any more; its end shows at the next line.
    _ = bytes.withUnsafeBytes {
      send(output, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
  }

  private mutating func nextLine() -> [String]? {
    while true {
      if let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
        let line = buffer[..<end].split(
          separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
        let words = line.map { word in
          let digits = word.compactMap(Hex.value(of:))
          let bytes = stride(from: 0, to: digits.count - digits.count % 2, by: 2).map {
            digits[$0] << 4 | digits[$0 + 1]
          }
          return String(decoding: bytes, as: UTF8.self)
        }
        buffer.removeSubrange(...end)
        return words
      }
      var chunk = [UInt8](repeating: 0, count: 4096)
      let count = Glibc.read(input, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      buffer += chunk[..<count]
    }
  }
}
