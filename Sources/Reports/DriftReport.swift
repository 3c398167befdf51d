import APBus
package import JSONText
package import Reservation
import ReservationRules

/// How the owners on a machine differ from what the rules request.
///
/// What no rule is about is no drift, whoever has it, and neither is a queue that has the right owner and cannot be used.
package struct DriftReport {
  private let assessment: Assessment
  private let queues: [Queue]

  package enum Kind: String, CaseIterable, Sendable {
    /// Requested for guests, and not on `vfio_ap`.
    case notReserved
    /// Requested for guests, and absent.
    case missing
    /// On `vfio_ap`, and the rules do not want it there.
    case stillReserved
    /// What the rules compare, or the queue itself, cannot be read.
    case undecided
  }

  fileprivate struct Queue {
    var apqn: APQN
    var kind: Kind
    /// The owner now; nil if it is absent.
    var owner: Owner?
    var decision: Decision
    /// The state of its request; nil if it has none.
    var state: Requests.State?
    /// Why it is so, a sentence; nil if the next plan ends it.
    var reason: String?
  }

  package init(_ assessment: Assessment) {
    self.assessment = assessment
    let refusals = Dictionary(assessment.plan.refusals.map { ($0.apqn, $0) }) { first, _ in first }
    let given = Set(assessment.plan.changes.lazy.filter { $0.from == .vfioAP }.map(\.apqn))
    var queues: [APQN: Queue] = [:]
    func add(_ apqn: APQN, _ kind: Kind, _ state: Requests.State?, _ reason: String?) {
      queues[apqn] = Queue(
        apqn: apqn, kind: kind, owner: assessment.inventory.queue(apqn)?.owner,
        decision: assessment.decisions.decision(for: apqn), state: state, reason: reason)
    }
    for request in assessment.requests.open {
      guard let kind = Kind(request.state) else { continue }
      add(
        request.apqn, kind, request.state,
        request.reason == .planned
          ? nil : OpenRequest.sentence(for: [request.apqn], reason: request.reason))
    }
    for queue in assessment.inventory.queues where queue.owner == .vfioAP {
      let isUnwanted = assessment.decisions.decision(for: queue.apqn).reserve == .host
      guard isUnwanted || given.contains(queue.apqn) || refusals[queue.apqn] != nil,
        queues[queue.apqn] == nil,
        assessment.requests.state(of: queue.apqn) == nil || isUnwanted
      else { continue }
      let warning = assessment.plan.warnings.first { warning in
        if case .adopted(let apqns, .some) = warning { apqns.contains(queue.apqn) } else { false }
      }
      add(
        queue.apqn, .stillReserved, nil,
        refusals[queue.apqn]?.description ?? warning?.description)
    }
    self.queues = queues.values.sorted { $0.apqn < $1.apqn }
  }

  package enum Outcome: String, CaseIterable, Sendable {
    case none, drift
  }

  /// Masks and overrides can differ while all queues that are there have their owners.
  package var outcome: Outcome { queues.isEmpty && assessment.plan.isEmpty ? .none : .drift }

  /// One line: `2 queues not reserved, 1 missing`.
  package var summary: String {
    guard outcome == .drift else {
      let requests = assessment.requests
      return "no drift: \(requests.reserved) of \(requests.count) requested queues on vfio_ap"
    }
    var parts: [String] = []
    for kind in Kind.allCases {
      let count = queues.count { $0.kind == kind }
      guard count > 0 else { continue }
      parts.append((parts.isEmpty ? counted(count, "queue") : "\(count)") + " \(kind.words)")
    }
    return parts.isEmpty
      ? "every queue has its owner, and \(pendingWrites)" : parts.joined(separator: ", ")
  }

  private var pendingWrites: String {
    let count = assessment.plan.steps.count { $0.path != nil }
    return "\(counted(count, "write")) \(count == 1 ? "is" : "are") pending for queues to come"
  }
}

extension DriftReport.Kind {
  /// What an open request amounts to; nil for one whose queue has its owner.
  fileprivate init?(_ state: Requests.State) {
    switch state {
    case .pending, .waiting, .refused, .contended: self = .notReserved
    case .missing: self = .missing
    case .undecidable, .unreadable: self = .undecided
    case .reserved, .unusable: return nil
    }
  }

  fileprivate var words: String {
    switch self {
    case .notReserved: "not reserved"
    case .missing: "missing"
    case .stillReserved: "still reserved"
    case .undecided: "undecided"
    }
  }

  fileprivate var meaning: String {
    switch self {
    case .notReserved: "Queues that are requested, and not on vfio_ap."
    case .missing: "Queues that are requested, and absent."
    case .stillReserved: "Queues on vfio_ap that the rules do not want there."
    case .undecided: "Queues of which the rules cannot be decided, or that cannot be read."
    }
  }
}

extension DriftReport {
  /// The queues by the way they differ, each with owner and rule; the summary is the last line.
  package func text(style: TextStyle) -> String {
    var lines: [String] = []
    for kind in Kind.allCases {
      let queues = queues.filter { $0.kind == kind }
      guard !queues.isEmpty else { continue }
      var table = TextTable()
      for group in queues.grouped(by: \.note) {
        for rectangle in APQNRectangle.covering(group.elements.map(\.apqn)) {
          table.append([
            .init(rectangle.description), .init(group.value.owner, group.value.ink),
            .init(group.value.text),
          ])
        }
      }
      lines += [style.paint(kind.words, in: .problem)]
      lines +=
        table.lines(indentation: "  ", fitting: style)
      lines.append("")
    }
    return (lines + [summary]).map { $0 + "\n" }.joined()
  }

  package func json(under heading: MachineHeading?) -> JSONValue {
    Self.layout.json(Headed(self, under: heading))
  }

  package static let layout = JSONLayout<Headed<DriftReport>>.report(
    "drift", "How the owners on a machine differ from what the rules request."
  ) {
    $0.add("outcome", .word, "Whether they differ.", \.report.outcome)
    $0.add("summary", .text, "One line.", \.report.summary)
    for kind in Kind.allCases {
      $0.add(kind.rawValue, .list(of: .object(Queue.layout)), kind.meaning) { headed in
        headed.report.queues.filter { $0.kind == kind }
      }
    }
    $0.add("writes", .count, "How many writes the plan has.") {
      $0.report.assessment.plan.steps.count { $0.path != nil }
    }
  }
}

extension DriftReport.Queue {
  fileprivate struct Note: Hashable {
    var owner: String
    var ink: Ink?
    var text: String
  }

  /// Who has it, by which rule that is wrong, and what is in the way.
  fileprivate var note: Note {
    let rule = decision.origin ?? "no rule"
    let state = state.flatMap { [.pending, .missing].contains($0) ? nil : ", \($0.rawValue)" }
    return Note(
      owner: owner?.rawValue ?? "absent", ink: owner.map { Ink($0) },
      text: rule + (state ?? (kind == .stillReserved && reason != nil ? ", refused" : "")))
  }

  fileprivate static let layout = JSONLayout<DriftReport.Queue>(
    "DriftedQueue", "A queue that is not where the rules want it."
  ) {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add("owner", .word, "Its owner now; missing if it is absent.", \.owner)
    $0.include(Decision.layout, \.decision)
    $0.add("request", .word, "The state of its request, if it has one.", \.state)
    $0.add("message", .text, "What is in the way, a sentence; missing if nothing is.", \.reason)
  }
}
