/// Something to tell whoever looks after the machine.
package struct LogMessage: Equatable, Sendable {
  /// How important it is, with the numbers that syslog uses.
  package enum Level: Int, Comparable, Sendable {
    /// Something does not work.
    case error = 3
    /// Something may not work, or works differently.
    case warning = 4
    /// Something was changed.
    case notice = 5
    /// Something went as usual.
    case info = 6

    /// The word in front of a line.
    package var word: String {
      switch self {
      case .error: "error"
      case .warning: "warning"
      case .notice: "notice"
      case .info: "info"
      }
    }

    /// More important is less, as in syslog.
    package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
  }

  /// How important it is.
  package var level: Level
  /// What kind of message it is.
  package var kind: MessageKind
  /// A sentence.
  package var text: String
  /// What programs can filter by, in the journal's spelling: `AP_QUEUE`, `05.0004`.
  package var fields: [Field]

  /// A field of a journal entry.
  package struct Field: Equatable, Sendable {
    /// The name: capital letters, digits and underscores.
    package var name: String
    /// The value.
    package var value: String

    /// A name with its value.
    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// A message.
  package init(_ level: Level, _ kind: MessageKind, _ text: String, fields: [Field] = []) {
    self.level = level
    self.kind = kind
    self.text = text
    self.fields = fields
  }
}

/// Where messages go. May be used from any thread.
package protocol MessageLog: Sendable {
  /// Writes a message. What cannot be written is lost: there is nobody to tell.
  func write(_ message: LogMessage)
}
