import APBus

/// The last set of rules in force as one text, each file whole and under its own path, so that
/// decisions name the file and line that a person knows.
///
/// A checksum in the first line shows whether the text is whole, or was cut or damaged.
package enum RuleArchive {
  private static let heading =
    "# The last rules in force, kept by apreserve for a start with broken rule files. FNV-1a: "
  /// The first line of texts without a checksum, as earlier versions of apreserve wrote them.
  private static let headingWithoutSum =
    "# The last rules without errors, kept by apreserve for a start with broken rule files.\n"
  private static let word = "file "

  /// The text of files.
  package static func encode(_ files: [RuleFile]) -> [UInt8] {
    var bytes: [UInt8] = []
    for file in files {
      let path = file.path.split(separator: "\n").joined(separator: "?")
      bytes += "\(word)\(file.bytes.count) \(path)\n".utf8
      bytes += file.bytes
      bytes.append(UInt8(ascii: "\n"))
    }
    return Array((heading + sum(bytes) + "\n").utf8) + bytes
  }

  /// The files of a text; nil for one that is not whole.
  package static func decode(_ bytes: [UInt8]) -> [RuleFile]? {
    if bytes.starts(with: headingWithoutSum.utf8) {
      return files(bytes.dropFirst(headingWithoutSum.utf8.count))
    }
    guard bytes.starts(with: heading.utf8), let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
    else { return nil }
    let body = bytes[(end + 1)...]
    guard bytes[heading.utf8.count..<end].elementsEqual(sum(body).utf8) else { return nil }
    return files(body)
  }

  private static func sum(_ bytes: some Sequence<UInt8>) -> String {
    Hex.text(Checksum(bytes).value, digits: 16)
  }

  private static func files(_ bytes: ArraySlice<UInt8>) -> [RuleFile]? {
    var rest = bytes
    var files: [RuleFile] = []
    while !rest.isEmpty {
      guard rest.starts(with: word.utf8), let end = rest.firstIndex(of: UInt8(ascii: "\n"))
      else { return nil }
      let line = rest[..<end].dropFirst(word.utf8.count)
      guard let space = line.firstIndex(of: UInt8(ascii: " ")),
        let count = Int(String(decoding: line[..<space], as: UTF8.self)), count >= 0,
        count < rest.endIndex - end - 1
      else { return nil }
      let start = end + 1
      guard rest[start + count] == UInt8(ascii: "\n") else { return nil }
      files.append(
        RuleFile(
          path: String(decoding: line[(space + 1)...], as: UTF8.self),
          bytes: Array(rest[start..<start + count])))
      rest = rest[(start + count + 1)...]
    }
    return files
  }
}

/// FNV-1a with 64 bits, against damaged or cut texts. It does not protect against forgery
/// (draft-eastlake-fnv).
package struct Checksum: Equatable, Sendable {
  /// The sum of the bytes so far.
  package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  package init() {}

  /// A sum that was kept.
  package init(value: UInt64) {
    self.value = value
  }

  package init(_ bytes: some Sequence<UInt8>) {
    add(bytes)
  }

  package mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
}
