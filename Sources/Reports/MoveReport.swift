import APBus
package import JSONText
package import Reservation

/// Whether guests can move from one host to another, each with its queues and what to do first.
package struct MoveReport {
  private let moves: [GuestMove]
  private let source: MachineHeading
  private let destination: MachineHeading

  package init(_ moves: [GuestMove], from source: MachineHeading, to destination: MachineHeading) {
    self.moves = moves
    self.source = source
    self.destination = destination
  }

  /// The worst of all guests.
  package var outcome: GuestMove.Outcome { moves.map(\.outcome).max() ?? .possible }

  /// One line, such as `web1 can move, db1 can move after these steps`.
  package var summary: String {
    moves.isEmpty
      ? Self.nothingToMove
      : moves.map { "\($0.guest.name) \($0.outcome.phrase)" }.joined(separator: ", ")
  }

  private static let nothingToMove = "the source has no guest with a mediated device of vfio_ap"

  /// The guests one after the other, below both hosts, or below the source where the destination is the heading.
  package func text(style: TextStyle, isUnderDestination: Bool = false) -> String {
    let hosts = [("from", source), ("to", destination)].prefix(isUnderDestination ? 1 : 2)
      .map { word, heading in
        style.paint(word, in: .faint) + " " + heading.line(style: style)
      }
    guard !moves.isEmpty else {
      return (hosts + ["", Self.nothingToMove])
        .map { $0 + "\n" }.joined()
    }
    return (hosts + moves.flatMap { [""] + lines(of: $0, style: style) })
      .map { $0 + "\n" }.joined()
  }

  private func lines(of move: GuestMove, style: TextStyle) -> [String] {
    var lines = [
      style.paint(move.guest.name.printable, in: .heading) + ": "
        + style.paint(move.outcome.phrase, in: move.outcome == .impossible ? .problem : nil)
    ]
    if move.outcome != .impossible { lines += style.lines(move.way.sentence) }
    var table = TextTable()
    for queue in move.queues {
      table.append([
        .init(queue.apqn.description),
        .init(queue.outcome.word, queue.outcome == .impossible ? .problem : nil),
        .init(queue.keys.text),
      ])
    }
    lines += table.lines(indentation: "  ", fitting: style)
    // Where something is impossible, steps towards the rest of it lead nowhere.
    let findings = move.findings.filter { $0.outcome == move.outcome }
    guard !findings.isEmpty else { return lines }
    lines.append(move.outcome == .impossible ? "because" : "first")
    lines += findings.flatMap { style.lines($0.sentence) }
    return lines
  }

  package static let layout = JSONLayout<MoveReport>.document(
    "comparison", "Whether guests can move from one host to another."
  ) {
    $0.add(
      "source", .object(MachineHeading.layout), "The host that they leave.", \.source)
    $0.add(
      "destination", .object(MachineHeading.layout), "The host that they move to.", \.destination)
    $0.add("outcome", .word, "The worst of all guests.", \.outcome)
    $0.add("guests", .list(of: .object(GuestMove.layout)), "The guests.", \.moves)
  }

  package var json: JSONValue { Self.layout.json(self) }
}

extension GuestMove {
  fileprivate static let layout = JSONLayout<GuestMove>(
    "GuestMove", "Whether a guest can move, and what to do first."
  ) {
    $0.add("name", .text, "A virtual machine that uses the device, or its UUID.", \.guest.name)
    $0.add("uuid", .text, "The UUID of the device.", \.device.uuid)
    $0.add("outcome", .word, "Whether it can move.", \.outcome)
    $0.add(
      "way", .word,
      "How it can move: started there, since it is not running; without its device, which is added again after the migration; or with it.",
      \.way)
    $0.include(Guest.matrixLayout, \.device)
    $0.add("queues", .list(of: .object(Queue.layout)), "Its queues.", \.queues)
    $0.add(
      "findings", .list(of: .object(Finding.layout)), "What the destination lacks.", \.findings)
  }
}

extension GuestMove.Queue {
  fileprivate static let layout = JSONLayout<GuestMove.Queue>(
    "MovingQueue", "A queue of a guest that is to move."
  ) {
    $0.add("name", .queue, "The queue.", \.apqn)
    $0.add("outcome", .word, "Whether it can be had on the destination.", \.outcome)
    $0.add(
      "keys", .word,
      "Whether both hosts have the same current master keys in its domain; not needed where the guest has none.",
      \.keys.word)
    $0.add("keysOnSource", .word, "How those of the source are known.") { $0.keys.sources?.0.word }
    $0.add("keysOnDestination", .word, "How those of the destination are known.") {
      $0.keys.sources?.1.word
    }
  }
}

extension GuestMove.Finding {
  fileprivate static let layout = JSONLayout<GuestMove.Finding>(
    "MoveFinding", "Something that the destination lacks."
  ) {
    $0.add("criterion", .word, "What was compared.", \.criterion)
    $0.add("outcome", .word, "What follows from it.", \.outcome)
    $0.add(
      "queues", .queues, "The queues that it is about; none if it is about the device.", \.apqns)
    $0.add("message", .text, "What is so.", \.message)
    $0.add("step", .text, "What to do.", \.step)
  }

  /// What is so, and what to do.
  fileprivate var sentence: String { message + (step.map { "; \($0)" } ?? "") }
}

extension GuestMove.Outcome {
  fileprivate var phrase: String {
    switch self {
    case .possible: "can move"
    case .afterSteps: "can move after these steps"
    case .impossible: "cannot move"
    }
  }

  fileprivate var word: String {
    switch self {
    case .possible: "possible"
    case .afterSteps: "after steps"
    case .impossible: "impossible"
    }
  }
}

extension GuestMove.Way {
  fileprivate var sentence: String {
    switch self {
    case .start: "it does not run, and is started on the destination"
    case .cold: "its device is detached before the migration, and attached after it"
    case .live: "its device migrates with it, since both kernels have the feature migratable"
    }
  }
}

extension GuestMove.Keys {
  fileprivate enum Word: String, CaseIterable {
    case notNeeded = "not-needed"
    case equal, different, unknown
  }

  fileprivate var word: Word {
    switch self {
    case .notNeeded: .notNeeded
    case .equal: .equal
    case .different: .different
    case .unknown: .unknown
    }
  }

  fileprivate var sources: (QueueKeys.Source, QueueKeys.Source)? {
    if case .equal(let source, let destination) = self { (source, destination) } else { nil }
  }

  fileprivate var text: String {
    switch self {
    case .notNeeded: "no secure keys"
    case .different: "other master keys"
    case .unknown: "master keys unknown"
    case .equal(.known, .known): "same master keys"
    case .equal(let source, let destination):
      "same master keys, as read "
        + [(source, "on the source"), (destination, "on the destination")].compactMap {
          source, place in
          if case .cached(let time) = source { "\(time.text) \(place)" } else { nil }
        }.joined(separator: " and ")
    }
  }
}
