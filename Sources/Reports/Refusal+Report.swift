import APBus
package import JSONText
package import Reservation

extension Refusal {
  /// The reason in one word.
  var code: String {
    switch reason {
    case .hardwareTooOld: "hardware-too-old"
    case .inexpressible: "inexpressible"
    case .releaseInexpressible: "release-inexpressible"
    case .assigned: "assigned"
    case .vetoed: "vetoed"
    case .masksInUse: "masks-in-use"
    case .overrideInUse: "override-in-use"
    case .strandedInHostPool: "stranded-in-host-pool"
    case .wouldBindBelowUnboundCard: "would-bind-below-unbound-card"
    case .wouldTakeEverything: "would-take-everything"
    case .maskChangeUnderWay: "mask-change-under-way"
    case .cardUnbound: "card-unbound"
    case .lastWithMasterKeys: "last-with-master-keys"
    case .masterKeysUnknown: "master-keys-unknown"
    case .busy: "busy"
    case .fought: "fought"
    case .rulesMissing: "rules-missing"
    case .overriddenByOthers: "overridden-by-others"
    }
  }

  /// As JSON.
  package var json: JSONValue {
    JSONObject.make {
      $0.set("queue", text: apqn.description)
      $0.set("reason", text: code)
      $0.set("message", text: description)
    }
  }

  /// The sentences of some refusals. Where many queues have the very same reason, the first one's
  /// sentence is followed by the others' names.
  static func sentences(_ refusals: [Refusal]) -> [String] {
    var groups: [[Refusal]] = []
    var places: [Reason: Int] = [:]
    for refusal in refusals {
      if let place = places[refusal.reason] {
        groups[place].append(refusal)
      } else {
        places[refusal.reason] = groups.count
        groups.append([refusal])
      }
    }
    return groups.flatMap { group in
      guard group.count > 3, let first = group.first else { return group.map(\.description) }
      let others = APQNRectangle.covering(group.dropFirst().map(\.apqn))
      return [first.description, "  likewise " + others.map(\.description).joined(separator: ", ")]
    }
  }
}
