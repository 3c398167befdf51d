package import APBus
package import Reservation

extension Agent {
  /// How far the agent has fulfilled the rules, as of its last reconciliation.
  package struct Status: Equatable, Sendable {
    package var phase: Phase
    /// The mechanism in use, once one was chosen.
    package var mechanism: MechanismChoice?
    /// The queues that are requested for guests, and what has become of each request.
    package var requests = Requests()
    /// The last plan: what the rules want and cannot have.
    package var plan: Plan?
    /// What failed at the last try.
    package var failures: [Failure] = []
    /// Queues whose pending requests are waited for, and since when.
    package var drains: [APQN: Instant] = [:]

    /// Whether adapters are waited for that have not answered yet.
    package var awaitsAdapters = false

    /// The queues whose pending requests are waited for, ascending.
    package var draining: [APQN] { drains.keys.sorted() }

    /// The status of an agent that has not scanned yet.
    package init(phase: Phase = .starting) {
      self.phase = phase
    }
  }
}

extension Agent.Status {
  package enum Phase: Equatable, Sendable {
    /// Nothing has been scanned yet.
    case starting
    case withoutBus
    /// The kernel has not scanned the bus yet, so that a decision would be one on half a machine
    /// (`ap_scan_bus`, which counts `scans` since Linux 5.9).
    case beforeFirstScan
    /// Nothing can be decided or done.
    case blocked(Obstacle)
    /// The kernel is moving queues for another process's write of masks.
    case moving
    /// What is planned is being written.
    case applying
    /// Everything that can be done is done.
    case settled
    /// Something failed and is tried again later.
    case retrying

    /// A phase in one word, as JSON and metrics have it.
    package enum Word: String, CaseIterable, Sendable {
      case starting
      case withoutBus = "without-bus"
      case beforeFirstScan = "before-first-scan"
      case blocked, moving, applying, settled, retrying
    }

    package var word: Word {
      switch self {
      case .starting: .starting
      case .withoutBus: .withoutBus
      case .beforeFirstScan: .beforeFirstScan
      case .blocked: .blocked
      case .moving: .moving
      case .applying: .applying
      case .settled: .settled
      case .retrying: .retrying
      }
    }
  }

  /// Why nothing can be decided or done.
  package enum Obstacle: Error, Equatable, Sendable, CustomStringConvertible {
    /// The bus cannot be read.
    case unreadable(InventoryReaderError)
    /// The kernel does not have the mechanism that the settings ask for.
    case unavailable(MechanismChoice.Unavailable)
    /// What is about to be written cannot be put on record first.
    case unrecorded(OwnershipRecordError)

    package var description: String {
      switch self {
      case .unreadable, .unavailable: "\(cause)"
      case .unrecorded(let error):
        "nothing is moved until reservations can be put on record: \(error)"
      }
    }

    /// The error itself.
    package var cause: any Error {
      switch self {
      case .unreadable(let error): error
      case .unavailable(let error): error
      case .unrecorded(let error): error
      }
    }
  }

  /// Why nothing can be decided or done; nil while something can.
  package var obstacle: Obstacle? {
    if case .blocked(let obstacle) = phase { obstacle } else { nil }
  }

  /// The status, or the error that it reports.
  ///
  /// - Throws: `InventoryReaderError` for a bus that cannot be read, `MechanismChoice.Unavailable` for a
  ///   mechanism that this kernel does not have, `OwnershipRecordError` where nothing can be put on record.
  @discardableResult
  package func get() throws -> Agent.Status {
    if let obstacle { throw obstacle.cause }
    return self
  }

  /// Why queues that no rule reserves are not given back: what is refused of them is no open request.
  package var notGivenBack: [Refusal] {
    plan?.refusals.filter { requests.reason(for: $0.apqn) == nil } ?? []
  }

  /// Whether the rules have been applied to a whole machine.
  package var isDecided: Bool {
    switch phase {
    case .starting, .withoutBus, .beforeFirstScan, .blocked: false
    case .moving, .applying, .settled, .retrying: true
    }
  }

  /// Whether nothing is left that is expected to change by itself: what is requested is done or refused, or
  /// cannot be done.
  package var isSettled: Bool {
    isIdle && phase != .beforeFirstScan && (plan?.waiting.isEmpty ?? true)
      && failures.allSatisfy(\.isFinal)
  }

  /// Whether nothing is left that can be done now: the rest waits for something that may never come, such as a driver,
  /// or for the next try at what failed.
  package var isIdle: Bool {
    switch phase {
    case .starting, .moving, .applying: false
    case .beforeFirstScan, .withoutBus, .blocked: true
    // Both of these waits have limits.
    case .settled, .retrying: drains.isEmpty && !awaitsAdapters
    }
  }
}

extension Agent.Status: CustomStringConvertible {
  /// One line, such as `24 of 24 queues reserved`.
  package var description: String {
    switch phase {
    case .starting: return "starting: scanning the machine"
    case .withoutBus where requests.count == 0: return "waiting for an AP bus"
    case .withoutBus: return "waiting for an AP bus; \(requests.summary)"
    case .beforeFirstScan: return "waiting for the first scan of the AP bus"
    case .blocked(let obstacle): return "\(obstacle)"
    case .moving, .applying, .settled, .retrying: break
    }
    var parts = [requests.summary]
    if phase == .moving { parts.append("waiting for another process's change of the masks") }
    if !notGivenBack.isEmpty { parts.append("\(notGivenBack.count) not given back") }
    if let withheld = plan?.withheld.count, withheld > 0 {
      parts.append("\(withheld) of the host on vfio_ap")
    }
    if !failures.isEmpty { parts.append("\(failures.count) failed") }
    return parts.joined(separator: ", ")
  }
}
