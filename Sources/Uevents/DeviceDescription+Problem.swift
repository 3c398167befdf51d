extension DeviceDescription {
  /// Why a description of a device cannot be used.
  public enum Problem: Error, Equatable, Sendable {
    /// The line, quoted here, is not `X: value`.
    case noLetter(String)
    /// The value behind the letter is not `NAME=VALUE`.
    case noEquals(letter: Character, text: String)
    /// A description begins with another letter than `P:`.
    case noPath(Character)
    /// A second `P:` without an empty line before it.
    case secondPath
    /// The path is not as the kernel writes it.
    case path(Uevent.Problem)
    /// This path was described before, at that line.
    case duplicateDevice(String, line: Int)
    /// This attribute was given before.
    case duplicateAttribute(String)
    /// The device of this path has no subsystem, which umockdev requires.
    case noSubsystem(String)
    /// A backslash is followed by nothing, or by a number over 377 octal.
    case escape(String)
    /// The text is not an even number of hex digits.
    case hex(String)
    /// The bytes are not UTF-8.
    case notUTF8
  }
}

extension DeviceDescription.Problem: CustomStringConvertible {
  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .noLetter(let text): "expected a letter, a colon and a blank, found \"\(text)\""
    case .noEquals(let letter, let text): "expected \"\(letter): NAME=VALUE\", found \"\(text)\""
    case .noPath(let letter): "a device begins with \"P: /path\", not with \"\(letter):\""
    case .secondPath: "a second \"P:\" in one device; put an empty line between devices"
    case .path(let problem): problem.description
    case .duplicateDevice(let path, let line):
      "the device \(path) was already described at line \(line)"
    case .duplicateAttribute(let name): "the attribute \"\(name)\" is there twice"
    case .noSubsystem(let path): "the device \(path) has no line \"E: SUBSYSTEM=...\""
    case .escape(let text):
      "a backslash in \"\(text)\" is not followed by a letter or an octal number up to 377"
    case .hex(let text): "\"\(text)\" is not an even number of hex digits"
    case .notUTF8: "the bytes are not UTF-8"
    }
  }
}
