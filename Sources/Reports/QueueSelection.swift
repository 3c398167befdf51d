package import APBus
package import Reservation
package import ReservationRules

/// Which queues of a machine a report is about: those that satisfy every condition given. Several values of one
/// condition are alternatives.
package struct QueueSelection: Equatable, Sendable {
  package var patterns: [APQNPattern] = []
  package var owners: [Owner] = []
  /// Words of `QueueState` and of `Requests.State`.
  package var states: [String] = []
  /// Virtual machines, or UUIDs of mediated devices.
  package var guests: [String] = []
  /// Labels of rules.
  package var labels: [String] = []
  /// Beginnings of products, such as `CEX8` or `cex8p`, and modes.
  package var types: [String] = []

  package init() {}

  /// Whether no condition is given.
  package var isEverything: Bool { self == QueueSelection() }

  /// The words that `states` may have.
  package static let stateWords =
    QueueState.allCases.filter { $0 != .unknown }.map(\.word)
    + Requests.State.allCases.map(\.rawValue) + ["absent"]

  /// The queues of an assessed machine, and the missing ones that are requested, as far as they are selected.
  package func queues(of assessment: Assessment) -> APQNSet {
    var queues = assessment.inventory.apqns
    for request in assessment.requests.open { queues.insert(request.apqn) }
    guard !isEverything else { return queues }
    let devices = guests.map { guest in
      assessment.context.configuration.mediatedDevices(of: guest, on: assessment.inventory)
    }
    return APQNSet(
      queues.filter { apqn in
        isMatch(apqn, in: assessment)
          && (guests.isEmpty || devices.contains { $0.contains { $0.holds(apqn) } })
      })
  }

  private func isMatch(_ apqn: APQN, in assessment: Assessment) -> Bool {
    let queue = assessment.inventory.queue(apqn)
    let card = assessment.inventory.card(apqn.adapter)
    return isMatch(apqn) && (owners.isEmpty || queue.map { owners.contains($0.owner) } == true)
      && (types.isEmpty || types.contains { Self.isType($0, of: card) })
      && (labels.isEmpty
        || assessment.decisions.decision(for: apqn).name.map(labels.contains) == true)
      && (states.isEmpty
        || states.contains(queue.map { QueueState($0, in: assessment.inventory).word } ?? "absent")
        || assessment.requests.state(of: apqn).map { states.contains($0.rawValue) } == true)
  }

  /// Whether the patterns alone select a queue.
  package func isMatch(_ apqn: APQN) -> Bool {
    patterns.isEmpty || patterns.contains { $0.contains(apqn) }
  }

  /// Whether the patterns alone select a queue of an adapter.
  package func isMatch(adapter: UInt8) -> Bool {
    patterns.isEmpty
      || patterns.contains { pattern in
        (UInt8.min...UInt8.max).contains {
          pattern.contains(APQN(adapter: adapter, domain: $0))
        }
      }
  }

  private static func isType(_ word: String, of card: Card?) -> Bool {
    guard let card else { return false }
    let word = word.lowercased()
    return card.typeName?.lowercased().hasPrefix(word) == true || card.mode?.rawValue == word
  }
}

extension QueueState {
  /// The state as an option has it, without a blank.
  package var word: String { rawValue.replacing(" ", with: "-") }
}

/// What a person writes on the command line to select queues.
package enum QueueArgument {
  /// Reads `05.0004`, `05` for an adapter, `.0004` for a domain, `card05`, ranges and lists as in rules.
  package static func pattern(_ text: String) throws(APQNPattern.SyntaxError) -> APQNPattern {
    guard !text.isEmpty else {
      throw APQNPattern.SyntaxError("an empty text names no queue; write 05.0004, 05 or .0004")
    }
    guard !text.contains(",") else {
      throw APQNPattern.SyntaxError(
        "\(text.printable) has a comma; separate queues by blanks, or by | in quotes")
    }
    let parts = text.split(separator: "|", omittingEmptySubsequences: false).map { part in
      var part = part[...]
      if part.hasPrefix("card") { part = part.dropFirst("card".count) }
      if part.first == "." { return "*" + part }
      return part.isEmpty || part.contains(".") ? String(part) : part + ".*"
    }
    do throws(APQNPattern.SyntaxError) {
      return try APQNPattern(parts.joined(separator: "|"))
    } catch {
      guard let apqn = decimal(text) else { throw error }
      throw APQNPattern.SyntaxError(
        "\(text) is written as the HMC shows it, in decimal; write it in hex as sysfs does: \(apqn)"
      )
    }
  }

  /// The queue of adapter and domain in decimal, which have no zeros before them.
  private static func decimal(_ text: String) -> APQN? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts.allSatisfy({ part in
        part.utf8.allSatisfy { 0x30...0x39 ~= $0 } && (part.first != "0" || part == "0")
      }),
      let adapter = UInt8(parts[0]), let domain = UInt8(parts[1])
    else { return nil }
    return APQN(adapter: adapter, domain: domain)
  }
}

extension Assessment {
  /// The same assessment, of which only the plan and the requests of some queues are left. A write of masks that
  /// moves one of them is left whole.
  package func selecting(_ queues: APQNSet) -> Assessment {
    var plan = plan
    plan.operations = plan.operations.filter { operation in
      switch operation.subject {
      case .queue(let apqn), .online(let apqn): queues.contains(apqn)
      case .masks: operation.changes.contains { queues.contains($0.apqn) }
      }
    }
    plan.refusals = plan.refusals.filter { queues.contains($0.apqn) }
    plan.waiting = plan.waiting.filter { queues.contains($0.apqn) }
    plan.undecidable = plan.undecidable.filter(queues.contains)
    plan.adopted = plan.adopted.filter(queues.contains)
    plan.warnings = plan.warnings.filter { warning in
      warning.apqns.isEmpty || warning.apqns.contains(where: queues.contains)
    }
    if plan.refusals.isEmpty { plan.alternatives = [] }
    var assessment = Assessment(
      inventory: inventory, decisions: decisions, choice: choice, plan: plan,
      requests: requests.selecting(queues), ownership: ownership, context: context, host: host,
      settings: settings)
    assessment.isOwnershipKnown = isOwnershipKnown
    assessment.lpar = lpar?.selecting(queues)
    return assessment
  }
}
