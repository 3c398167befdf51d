import AdjunctProcessor
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
    var groups: [(reason: Reason, refusals: [Refusal])] = []
    for refusal in refusals {
      if let index = groups.firstIndex(where: { $0.reason == refusal.reason }) {
        groups[index].refusals.append(refusal)
      } else {
        groups.append((refusal.reason, [refusal]))
      }
    }
    return groups.flatMap { group in
      guard group.refusals.count > 3, let first = group.refusals.first else {
        return group.refusals.map(\.description)
      }
      let others = APQNRectangle.covering(group.refusals.dropFirst().map(\.apqn))
      return [first.description, "  likewise " + others.map(\.description).joined(separator: ", ")]
    }
  }
}
