package import JSONText

/// Why a command has no result.
package struct ErrorReport: Sendable {
  private let status: Int32
  private let messages: [String]

  package init(status: Int32, messages: [String]) {
    self.status = status
    self.messages = messages
  }

  package static let layout = JSONLayout<ErrorReport>.document(
    "error", "Why a command has no result."
  ) {
    $0.add("status", .integer, "The exit status.", \.status)
    $0.add("messages", .list(of: .text), "What was said on standard error.", \.messages)
  }

  package var json: JSONValue { Self.layout.json(self) }
}
