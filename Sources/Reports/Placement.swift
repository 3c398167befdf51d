package import APBus
package import JSONText
package import Reservation

/// Which hosts could take a guest, each compared as for a move to it. Only a line of each host is kept.
package struct Placement {
  private let guest: String
  /// The host that it is on; nil for a guest that is to be.
  private let source: MachineHeading?
  /// What a guest that is to be is to have.
  private let device: MediatedDevice?
  private var hosts: [Host] = []
  /// The comparison with each host is only as good as its description.
  private let staleAge: Duration

  fileprivate struct Host {
    var heading: MachineHeading
    /// False if the age of its description is not known.
    var isStale: Bool
    var answer: Answer
  }

  fileprivate enum Answer {
    /// By the worst of the guest's devices, with the finding that says so, and what to do.
    case move(GuestMove.Outcome, GuestMove.Finding?, steps: [String])
    /// Why nothing is known of it.
    case unknown(Fleet.Standing, String)

    var outcome: GuestMove.Outcome? {
      if case .move(let outcome, _, _) = self { outcome } else { nil }
    }
  }

  /// A guest that is on `source` now, or is to have what a device has.
  package init(
    of guest: String, on source: MachineHeading?, toHave device: MediatedDevice? = nil,
    staleAge: Duration
  ) {
    self.device = device
    self.guest = guest
    self.source = source
    self.staleAge = staleAge
  }

  /// Adds a host with what a move of each device of the guest to it comes to.
  package mutating func add(_ heading: MachineHeading, _ moves: [GuestMove]) {
    let outcome = moves.map(\.outcome).max() ?? .possible
    let decisive = moves.flatMap(\.findings).filter { $0.outcome == outcome }
    // That the guest is not defined there is so on every host.
    let finding = decisive.first { $0.criterion != .definition } ?? decisive.first
    add(
      heading,
      .move(
        outcome, outcome == .possible ? nil : finding,
        steps: outcome == .impossible ? [] : moves.flatMap(\.steps)))
  }

  /// Adds a host of which nothing is known.
  package mutating func add(_ heading: MachineHeading, _ failure: Fleet.Failure) {
    add(heading, .unknown(failure.standing, failure.message))
  }

  private mutating func add(_ heading: MachineHeading, _ answer: Answer) {
    hosts.append(
      Host(
        heading: heading, isStale: heading.isStale(after: staleAge), answer: answer))
  }

  /// The best of all hosts.
  package var outcome: GuestMove.Outcome { hosts.compactMap(\.answer.outcome).min() ?? .impossible }

  /// The file of a host that has been added, or of the one that the guest is on, and is the same as another one.
  package func file(ofSameHostAs heading: MachineHeading) -> String? {
    ([source].compactMap(\.self) + hosts.map(\.heading)).first { $0.isSameHost(as: heading) }?.path
  }

  /// Whether nothing is known of a host.
  package var hasErrors: Bool { hosts.contains { $0.answer.outcome == nil } }

  /// The best hosts first, and of these the one with the fewest steps.
  private var sorted: [Host] {
    hosts.enumerated().sorted { first, second in
      (first.element.rank + [first.offset]).lexicographicallyPrecedes(
        second.element.rank + [second.offset])
    }.map(\.element)
  }
}

extension Placement.Host {
  fileprivate var rank: [Int] {
    switch answer {
    case .move(let outcome, _, let steps):
      [GuestMove.Outcome.allCases.firstIndex(of: outcome) ?? 0, steps.count]
    case .unknown: [GuestMove.Outcome.allCases.count, 0]
    }
  }
}

extension Placement {
  /// The matrix of a guest that is to be.
  private var matrix: String {
    guard let device else { return "" }
    return " with adapters \(GuestList.hexadecimal(device.adapters, digits: 2)), domains "
      + GuestList.hexadecimal(device.domains, digits: 4)
  }

  /// A line for each host, the best first, with the first criterion that it does not meet; the summary is the last line.
  package func text(style: TextStyle) -> String {
    var lines = [
      style.paint(guest.printable, in: .heading)
        + (source.map { " on " + $0.line(style: style) } ?? matrix), "",
    ]
    var table = TextTable(headings: ["HOST", "ANSWER", "CRITERION", "FINDING"])
    for host in sorted {
      let answer =
        switch host.answer {
        case .move(let outcome, let finding, let steps):
          (
            outcome.shortText(steps: steps.count), finding?.criterion.rawValue ?? "",
            finding?.message ?? "", outcome == .impossible
          )
        case .unknown(let standing, let problem): (standing.rawValue, "", problem, true)
        }
      table.append([
        .init(host.heading.fullName + (host.isStale ? ", stale" : "")),
        .init(answer.0, answer.3 ? .problem : nil), .init(answer.1), .init(answer.2.printable),
      ])
    }
    lines += table.lines(fitting: style)
    lines += ["", summary]
    return lines.map { $0 + "\n" }.joined()
  }

  /// Such as `web1: 1 of 3 hosts can take it, 1 after steps`.
  package var summary: String {
    func count(_ outcome: GuestMove.Outcome) -> Int {
      hosts.count { $0.answer.outcome == outcome }
    }
    let unknown = hosts.count { $0.answer.outcome == nil }
    return "\(guest.printable): \(count(.possible)) of \(counted(hosts.count, "host")) can take it"
      + (count(.afterSteps) > 0 ? ", \(count(.afterSteps)) after steps" : "")
      + (unknown > 0 ? ", \(unknown) unknown" : "")
  }

  package var json: JSONValue { Self.layout.json(self) }

  package static let layout = JSONLayout<Placement>.document(
    "placement", "Which hosts could take a guest."
  ) {
    $0.add("guest", .text, "The guest, as it was asked for.", \.guest)
    $0.add(
      "source", .object(MachineHeading.layout),
      "The host that it is on; missing for a guest that is to be.",
      \.source)
    $0.add("outcome", .word, "The best of all hosts.", \.outcome)
    $0.add("hosts", .list(of: .object(Host.layout)), "The hosts, the best first.", \.sorted)
  }
}

extension Placement.Host {
  fileprivate static let layout = JSONLayout<Placement.Host>(
    "Candidate", "A host that could take the guest or not."
  ) {
    $0.add("machine", .object(MachineHeading.layout), "The host.", \.heading)
    $0.add(
      "stale", .flag,
      "Whether its description is older than is asked for, or is from the future; false if its age is not known.",
      \.isStale)
    $0.add(
      "outcome", .word, "Whether it could take it; missing if nothing is known of the host.",
      \.answer.outcome)
    $0.add("criterion", .word, "The first criterion that it does not meet.") {
      $0.finding?.criterion
    }
    $0.add("message", .text, "What is so, or why nothing is known of it.") { host in
      if case .unknown(_, let problem) = host.answer { problem } else { host.finding?.message }
    }
    $0.add(
      "steps", .list(of: .text), "What to do before, where that helps.", \.steps)
  }

  private var steps: [String] {
    if case .move(_, _, let steps) = answer { steps } else { [] }
  }

  private var finding: GuestMove.Finding? {
    if case .move(_, let finding, _) = answer { finding } else { nil }
  }
}

extension GuestMove.Outcome {
  fileprivate func shortText(steps: Int) -> String {
    switch self {
    case .possible: "possible"
    case .afterSteps: "after \(counted(steps, "step"))"
    case .impossible: "impossible"
    }
  }
}
