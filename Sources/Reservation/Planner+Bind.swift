import APBus

extension Planner {
  /// Plain unbind and bind, as on the kernels of 2018: nothing gates a bind but the hardware type.
  func planBinds(_ goals: [Goal], into plan: inout Plan) {
    for (queue, goal) in zip(inventory.queues, goals) {
      let apqn = queue.apqn
      let to: Owner
      let target: String
      switch goal {
      case .stay: continue
      case .reserve:
        guard queue.owner != .vfioAP else { continue }
        guard hasVfioAP else {
          plan.waiting.append(Plan.Waiting(apqn, driver: DriverName.vfioAP))
          continue
        }
        (to, target) = (.vfioAP, DriverName.vfioAP)
      case .giveBack:
        guard canGiveToHost(apqn, &plan) else { continue }
        (to, target) = (.host, DriverName.cex4queue)
      }
      var steps: [Step] = []
      if goal == .giveBack, context.isOn(.assignedQueue) {
        steps.append(.requireUnassigned(apqn))
      }
      if let driver = queue.driver { steps.append(.unbind(apqn, from: driver)) }
      steps.append(.bind(apqn, to: target))
      plan.operations.append(
        Operation(
          .queue(apqn), steps: steps,
          changes: [
            OwnerChange(
              apqn, from: queue.owner, to: to, cause: goal == .reserve ? .wanted : .givenBack)
          ]))
    }
  }
}
