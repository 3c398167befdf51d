package import APBus
package import Uevents

/// Why a capture cannot be turned into a machine or replayed, although it could be read.
package struct CaptureFault: Error, Equatable, Sendable {
  /// The capture's name.
  package var capture: String
  /// Where in it.
  package var position: Capture.Position
  /// What is wrong there.
  package var problem: Problem

  /// What is wrong.
  package enum Problem: Error, Equatable, Sendable {
    /// An event about a queue of a card that the capture never shows.
    case queueWithoutCard(APQN)
    /// A card's event does not tell its hardware type.
    case cardWithoutType(UInt8, found: String?)
    /// A mask's event does not carry a mask.
    case unreadableMask(String)
  }

  /// A fault at a place.
  package init(_ capture: String, _ position: Capture.Position, _ problem: Problem) {
    self.capture = capture
    self.position = position
    self.problem = problem
  }
}

extension CaptureFault: CustomStringConvertible {
  /// One sentence with its place.
  package var description: String {
    let place =
      switch position {
      case .line(let line): "\(capture):\(line)"
      case .offset(let offset): "\(capture): at byte \(offset)"
      }
    let sentence =
      switch problem {
      case .queueWithoutCard(let apqn):
        "queue \(apqn) appears, but the capture never shows its card \(apqn.cardName); give the "
          + "machine that the capture was made on with --inventory FILE"
      case .cardWithoutType(let adapter, nil):
        "\(BusObject.cardName(adapter)) appears without DEV_TYPE, so that its hardware type is not "
          + "known; give the machine that the capture was made on with --inventory FILE"
      case .cardWithoutType(let adapter, let found?):
        "\(BusObject.cardName(adapter)) has the DEV_TYPE \"\(found)\", which is no hardware type"
      case .unreadableMask(let text): "\"\(text)\" is no mask of 64 hex digits"
      }
    return "\(place): \(sentence).".printable
  }
}
