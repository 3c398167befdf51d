import APBus

/// A small machine whose attributes all say what some bytes say, one line each in the order of reading.
final class AttributeSysfs: Sysfs {
  private let texts: [String]
  private var next = 0

  init(_ bytes: [UInt8]) {
    texts = bytes.split(separator: 0, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
  }

  private func text(_ path: SysfsPath) throws(SysfsError) -> String {
    defer { next += 1 }
    let text = texts[next % max(1, texts.count)]
    // An empty text represents a missing file.
    guard !text.isEmpty else { throw SysfsError(.open, path, errno: .noSuchFile) }
    return text
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String { try text(path) }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    throw SysfsError(.write, path, text: text, errno: .permissionDenied)
  }

  func readLink(_ path: SysfsPath) throws(SysfsError) -> String { try text(path) }

  func list(_ path: SysfsPath) throws(SysfsError) -> [String] {
    ["card05", "05.0004", "cex4queue", try text(path)]
  }
}
