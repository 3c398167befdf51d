import APBus

/// Reads the elements of an XML text one after another, in a time that grows with its length alone.
///
/// It reads what libvirt writes: elements, attributes, text with entities, comments, CDATA sections and
/// processing instructions. A text that is cut off, or whose elements do not close one another, is an error, so
/// that a file which is half written is not taken for a whole one.
struct XMLScanner {
  private let bytes: [UInt8]
  private var index = 0
  /// The names of the elements that are open.
  private var open: [String] = []
  /// The name of an element that was closed in its own tag.
  private var isClosing = false
  private var hasElement = false

  /// How deep elements may nest; deeper ones would only serve to exhaust memory.
  private static let depthLimit = 256

  enum Item {
    case start(Element)
    case end
    /// The text between two tags, unless it is blank.
    case text(String)
  }

  struct Element {
    var name: String
    fileprivate var attributes: [(name: String, value: String)] = []

    subscript(name: String) -> String? { attributes.first { $0.name == name }?.value }
  }

  init(_ bytes: [UInt8]) {
    // Some editors put a byte order mark in front.
    self.bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
  }

  /// The next item; nil at the end of the text.
  mutating func next() throws(XMLError) -> Item? {
    if isClosing {
      isClosing = false
      open.removeLast()
      return .end
    }
    while index < bytes.count {
      let start = index
      if bytes[index] != UInt8(ascii: "<") {
        let text = bytes[index...].prefix { $0 != UInt8(ascii: "<") }
        index = text.endIndex
        if text.allSatisfy(Self.isSpace) { continue }
        guard !open.isEmpty else { throw error("there is text outside of an element", at: start) }
        return .text(try decoded(text))
      }
      if has("<!--") {
        try skip(past: "-->", "this comment does not end", from: start)
      } else if has("<![CDATA[") {
        let begin = index + 9
        try skip(past: "]]>", "this CDATA section does not end", from: start)
        guard !open.isEmpty else { throw error("there is text outside of an element", at: start) }
        return .text(String(decoding: bytes[begin..<index - 3], as: UTF8.self))
      } else if has("<?") {
        try skip(past: "?>", "this instruction does not end", from: start)
      } else if has("<!") {
        throw error("it has a document type or another declaration, which libvirt does not write")
      } else if has("</") {
        try closeElement()
        return .end
      } else {
        return .start(try element())
      }
    }
    if let name = open.last { throw error("the text ends before </\(name.printable)>") }
    guard hasElement else { throw error("there is no element in it") }
    return nil
  }

  private mutating func closeElement() throws(XMLError) {
    let start = index
    index += 2
    let name = takeName()
    skipSpace()
    guard take(">"), !name.isEmpty else { throw error("this tag does not end", at: start) }
    guard name == open.popLast() else {
      throw error("</\(name.printable)> closes another element", at: start)
    }
  }

  private mutating func element() throws(XMLError) -> Element {
    let start = index
    index += 1
    var element = Element(name: takeName())
    guard !element.name.isEmpty else { throw error("a < is not the beginning of a tag", at: start) }
    guard !open.isEmpty || !hasElement else {
      throw error("there is an element after the end of the first", at: start)
    }
    guard open.count < Self.depthLimit else {
      throw error("elements are nested deeper than \(Self.depthLimit)")
    }
    while true {
      skipSpace()
      let isEmpty = take("/")
      if take(">") {
        open.append(element.name)
        hasElement = true
        isClosing = isEmpty
        return element
      }
      let name = takeName()
      skipSpace()
      guard !isEmpty, !name.isEmpty, take("=") else {
        throw error("the tag <\(element.name.printable) is not closed", at: start)
      }
      skipSpace()
      guard index < bytes.count, [UInt8(ascii: "\""), UInt8(ascii: "'")].contains(bytes[index])
      else { throw error("the value of \(name.printable) has no quotes") }
      let quote = bytes[index]
      let value = bytes[(index + 1)...].prefix { $0 != quote }
      guard value.endIndex < bytes.count else {
        throw error("the value of \(name.printable) has no closing quote")
      }
      element.attributes.append((name, try decoded(value)))
      index = value.endIndex + 1
    }
  }

  // MARK: - Characters

  private func has(_ text: String) -> Bool { bytes[index...].starts(with: text.utf8) }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard index < bytes.count, bytes[index] == UInt8(ascii: scalar) else { return false }
    index += 1
    return true
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x9 || byte == 0xa || byte == 0xd
  }

  private mutating func skipSpace() {
    while index < bytes.count, Self.isSpace(bytes[index]) { index += 1 }
  }

  private mutating func takeName() -> String {
    let name = bytes[index...].prefix { !Self.isSpace($0) && !"/>=<\"'".utf8.contains($0) }
    index = name.endIndex
    return String(decoding: name, as: UTF8.self)
  }

  private mutating func skip(
    past end: String, _ problem: String, from start: Int
  ) throws(XMLError) {
    let end = Array(end.utf8)
    while index + end.count <= bytes.count {
      if bytes[index] == end[0], bytes[index...].starts(with: end) {
        index += end.count
        return
      }
      index += 1
    }
    throw error(problem, at: start)
  }

  /// A text with its references to characters replaced: the five entities of XML, and numbers.
  private func decoded(_ text: ArraySlice<UInt8>) throws(XMLError) -> String {
    guard text.contains(UInt8(ascii: "&")) else { return String(decoding: text, as: UTF8.self) }
    var result: [UInt8] = []
    var rest = text
    while let ampersand = rest.firstIndex(of: UInt8(ascii: "&")) {
      result += rest[..<ampersand]
      let name = rest[(ampersand + 1)...].prefix(12).prefix { $0 != UInt8(ascii: ";") }
      guard name.endIndex < rest.endIndex, rest[name.endIndex] == UInt8(ascii: ";"),
        let character = Self.character(String(decoding: name, as: UTF8.self))
      else { throw error("an & is not the beginning of an entity of XML", at: ampersand) }
      result += Array(String(character).utf8)
      rest = rest[(name.endIndex + 1)...]
    }
    return String(decoding: result + rest, as: UTF8.self)
  }

  private static func character(_ reference: String) -> Character? {
    switch reference {
    case "lt": return "<"
    case "gt": return ">"
    case "quot": return "\""
    case "apos": return "'"
    case "amp": return "&"
    default:
      guard reference.hasPrefix("#") else { return nil }
      let digits = reference.dropFirst(reference.hasPrefix("#x") ? 2 : 1)
      guard digits.first?.isHexDigit == true else { return nil }
      return UInt32(digits, radix: reference.hasPrefix("#x") ? 16 : 10)
        .flatMap { $0 == 0 ? nil : Unicode.Scalar($0) }.map(Character.init)
    }
  }

  private func error(_ problem: String, at offset: Int? = nil) -> XMLError {
    let before = bytes.prefix(offset ?? index)
    return XMLError(
      line: 1 + before.reduce(0) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }, problem: problem)
  }
}

/// A text that is not XML as libvirt writes it: where, and what is wrong there.
package struct XMLError: Error, Equatable, Sendable {
  /// The line, from 1.
  package var line: Int
  /// What is wrong: a sentence.
  package var problem: String

  package init(line: Int, problem: String) {
    self.line = line
    self.problem = problem
  }
}
