import APBus

/// What one condition says of one queue, with what was found.
enum ConditionAnswer {
  case holds(found: String)
  case fails(found: String)
  case unknown(reason: String)

  init(_ holds: Bool, found: String) {
    self = holds ? .holds(found: found) : .fails(found: found)
  }

  /// The answer under `!=`: what is unknown stays unknown.
  var negated: ConditionAnswer {
    switch self {
    case .holds(let found): .fails(found: found)
    case .fails(let found): .holds(found: found)
    case .unknown: self
    }
  }
}

extension Condition {
  /// Evaluates the condition alone, to explain a decision; tables do not come here.
  func answer(for apqn: APQN, card: Card?, host: HostIdentity) -> ConditionAnswer {
    switch self {
    case .apqn(let ranges):
      return ConditionAnswer(ranges.contains { $0.contains(apqn) }, found: apqn.description)
    case .adapter(let ranges): return Self.answer(ranges, apqn.adapter)
    case .domain(let ranges): return Self.answer(ranges, apqn.domain)
    case .kernel(let pattern):
      return ConditionAnswer(pattern.matches(apqn.description), found: apqn.description)
    case .host(let pattern):
      return Self.answer(pattern, host.name, "the host's name is not known")
    case .lpar(let pattern):
      return Self.answer(pattern, host.lpar, "the LPAR's name is not known")
    case .hardwareType, .type, .mode, .card:
      guard let card else { return .unknown(reason: "there is no \(apqn.cardName) now") }
      return answer(for: card)
    }
  }

  private func answer(for card: Card) -> ConditionAnswer {
    switch self {
    case .hardwareType(let ranges):
      let type = card.hardwareType.rawValue
      return ConditionAnswer(ranges.contains { $0.contains(type) }, found: "\(type)")
    case .mode(let modes):
      guard let mode = card.mode else {
        return .unknown(reason: "the ap_functions of \(card.name) tell no mode")
      }
      return ConditionAnswer(modes.contains(mode), found: mode.rawValue)
    case .type(let pattern):
      return Self.answer(
        pattern, card.typeName, "hwtype and ap_functions of \(card.name) tell no type")
    case .card(let attribute, let pattern):
      return Self.answer(
        pattern, card.attributes[attribute], "\(attribute) of \(card.name) cannot be read now")
    case .apqn, .adapter, .domain, .kernel, .host, .lpar:
      return .unknown(reason: "this is not asked of a card")
    }
  }

  private static func answer(
    _ ranges: [ClosedRange<UInt8>], _ number: UInt8
  ) -> ConditionAnswer {
    ConditionAnswer(
      ranges.contains { $0.contains(number) },
      found: number < 10 ? "\(number)" : "0x" + LowerHex.text(number, digits: 2))
  }

  private static func answer(
    _ pattern: GlobPattern, _ value: String?, _ reason: String
  ) -> ConditionAnswer {
    guard let value else { return .unknown(reason: reason) }
    return ConditionAnswer(pattern.matches(value), found: value)
  }
}
