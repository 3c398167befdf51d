package import APBus
package import JSONText
package import Reservation
import ReservationRules

/// A plan that is kept to be done later, exactly as it is or not at all: what it was made from, and its writes.
///
/// The writes are never read from it to be done. A new plan is made, and only compared with them, so that whoever can
/// change the file can prevent its plan, and cannot make another one be done.
package struct SavedPlan: Equatable, Sendable {
  /// What it was made from.
  package var state: PlanningState
  /// Its writes in order, as a sentence has them (`Plan.savedSteps`).
  package var steps: [String]
  /// The queues that it moves, and to whom: the same write of a mask moves others on another machine.
  package var moves: [APQN: Owner]

  package init(state: PlanningState, plan: Plan) {
    self.state = state
    steps = plan.savedSteps
    moves = plan.savedMoves
  }

  /// Whether it is this plan.
  package func isEqual(to plan: Plan) -> Bool {
    steps == plan.savedSteps && moves == plan.savedMoves
  }

  /// Whether a plan has nothing that is not in this one, as is left to do of it when a part is done.
  package func contains(_ plan: Plan) -> Bool {
    Set(plan.savedSteps).isSubset(of: steps)
      && plan.savedMoves.allSatisfy { moves[$0.key] == $0.value }
  }

  /// The queues that are not where the plan moves them, ascending.
  package func undone(on inventory: Inventory) -> [APQN] {
    moves.filter { inventory.queue($0.key)?.owner != $0.value }.map(\.key).sorted()
  }

  /// How the writes of another plan differ: `-` for those of this one alone, `+` for those of the other alone.
  package func differences(to plan: Plan) -> [String] {
    func lines(_ steps: [String], _ moves: [APQN: Owner]) -> [String] {
      steps
        + moves.sorted { $0.key < $1.key }.map { "\($0.key) is moved to \($0.value.rawValue)" }
    }
    let (own, others) = (lines(steps, moves), lines(plan.savedSteps, plan.savedMoves))
    return own.filter { !others.contains($0) }.map { "- \($0.printable)" }
      + others.filter { !own.contains($0) }.map { "+ \($0.printable)" }
  }
}

extension Plan {
  fileprivate var savedMoves: [APQN: Owner] {
    Dictionary(changes.map { ($0.apqn, $0.to) }) { _, last in last }
  }

  /// Its steps as sentences, without those that only let a queue finish its requests: whether a queue has some changes
  /// from moment to moment.
  fileprivate var savedSteps: [String] {
    steps.filter { step in
      switch step {
      case .setOnline, .awaitIdle: false
      case .setAdapterMask, .setDomainMask, .setOverride, .unbind, .bind, .probe,
        .requireUnassigned:
        true
      }
    }.map(\.description)
  }
}

/// Why a file has no plan that can be used: a sentence that names it.
package struct SavedPlanError: Error, Equatable, CustomStringConvertible {
  package var description: String
}

extension SavedPlan {
  private static let kind = "saved-plan"

  package static let layout = JSONLayout<SavedPlan>.document(
    kind, "A plan that is applied later, exactly as it is or not at all."
  ) {
    $0.add("hash", .text("^[0-9a-f]{16}$"), "The hash of everything after it.") {
      hash($0.state.json, $0.steps, $0.moves)
    }
    $0.add("steps", .list(of: .text), "The writes in order, each a sentence.", \.steps)
    $0.add("moves", .list(of: .text), "The queues that it moves, each with its new owner.") {
      texts($0.moves)
    }
    $0.add("state", .object(PlanningState.layout), "What it was made from.", \.state)
  }

  /// The plan as a document.
  package var json: JSONValue { Self.layout.json(self) }

  /// The most bytes of a document: a machine, and writes for each of its queues.
  package static let sizeLimit = 2 * Snapshot.sizeLimit

  /// Reads a document; `file` is its name in messages.
  package static func decode(
    _ bytes: [UInt8], file: String
  ) throws(SavedPlanError) -> SavedPlan {
    let file = file.printable
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONParser.parse(bytes)
    } catch {
      throw SavedPlanError(description: "\(file):\(error.line):\(error.column): \(error.problem)")
    }
    guard value["apreserve"]?.text == kind else {
      throw SavedPlanError(
        description:
          "\(file): this is not a saved plan; write one with \"apreserve plan --save \(file)\"")
    }
    guard value["version"] == .integer(JSONLayout<SavedPlan>.documentVersion) else {
      throw SavedPlanError(
        description: "\(file): another version of apreserve has saved this plan; make a new one")
    }
    do throws(ValueError) {
      return try SavedPlan(value)
    } catch {
      throw SavedPlanError(
        description: "\(file): " + (error.path.isEmpty ? "" : "\(error.path): ") + error.message)
    }
  }

  private init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "", keys: Self.layout.keys)
    let state = fields["state"] ?? .null
    steps = try fields.texts("steps") ?? []
    moves = [:]
    for text in try fields.texts("moves") ?? [] {
      let words = text.split(separator: " ")
      guard words.count == 2, let apqn = APQN(words[0]),
        let owner = Owner(rawValue: String(words[1]))
      else {
        throw fields.error("\(shown(.string(text))) is not a queue and an owner", at: "moves")
      }
      moves[apqn] = owner
    }
    guard try fields.requiredText("hash") == Self.hash(state, steps, moves) else {
      throw fields.error(
        "this is not the hash of what follows; the file is damaged, or was changed. Make a new plan",
        at: "hash")
    }
    do throws(PlanningStateError) {
      self.state = try PlanningState(state)
    } catch {
      throw fields.error(error.description, at: "state")
    }
  }

  private static func texts(_ moves: [APQN: Owner]) -> [String] {
    moves.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.rawValue)" }
  }

  private static func hash(
    _ state: JSONValue, _ steps: [String], _ moves: [APQN: Owner]
  ) -> String {
    var sum = Checksum()
    for text in steps + texts(moves) { sum.add("\(text)\n".utf8) }
    sum.add(state.documentText.utf8)
    return Hex.text(sum.value, digits: 16)
  }
}
