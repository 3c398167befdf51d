package import APBus

/// Which queues the definitions of guests' mediated devices assign, as far as that is known: what the key
/// `GUEST` is compared with.
///
/// A queue can be in several definitions. A clause holds for a queue if it does so for one of them.
package struct GuestAssignments: Equatable, Sendable {
  /// A mediated device as it is defined.
  package struct Definition: Equatable, Sendable {
    /// Its UUID, in lower case.
    package var uuid: String
    /// The names of the virtual machines that use it.
    package var virtualMachines: [String]
    /// What it assigns; nil if the definition cannot be read.
    package var contents: Contents?

    package init(uuid: String, virtualMachines: [String], contents: Contents?) {
      self.uuid = uuid
      self.virtualMachines = virtualMachines
      self.contents = contents
    }
  }

  /// What a definition says.
  package struct Contents: Equatable, Sendable {
    package var adapters: APMask
    package var domains: APMask
    /// Whether the device is started at boot.
    package var startsAutomatically: Bool

    package init(adapters: APMask, domains: APMask, startsAutomatically: Bool) {
      self.adapters = adapters
      self.domains = domains
      self.startsAutomatically = startsAutomatically
    }

    func assigns(_ apqn: APQN) -> Bool {
      adapters.contains(apqn.adapter) && domains.contains(apqn.domain)
    }
  }

  package var definitions: [Definition]
  /// Why there may be more definitions, a clause; nil if these are all.
  package var missingDefinitions: String?
  /// Why other virtual machines may use them as well, a clause; nil if none does.
  package var missingMachines: String?

  package init(
    definitions: [Definition] = [], missingDefinitions: String? = nil,
    missingMachines: String? = nil
  ) {
    self.definitions = definitions
    self.missingDefinitions = missingDefinitions
    self.missingMachines = missingMachines
  }

  /// The UUID that a definition is given for a label, by which `GUEST` then finds it: mdevctl's definitions have
  /// no place for a name (RFC 9562, version 8).
  package static func uuid(forLabel label: String) -> String {
    let halves = ["apreserve", "guest"].map { salt in
      Checksum("\(salt) \(label)".utf8).value
    }
    let high = halves[0] & 0xffff_ffff_ffff_0fff | 0x8000
    let low = halves[1] & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
    let digits = Hex.text(high, digits: 16) + Hex.text(low, digits: 16)
    var uuid = ""
    for (index, digit) in digits.enumerated() {
      if [8, 12, 16, 20].contains(index) { uuid += "-" }
      uuid.append(digit)
    }
    return uuid
  }
}

extension GuestAssignments {
  func answer(_ condition: Condition) -> QueueAnswer {
    let comparison = Comparison(condition)
    var yes = Shape.none
    var unknown = missingDefinitions == nil ? Shape.none : .all
    for definition in definitions {
      let queues = definition.contents.map { Shape(adapters: $0.adapters, domains: $0.domains) }
      switch comparison.holds(for: definition, isNamed: missingMachines == nil) {
      case true?:
        if let queues { yes.formUnion(queues) } else { unknown = .all }
      case nil: unknown.formUnion(queues ?? .all)
      case false?: break
      }
    }
    return QueueAnswer(yes: yes, unknown: unknown.subtracting(yes))
  }

  /// What a condition compares its value with, for one queue: what is found of each definition that assigns it.
  func finding(_ condition: Condition, for apqn: APQN) -> Finding {
    let comparison = Comparison(condition)
    let assigning = definitions.filter { $0.contents?.assigns(apqn) == true }
    let found = Finding.value(.texts(assigning.flatMap(comparison.values)))
    let isNamed = missingMachines == nil
    if assigning.contains(where: { comparison.holds(for: $0, isNamed: isNamed) == true }) {
      return found
    }
    if let missingDefinitions { return .unknown(reason: missingDefinitions) }
    let unreadable = definitions.first {
      $0.contents == nil && comparison.holds(for: $0, isNamed: isNamed) != false
    }
    if let unreadable {
      return .unknown(reason: "the definition of \(unreadable.name) cannot be read")
    }
    if let missingMachines,
      assigning.contains(where: { comparison.holds(for: $0, isNamed: isNamed) == nil })
    {
      return .unknown(reason: missingMachines)
    }
    return found
  }

  /// What a condition looks for in a definition.
  private struct Comparison {
    let pattern: ValuePattern
    let isAboutStart: Bool
    /// The labels that it names, by the UUIDs that stand for them.
    let labels: [String: String]

    init(_ condition: Condition) {
      pattern = condition.pattern
      isAboutStart = condition.attribute == MatchKey.guestStart
      guard !isAboutStart, case .globs(let globs) = pattern else {
        labels = [:]
        return
      }
      labels = Dictionary(
        globs.literals.map { (GuestAssignments.uuid(forLabel: $0), $0) }
      ) { first, _ in first }
    }

    /// What the value is compared with.
    func values(of definition: Definition) -> [String] {
      guard !isAboutStart else {
        return definition.contents.map { [$0.startsAutomatically ? "auto" : "manual"] } ?? []
      }
      return definition.virtualMachines + (labels[definition.uuid].map { [$0] } ?? [])
        + [definition.uuid]
    }

    /// Whether the condition holds for a definition, whatever it assigns; nil if that is unknown. `isNamed` says
    /// whether all virtual machines that use it are known.
    func holds(for definition: Definition, isNamed: Bool) -> Bool? {
      if isAboutStart, definition.contents == nil { return nil }
      if pattern.matches(.texts(values(of: definition))) { return true }
      return isAboutStart || isNamed ? false : nil
    }
  }
}

extension GuestAssignments.Definition {
  /// As a sentence names it.
  fileprivate var name: String {
    virtualMachines.isEmpty
      ? "mediated device \(uuid)"
      : "mediated device \(uuid) (\(virtualMachines.joined(separator: ", ")))"
  }
}
