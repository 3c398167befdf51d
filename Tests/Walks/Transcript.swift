package import APBus

/// A `.steps` file: what was written where on a real kernel, and everything that was read back.
package struct Transcript {
  /// A line with its number in the file, and what it says.
  package struct Line {
    package var number: Int
    package var text: String
    package var content: Content
  }

  /// What a line says.
  package enum Content: Equatable {
    /// How the bus was loaded: the flavour and the parameters.
    case load(flavour: String, parameters: [String: String])
    /// A mark without effect.
    case mark
    /// A write, with its newline.
    case write(text: String, path: String)
    /// What the write before it returned.
    case outcome(String)
    /// A write of apreserve, exactly as it was, with what it returned.
    case answered(text: String, path: String, outcome: String)
    /// A module that is loaded.
    case module(String)
    /// A module that is unloaded.
    case unload(String)
    /// A guest starts with the mediated device that has no guest, or stops.
    case guest(starts: Bool)
    /// The removal of a mediated device begins.
    case removal(String)
    /// The removal has not returned, but waits for the guest.
    case waits
    /// An attribute's text without its newline; nil where there is no such file.
    case read(path: String, text: String?)
    /// The driver of a queue.
    case driver(APQN, name: String?)
    /// The names in the directory of a device or of another object.
    case entries(object: String, names: [String])
    /// A line of the `uevent` file of the device listed last.
    case variable(String)
    /// A bare line: part of a directory's listing, or the number of devices.
    case bare(String)
    /// Something of the machine around the bus.
    case foreign
  }

  package var kernel: String
  package var lines: [Line]

  package init(bytes: [UInt8]) {
    let texts = bytes.split(separator: 10, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    kernel = texts.first ?? ""
    lines = texts.enumerated().dropFirst().filter { !$0.element.isEmpty }.map { index, text in
      Line(number: index + 1, text: text, content: Self.content(of: text))
    }
  }

  private static func content(of text: String) -> Content {
    if text.hasPrefix("# load: apload ") {
      let words = text.split(separator: " ").dropFirst(3)
      let pairs = words.dropFirst().compactMap { word -> (String, String)? in
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
      }
      return .load(
        flavour: String(words.first ?? ""), parameters: Dictionary(uniqueKeysWithValues: pairs))
    }
    if text.hasPrefix("# write "), let parts = halves(of: text.dropFirst(8), at: " > ") {
      return .write(text: parts.0 + "\n", path: parts.1)
    }
    if text.hasPrefix("# module ") { return .module(String(text.dropFirst(9))) }
    if text.hasPrefix("# unload ") { return .unload(String(text.dropFirst(9))) }
    if text == "# guest starts" { return .guest(starts: true) }
    if text == "# guest stops" { return .guest(starts: false) }
    if text.hasPrefix("# removal of ") { return .removal(String(text.dropFirst(13))) }
    if text.hasPrefix("#") { return .mark }
    if text.hasPrefix("    ") { return .variable(String(text.dropFirst(4))) }
    guard text.hasPrefix("  ") else { return .bare(text) }
    let rest = text.dropFirst(2)
    if rest.hasPrefix("wrote "), let content = answered(rest.dropFirst(6)) { return content }
    if rest.hasPrefix("/sys/"), let parts = halves(of: rest, at: " = ") {
      return .read(path: parts.0, text: parts.1 == "(absent)" ? nil : parts.1)
    }
    if let parts = halves(of: rest, at: " driver: "), let apqn = APQN(parts.0) {
      return .driver(apqn, name: parts.1.isEmpty ? nil : parts.1)
    }
    if ["dmesg: ", "rc=", "guest: "].contains(where: { rest.hasPrefix($0) }) { return .foreign }
    if rest == "waits: " { return .waits }
    if let parts = halves(of: rest, at: ": "), !["write", "open"].contains(parts.0) {
      return .entries(object: parts.0, names: parts.1.split(separator: " ").map(String.init))
    }
    return .outcome(String(rest))
  }

  /// `TEXT > PATH: OUTCOME`, a newline in the text shown as `\n`; no path has a colon and a blank.
  private static func answered(_ line: Substring) -> Content? {
    guard let (text, rest) = halves(of: line, at: " > "),
      let (path, outcome) = halves(of: rest[...], at: ": ")
    else { return nil }
    let isLine = text.hasSuffix("\\n")
    return .answered(
      text: isLine ? text.dropLast(2) + "\n" : text, path: path, outcome: outcome)
  }

  private static func halves(of text: Substring, at separator: String) -> (String, String)? {
    let bytes = Array(text.utf8)
    let wanted = Array(separator.utf8)
    guard bytes.count >= wanted.count else { return nil }
    for index in 0...(bytes.count - wanted.count)
    where bytes[index..<(index + wanted.count)].elementsEqual(wanted) {
      return (
        String(decoding: bytes[..<index], as: UTF8.self),
        String(decoding: bytes[(index + wanted.count)...], as: UTF8.self)
      )
    }
    return nil
  }
}
