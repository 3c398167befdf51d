import JSONText
import Reservation

extension PlanWarning {
  /// The warning in one word.
  var code: String {
    switch self {
    case .guestLosesAdapter: "guest-loses-adapter"
    case .defaultDomainTaken: "default-domain-taken"
    case .lastCCAQueueTaken: "last-cca-queue-taken"
    case .unusable: "unusable"
    case .leavesMasks: "leaves-masks"
    case .cannotBeUndone: "cannot-be-undone"
    case .undoingBinds: "undoing-binds"
    case .nextBoot(let conflict):
      switch conflict.effect {
      case .takes: "next-boot-takes"
      case .binds: "next-boot-binds"
      case .setsMasks: "next-boot-sets-masks"
      case .setsOverrides: "next-boot-sets-overrides"
      }
    }
  }

  /// As JSON.
  var json: JSONValue {
    JSONObject.make {
      $0.set("warning", text: code)
      $0.set("message", text: description)
    }
  }
}
