import APBus
package import Reservation
import ReservationRules
package import JSONText

extension PlanReport {
  /// The report for programs.
  package var json: JSONValue {
    JSONObject.document("plan") {
      $0.set("outcome", text: outcome.rawValue)
      $0.set("mechanism", text: choice.mechanism.rawValue)
      $0.set("reason", text: choice.reason)
      $0.set("advice", text: choice.advice)
      $0.set("settings", settings.isEmpty ? nil : .array(settings.map(\.json)))
      write(to: &$0)
    }
  }

  /// Adds the plan's parts.
  func write(to object: inout JSONObject) {
    if let before = bus.masks, let after = plan.masks(after: bus) {
      object.set(
        "masks",
        JSONObject.make {
          $0.set("before", Self.json(before))
          $0.set("after", Self.json(after))
        })
    }
    object.set(
      "changes",
      .array(plan.changes.map { $0.json(decisions.decision(for: $0.apqn)) }))
    object.set("steps", .array(plan.steps.map(\.json)))
    object.set("refused", .array(plan.refusals.map(\.json)))
    object.set("alternatives", .array(plan.alternatives.map(\.json)))
    object.set("waiting", .array(plan.waiting.map(\.json)))
    object.set("undecidable", texts: plan.undecidable.map(\.description))
    object.set("adopted", texts: plan.adopted.map(\.description))
    object.set("warnings", .array(plan.warnings.map(\.json)))
    let latent = plan.latentCollateral
    object.set(
      "latentCollateral",
      JSONObject.make {
        $0.set("adapters", .array(latent.adapters.map { .integer($0) }))
        $0.set("domains", .array(latent.domains.map { .integer($0) }))
        $0.set("count", number: latent.count)
        $0.set("hostCount", number: latent.hostCount)
      })
  }

  private static func json(_ masks: MaskPair) -> JSONValue {
    JSONObject.make {
      $0.set("apmask", text: masks.adapters.description)
      $0.set("aqmask", text: masks.domains.description)
    }
  }
}

extension MaskAlternative {
  /// As JSON.
  var json: JSONValue {
    JSONObject.make {
      $0.set("adapters", .array(adapters.map { .integer($0) }))
      $0.set("domains", .array(domains.map { .integer($0) }))
      $0.set("alsoTaken", texts: alsoTaken.map(\.description))
    }
  }
}

extension Plan.Waiting {
  /// As JSON.
  package var json: JSONValue {
    JSONObject.make {
      $0.set("queue", text: apqn.description)
      $0.set("driver", text: driver)
    }
  }
}
