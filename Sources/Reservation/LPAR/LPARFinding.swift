package import APBus
package import ReservationRules

/// A difference between what an HMC says of an LPAR and what its Linux sees, or rules request.
///
/// Numbers are decimal, as the HMC shows them, with those of sysfs beside them.
package struct LPARFinding: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// The HMC assigns an adapter that is not here.
    case adapterAbsent = "lpar-adapter-absent"
    /// An adapter is here that the HMC does not assign.
    case adapterUnexpected = "lpar-adapter-unexpected"
    /// An adapter here is of another type, or in another mode.
    case adapterDiffers = "lpar-adapter-differs"
    /// The HMC assigns usage domains that are not here.
    case usageDomainAbsent = "lpar-usage-domain-absent"
    /// Usage domains are here that the HMC does not assign.
    case usageDomainUnexpected = "lpar-usage-domain-unexpected"
    /// The HMC assigns control domains that are not here.
    case controlDomainAbsent = "lpar-control-domain-absent"
    /// Control domains are here that the HMC does not assign.
    case controlDomainUnexpected = "lpar-control-domain-unexpected"
    /// Queues are requested that the HMC does not give to the LPAR.
    case requestNotAssigned = "lpar-request-not-assigned"
  }

  package var kind: Kind
  /// The adapters that it is about.
  package var adapters: APMask = []
  /// The domains that it is about.
  package var domains: APMask = []
  /// The queues that are requested, and that it keeps from being there.
  package var queues: [APQN] = []
  /// The rule that requests them, if it is one.
  package var rule: RuleReference?
  /// A sentence: what differs, and what to do.
  package var message: String
}

/// The LPAR of a machine as an HMC has it, and how the machine differs.
package struct LPARComparison: Equatable, Sendable {
  package var configuration: LPARConfiguration
  package var findings: [LPARFinding]

  /// The comparison for some queues: differences of other adapters and domains are left out.
  package func selecting(_ queues: APQNSet) -> LPARComparison {
    var comparison = self
    comparison.findings = findings.filter { finding in
      !finding.adapters.isDisjoint(with: queues.adapters)
        || !finding.domains.isDisjoint(with: queues.domains)
        || finding.queues.contains(where: queues.contains)
    }
    return comparison
  }
}

extension Assessment {
  /// Compares the machine, and what is requested on it, with its LPAR as an HMC has it.
  package mutating func compare(with configuration: LPARConfiguration) {
    lpar = LPARComparison(
      configuration: configuration, findings: LPARFinder(self, configuration).findings)
  }
}

/// Compares one machine with one LPAR.
private struct LPARFinder {
  private(set) var findings: [LPARFinding] = []
  private let assessment: Assessment
  private let lpar: LPARConfiguration

  private var bus: BusState { assessment.inventory.bus }

  init(_ assessment: Assessment, _ lpar: LPARConfiguration) {
    self.assessment = assessment
    self.lpar = lpar
    findAdapters()
    findUsageDomains()
    findControlDomains()
    findRequests()
  }

  // MARK: - Adapters

  private mutating func findAdapters() {
    let cards = assessment.inventory.adapters
    let configured = bus.configuredAdapters ?? cards
    let absent = lpar.adapterNumbers.subtracting(cards)
    find(
      absent.subtracting(configured), "and this machine does not; " + whatIfNotInEffect)
    find(
      absent.intersection(configured),
      "and this machine is configured for that but does not see it; check the adapter on the HMC, and whether "
        + "it is configured on for this LPAR")
    let unexpected = configured.union(cards).subtracting(lpar.adapterNumbers)
    if !unexpected.isEmpty {
      findings.append(
        LPARFinding(
          kind: .adapterUnexpected, adapters: unexpected,
          message: "this machine has \(title(adapters: unexpected)), and \(lpar.title) does not; "
            + whatIfUnexpected))
    }
    for adapter in lpar.adapters {
      guard let card = assessment.inventory.card(adapter.number) else { continue }
      let differences = differences(of: card, to: adapter)
      guard !differences.isEmpty else { continue }
      findings.append(
        LPARFinding(
          kind: .adapterDiffers, adapters: [adapter.number],
          message:
            "\(title(adapters: [adapter.number])) \(differences.joined(separator: ", and ")); "
            + "the adapter was changed after the file was written, or the file is about another system"
        ))
    }
  }

