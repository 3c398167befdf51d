import APBus
import Agent
import Glibc
import Reservation

/// A bus that lives in another process, at the other end of standard input and output. Each call is a
/// line there and a line back; the words are separated by tabs and have their bytes in hex.
final class WireSysfs: Sysfs {
  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    try ask(.read, path, text: nil)
  }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    _ = try ask(.write, path, text: text)
  }

  func readLink(_ path: SysfsPath) throws(SysfsError) -> String {
    try ask(.readLink, path, text: nil)
  }

  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    try ask(.list, path, text: nil).split(separator: "\n").map(String.init)
  }

  private func ask(
    _ operation: SysfsError.Operation, _ path: SysfsPath, text: String?
  ) throws(SysfsError) -> String {
    let answer = Wire.ask(operation.rawValue, path.description, text ?? "")
    guard answer.count == 3, answer[0] == "error", let number = Int32(answer[1]),
      let failed = SysfsError.Operation(rawValue: answer[2])
    else { return answer.count > 1 ? answer[1] : "" }
    throw SysfsError(failed, path, text: text, errno: Errno(rawValue: number))
  }
}

/// A record that says at the other end when it is about to be written, and when it has been.
final class WireRecord: OwnershipRecord {
  private let record: any OwnershipRecord

  init(_ record: any OwnershipRecord) {
    self.record = record
  }

  func append(_ changes: [OwnershipChange]) throws(OwnershipRecordError) {
    _ = Wire.ask("record", "before", "")
    try record.append(changes)
    _ = Wire.ask("record", "after", "")
  }
}

/// The lines themselves.
enum Wire {
  /// Says something and waits for the answer. Whoever is not answered any more ends.
  static func ask(_ words: String...) -> [String] {
    print(words.map(encoded).joined(separator: "\t"))
    fflush(nil)
    guard let line = readLine() else { exit(3) }
    return line.split(separator: "\t", omittingEmptySubsequences: false).map(decoded)
  }

  private static func encoded(_ text: String) -> String {
    text.utf8.map { Hex.text($0, digits: 2) }.joined()
  }

  private static func decoded(_ word: Substring) -> String {
    let digits = word.utf8.compactMap(Hex.value(of:))
    let bytes = stride(from: 0, to: digits.count - digits.count % 2, by: 2).map {
      digits[$0] << 4 | digits[$0 + 1]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
