package import APBus

/// What a match clause asks of a queue, by key. Alternatives stand in arrays; one of them suffices.
package enum Condition: Hashable, Sendable {
  /// `APQN`: rectangles of adapters and domains.
  case apqn([APQNRange])
  /// `ADAPTER`: ranges of adapter numbers.
  case adapter([ClosedRange<UInt8>])
  /// `DOMAIN`: ranges of domain numbers.
  case domain([ClosedRange<UInt8>])
  /// `HWTYPE`: ranges of the card's type.
  case hardwareType([ClosedRange<UInt8>])
  /// `TYPE`: product and mode letter.
  case type(GlobPattern)
  /// `MODE`: the card's mode.
  case mode([QueueMode])
  /// `KERNEL`: the queue's name.
  case kernel(GlobPattern)
  /// `CARD{attribute}`: an attribute of the card.
  case card(attribute: String, GlobPattern)
  /// `HOST`: the host's name.
  case host(GlobPattern)
  /// `LPAR`: the LPAR's name.
  case lpar(GlobPattern)
}
