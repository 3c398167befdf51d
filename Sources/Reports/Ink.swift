package import APBus

/// A colour by what it means.
package enum Ink: Hashable, Sendable {
  /// A queue with the host.
  case host
  /// A queue on `vfio_ap`.
  case vfioAP
  /// A queue without a driver.
  case unbound
  /// Something that is refused or has failed.
  case problem
  /// A heading.
  case heading
  /// What matters less.
  case faint

  /// The colour of an owner.
  package init(_ owner: Owner) {
    self =
      switch owner {
      case .host: .host
      case .vfioAP: .vfioAP
      case .none: .unbound
      }
  }

  /// The parameters of the terminal's "select graphic rendition" sequence: only colours that can be read
  /// on dark and on light backgrounds, so no yellow, no blue, no white.
  fileprivate var rendition: String {
    switch self {
    case .host: "36"
    case .vfioAP: "1;35"
    case .unbound: "4"
    case .problem: "1;31"
    case .heading: "1"
    case .faint: "2"
    }
  }
}

/// How a text is to look: with colours or plain.
///
/// Nothing is told by colour alone, so that a plain text says the same.
package struct TextStyle: Equatable, Sendable {
  /// Whether colours are used.
  package var isColored: Bool

  /// Without any colour.
  package static let plain = TextStyle(isColored: false)

  /// A style.
  package init(isColored: Bool) {
    self.isColored = isColored
  }

  /// The text in that colour.
  package func paint(_ text: String, _ ink: Ink?) -> String {
    guard isColored, let ink, !text.isEmpty else { return text }
    return "\u{1b}[\(ink.rendition)m\(text)\u{1b}[0m"
  }
}
