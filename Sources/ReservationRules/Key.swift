/// The keys of the rule language.
enum Key: String, CaseIterable {
  case apqn = "APQN"
  case adapter = "ADAPTER"
  case domain = "DOMAIN"
  case hardwareType = "HWTYPE"
  case type = "TYPE"
  case mode = "MODE"
  case kernel = "KERNEL"
  case card = "CARD"
  case host = "HOST"
  case lpar = "LPAR"
  case reserve = "RESERVE"
  case name = "NAME"
  case collateral = "COLLATERAL"

  /// Whether the key assigns, where the others match.
  var isAssignment: Bool {
    switch self {
    case .reserve, .name, .collateral: true
    default: false
    }
  }
}