  /// Adapters of the LPAR that are absent.
  private mutating func find(_ absent: APMask, _ clause: String) {
    guard !absent.isEmpty else { return }
    let queues = requested(
      absent.flatMap { adapter in
        lpar.usageDomains.map { APQN(adapter: adapter, domain: $0) }
      })
    findings.append(
      LPARFinding(
        kind: .adapterAbsent, adapters: absent, queues: queues,
        message: "\(lpar.title) has \(title(adapters: absent))\(requests(queues)), " + clause))
  }

  /// What the HMC says of an adapter and the machine does not.
  private func differences(
    of card: Card, to adapter: LPARConfiguration.Adapter
  ) -> [String] {
    var differences: [String] = []
    // The kernel lowers `hwtype` to the newest type that it knows (`ap_get_compatible_type` in ap_bus.c).
    let type =
      card.attributes["raw_hwtype"].flatMap { UInt8($0) }.map(HardwareType.init(rawValue:))
      ?? card.hardwareType
    if let expected = adapter.hardwareType, expected != type {
      differences.append(
        "is hardware type \(name(expected)) on the HMC and \(name(type)) here")
    }
    if let expected = adapter.mode, let mode = card.mode, expected != mode {
      differences.append("is in mode \(expected.rawValue) on the HMC and \(mode.rawValue) here")
    }
    return differences
  }

  private func name(_ type: HardwareType) -> String {
    "\(type.rawValue)" + (type.product.map { " (\($0))" } ?? "")
  }

  // MARK: - Domains

  private mutating func findUsageDomains() {
    let here = bus.configuredDomains ?? assessment.inventory.apqns.domains
    // A machine that sees no adapter sees no domain.
    guard bus.configuredDomains != nil || !assessment.inventory.cards.isEmpty else { return }
    let absent = lpar.usageDomains.subtracting(here)
    if !absent.isEmpty {
      let queues = requested(
        lpar.adapters.flatMap { adapter in
          absent.map { APQN(adapter: adapter.number, domain: $0) }
        })
      findings.append(
        LPARFinding(
          kind: .usageDomainAbsent, domains: absent, queues: queues,
          message:
            "\(lpar.title) has usage \(title(domains: absent))\(requests(queues)), and this machine does "
            + "not; " + whatIfNotInEffect))
    }
    let unexpected = here.subtracting(lpar.usageDomains)
    guard !unexpected.isEmpty else { return }
    findings.append(
      LPARFinding(
        kind: .usageDomainUnexpected, domains: unexpected,
        message:
          "this machine has usage \(title(domains: unexpected)), and \(lpar.title) does not; "
          + whatIfUnexpected))
  }

  private mutating func findControlDomains() {
    guard let here = bus.controlDomains else { return }
    // Whether the mask of control domains includes usage domains depends on the machine.
    let absent = lpar.controlDomains.subtracting(here)
    if !absent.isEmpty {
      findings.append(
        LPARFinding(
          kind: .controlDomainAbsent, domains: absent,
          message:
            "\(lpar.title) has control \(title(domains: absent)), and this machine does not; "
            + whatIfNotInEffect))
    }
    let unexpected = here.subtracting(bus.configuredDomains ?? [])
      .subtracting(lpar.controlDomains).subtracting(lpar.usageDomains)
    guard !unexpected.isEmpty else { return }
    findings.append(
      LPARFinding(
        kind: .controlDomainUnexpected, domains: unexpected,
        message: "this machine has control \(title(domains: unexpected)), and \(lpar.title) does "
          + "not; " + whatIfUnexpected))
  }

  // MARK: - Requests

  /// What a queue lacks on the HMC.
  private struct Lack: Hashable {
    var adapter: UInt8?
    var domain: UInt8?
    var rule: RuleReference?
  }

