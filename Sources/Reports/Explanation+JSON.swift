import APBus
import Reservation
import ReservationRules
package import JSONText

extension Explanation {
  /// The explanation for programs.
  package var json: JSONValue {
    JSONObject.document("explain") {
      $0.set("queue", text: apqn.description)
      $0.set("adapter", number: apqn.adapter)
      $0.set("domain", number: apqn.domain)
      $0.set("present", flag: queue != nil)
      $0.set("type", text: card?.typeName)
      $0.set("hwtype", number: card?.hardwareType.rawValue)
      $0.set("mode", text: card?.mode?.rawValue)
      $0.set("owner", text: queue?.owner.rawValue)
      $0.set("driver", text: queue?.driver)
      $0.set("driver_override", text: queue?.driverOverride)
      $0.set("state", text: state?.rawValue)
      $0.set("mediatedDevice", text: holder?.uuid)
      $0.set(
        "virtualMachine",
        text: holder.flatMap { holder in
          assessment.context.configuration.virtualMachines
            .first { $0.mediatedDevices.contains(holder.uuid) }?.name
        })
      $0.set("owned", flag: isOwned)
      decision.write(to: &$0)
      $0.set("collateral", text: decision.collateral.rawValue)
      $0.set("rules", .array(verdicts.map(\.json)))
      $0.set("mechanism", text: assessment.choice.mechanism.rawValue)
      $0.set("reason", text: assessment.choice.reason)
      $0.set("change", change?.json(nil))
      $0.set("steps", .array(change == nil ? [] : steps.map(\.json)))
      $0.set("inTheWay", .array(obstacles.map { .string($0) }))
      $0.set("warnings", warnings.isEmpty ? nil : .array(warnings.map { .string($0) }))
    }
  }

  private var state: QueueState? {
    guard let queue else { return nil }
    let state = QueueState(queue, in: assessment.inventory)
    return state == .unknown ? nil : state
  }
}
