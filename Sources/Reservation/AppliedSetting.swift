/// A setting in force and where it comes from.
package struct AppliedSetting: Equatable, Sendable {
  /// The setting, as apreserve.conf(5) names it.
  package var name: String
  /// The value as it is written.
  package var value: String
  /// `file:line`, `command line` or `default`.
  package var origin: String

  /// What `origin` is where nobody has set anything.
  package static let defaultOrigin = "default"
  /// What `origin` is where an option of the command line has set it.
  package static let commandLineOrigin = "command line"

  package init(name: String, value: String, origin: String) {
    self.name = name
    self.value = value
    self.origin = origin
  }

  /// Whether a file or an option sets it.
  package var isSet: Bool { origin != Self.defaultOrigin }
  /// As it is written in a file.
  package var text: String { "\(name)=\(value)" }
}