  /// Requested queues that are missing since the HMC does not give them to the LPAR.
  private mutating func findRequests() {
    let missing = assessment.requests.open.map(\.apqn).filter { apqn in
      assessment.requests.state(of: apqn) == .missing
        && !(lpar.adapterNumbers.contains(apqn.adapter) && lpar.usageDomains.contains(apqn.domain))
    }
    let groups = missing.grouped { apqn in
      Lack(
        adapter: lpar.adapterNumbers.contains(apqn.adapter) ? nil : apqn.adapter,
        domain: lpar.usageDomains.contains(apqn.domain) ? nil : apqn.domain,
        rule: assessment.decisions.decision(for: apqn).rule.map { RuleReference($0) })
    }
    for (lack, queues) in groups {
      let parts =
        [
          lack.adapter.map { title(adapters: [$0]) },
          lack.domain.map { "usage " + title(domains: [$0]) },
        ]
        .compactMap(\.self)
      let verb = queues.count == 1 ? "is" : "are"
      findings.append(
        LPARFinding(
          kind: .requestNotAssigned, adapters: APMask(lack.adapter.map { [$0] } ?? []),
          domains: APMask(lack.domain.map { [$0] } ?? []), queues: queues, rule: lack.rule,
          message: "\(queues.shortList(of: 4)) \(verb) requested, and \(lpar.title) does not have "
            + parts.joined(separator: " and ") + "; " + step(for: lack)))
    }
  }

  /// What a person can do on the HMC so that the LPAR has what it lacks.
  private func step(for lack: Lack) -> String {
    if let adapter = lack.adapter, let others = lpar.otherAdapters,
      !others.contains(where: { $0.number == adapter })
    {
      return "the system has no crypto adapter of that number; correct the request"
    }
    let control = lack.domain.map(lpar.controlDomains.contains) == true
    switch lpar.kind {
    case .imageProfile:
      let parts =
        [
          lack.adapter.map { "adapter \($0) to the cryptographic candidate and online lists" },
          lack.domain.map { "domain \($0) to the usage domain indexes" },
        ].compactMap(\.self).joined(separator: " and ")
      return
        "add \(parts) of the image profile, and now with \"Change LPAR Cryptographic Controls\""
    case .partition where control:
      return
        "change domain \(lack.domain ?? 0) from control to control and usage in the partition's "
        + "details on the HMC" + (lack.adapter.map { ", and add adapter \($0)" } ?? "")
    case .partition:
      let parts = [
        lack.adapter.map { "adapter \($0)" }, lack.domain.map { "usage domain \($0)" },
      ].compactMap(\.self).joined(separator: " and ")
      return "add \(parts) to the cryptos in the partition's details on the HMC"
    }
  }

  // MARK: - Texts

  /// The queues among these that rules reserve for certain: what is absent has no attributes to match.
  private func requested(_ apqns: [APQN]) -> [APQN] {
    apqns.filter {
      assessment.decisions.compactDecision(for: $0).reserve == .vfioAP
        || assessment.requests.queues.contains($0)
    }
  }

  private func requests(_ queues: [APQN]) -> String {
    queues.isEmpty
      ? "" : ", of which \(queues.shortList(of: 4)) \(queues.count == 1 ? "is" : "are") requested"
  }

  /// `adapters 5 (0x05, CRYP05, PCHID 11c), 6 (0x06)`, with a status on the HMC that keeps it from being used.
  private func title(adapters: APMask) -> String {
    let titles = adapters.map { number in
      let adapter = lpar.adapter(number)
      let status = adapter?.status.flatMap { $0 == "active" ? nil : "\"\($0.printable)\"" }
      let parts = [
        "0x" + Hex.text(number, digits: 2), adapter?.name?.printable,
        adapter?.channel.map { "PCHID \($0.printable)" }, status,
      ]
      return "\(number) (\(parts.compactMap(\.self).joined(separator: ", ")))"
    }
    return "\(titles.count == 1 ? "adapter" : "adapters") \(titles.shortList())"
  }

  /// `domains 4, 71 (0x0004, 0x0047)`.
  private func title(domains: APMask) -> String {
    let numbers = Array(domains)
    return "\(numbers.count == 1 ? "domain" : "domains") \(numbers.shortList()) "
      + "(\(numbers.map { "0x" + Hex.text($0, digits: 4) }.shortList()))"
  }

  private var whatIfNotInEffect: String {
    switch lpar.kind {
    case .partition:
      "the file is older than a change, or the change is not in effect: check the partition's details on the HMC"
    case .imageProfile:
      "a profile takes effect when the LPAR is activated: until then use \"Change LPAR Cryptographic Controls\" "
        + "on the HMC"
    }
  }

  private var whatIfUnexpected: String {
    switch lpar.kind {
    case .partition: "the file is older than a change, or is about another LPAR"
    case .imageProfile:
      "that is gone after the next activation: add it to the profile, unless the file is older than a change of it"
    }
  }
}
