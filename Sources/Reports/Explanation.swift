package import APBus
package import Reservation
import ReservationRules

/// Everything there is to say of one queue.
package struct Explanation {
  let apqn: APQN
  let assessment: Assessment
  let verdicts: [RuleVerdict]

  /// Explains a queue of an assessed machine; it need not be there.
  package init(_ apqn: APQN, in assessment: Assessment) {
    self.apqn = apqn
    self.assessment = assessment
    verdicts = assessment.decisions.explanation(for: apqn)
  }

  var card: Card? { assessment.inventory.card(apqn.adapter) }
  var queue: Queue? { assessment.inventory.queue(apqn) }
  /// Whether it is reserved by us; nil while it is not reserved at all.
  var isOwned: Bool? {
    guard let queue, queue.owner == .vfioAP || queue.driverOverride == DriverName.vfioAP else {
      return nil
    }
    return assessment.ownership.covers(apqn, under: assessment.inventory.bus)
  }

  var holder: MediatedDevice? { assessment.inventory.mediatedDevice(holding: apqn) }
  var decision: Decision { assessment.decisions.decision(for: apqn) }

  /// The change of owner that the plan has for the queue.
  var change: OwnerChange? { assessment.plan.changes.first { $0.apqn == apqn } }

  /// The writes that concern the queue: those of the operation that moves it.
  var steps: [Step] {
    assessment.plan.operations
      .filter { operation in
        operation.subject == .queue(apqn) || operation.changes.contains { $0.apqn == apqn }
      }
      .flatMap(\.steps)
  }

  /// What the plan warns of for this queue.
  var warnings: [String] {
    assessment.plan.warnings.filter { $0.isAboutNextBoot(of: apqn) }.map(\.description)
  }

  /// What stands in the way of what the rules want, a sentence each.
  var obstacles: [String] {
    let plan = assessment.plan
    var sentences = plan.refusals.filter { $0.apqn == apqn }.map(\.description)
    for waiting in plan.waiting where waiting.apqn == apqn {
      sentences.append("\(waiting.driver) is not loaded; the plan waits for it")
    }
    if plan.undecidable.contains(apqn) {
      sentences.append("a rule asks for something that cannot be read now; the owner stays")
    }
    if plan.adopted.contains(apqn) {
      sentences.append("apreserve did not reserve it, so it does not give it back")
    }
    switch decision.reserve {
    case .vfioAP where queue == nil:
      sentences.append("there is no such queue now; it is reserved when it comes")
    case nil where queue == nil:
      sentences.append("there is no such queue now; the rules are decided when it comes")
    default: break
    }
    return sentences
  }
}
