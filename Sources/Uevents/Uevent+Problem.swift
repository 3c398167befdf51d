extension Uevent {
  /// Why bytes are not an event that a kernel would send (libudev lets most of it pass).
  public enum Problem: Error, Equatable, Sendable {
    /// The strings behind the header have this many bytes, more than the kernel's buffer.
    case tooLong(Int)
    /// The last string has no NUL at its end.
    case notTerminated
    /// The first string, quoted here, is not `action@/path`.
    case noHeader(String)
    /// No action of this name exists.
    case unknownAction(String)
    /// The path does not start with a slash.
    case relativePath(String)
    /// The path has an empty, `.` or `..` component.
    case unusualPath(String)
    /// The path, or a property's name, quoted here, goes over more than one line.
    case newline(String)
    /// The subsystem is no word, and could be taken for the end of a line or for more than one.
    case unusualSubsystem(String)
    /// A string that should be `KEY=VALUE` has no key or no `=`.
    case noProperty(String)
    /// A property that every event has is missing.
    case missing(String)
    /// A property that every event has once is there twice.
    case duplicate(String)
    /// The header says something else than the property of this key.
    case mismatch(key: String, header: String, property: String)
    /// A property that every event has stands elsewhere than the kernel puts it.
    case outOfOrder(String)
    /// SEQNUM is not a decimal number from 1 on.
    case sequenceNumber(String)
    /// The bytes are not UTF-8.
    case notUTF8
  }
}

extension Uevent.Problem: CustomStringConvertible {
  /// One sentence without a full stop.
  public var description: String {
    switch self {
    case .tooLong(let count):
      "the properties have \(count) bytes, a kernel sends at most \(KernelMessage.propertyLimit)"
    case .notTerminated: "the last property has no NUL byte at its end"
    case .noHeader(let text): "expected \"action@/path\", found \"\(text)\""
    case .unknownAction(let name):
      "there is no action \"\(name)\"; a kernel sends "
        + Uevent.Action.allCases.map(\.rawValue).joined(separator: ", ")
    case .relativePath(let path): "the device path \"\(path)\" does not start with \"/\""
    case .unusualPath(let path):
      "the device path \"\(path)\" has an empty, \".\" or \"..\" component"
    case .newline(let text): "\"\(text)\" has a newline in it"
    case .unusualSubsystem(let name): "the subsystem \"\(name)\" is not one word"
    case .noProperty(let text): "expected KEY=VALUE, found \"\(text)\""
    case .missing(let key): "\(key) is missing"
    case .duplicate(let key): "\(key) is there twice"
    case .mismatch(let key, let header, let property):
      "\(key) is \"\(property)\", but the event's first line says \"\(header)\""
    case .outOfOrder(let key):
      "\(key) is not where a kernel puts it (ACTION, DEVPATH, SUBSYSTEM first, SEQNUM last)"
    case .sequenceNumber(let text): "SEQNUM is \"\(text)\", not a decimal number from 1 on"
    case .notUTF8: "the bytes are not UTF-8"
    }
  }
}
