package import APBus
import ReservationRules

/// Whether a guest can move to another host, which must have the same queues for it, and what is missing there.
///
/// A queue keeps its number when a guest moves: the guest names it by adapter and domain.
package struct GuestMove: Equatable, Sendable {
  /// The guest on the host that it leaves.
  package var guest: Guest
  /// What the device is to have: what it has, if it is active.
  package var device: MediatedDevice
  /// The queues, each with what was compared.
  package var queues: [Queue]
  /// What the destination lacks, in the order of the criteria.
  package var findings: [Finding]
  /// How it can move.
  package var way: Way

  /// A queue of the guest.
  package struct Queue: Equatable, Sendable {
    package var apqn: APQN
    package var outcome: Outcome
    /// Whether both hosts have the same master keys in the domain.
    package var keys: Keys
  }

  /// Whether the guest can move, best first.
  package enum Outcome: String, CaseIterable, Comparable, Sendable {
    case possible
    /// After what a person does.
    case afterSteps = "after-steps"
    case impossible

    package static func < (first: Outcome, second: Outcome) -> Bool {
      first.order < second.order
    }

    private var order: Int {
      switch self {
      case .possible: 0
      case .afterSteps: 1
      case .impossible: 2
      }
    }
  }

  /// How the master keys of a domain compare.
  package enum Keys: Equatable, Sendable {
    /// The guest has no secure keys in the domain: its adapter is an accelerator, or no master key is set.
    case notNeeded
    /// The same; known on each host like this.
    case equal(source: QueueKeys.Source, destination: QueueKeys.Source)
    case different
    /// Unknown on one host or on both.
    case unknown
  }

  /// How a guest can move with its queues.
  package enum Way: String, CaseIterable, Sendable {
    /// It is not running, and is started on the destination.
    case start
    /// It is running, and its device is taken out before the migration and added after it.
    case cold
    /// It is running, and both kernels migrate the device.
    case live
  }

  /// What the destination lacks, for some of the queues or for the device.
  package struct Finding: Equatable, Sendable {
    package var criterion: Criterion
    /// The queues that it is about; none if it is about the device.
    package var apqns: [APQN]
    package var outcome: Outcome
    /// What is so, a sentence.
    package var message: String
    /// What to do, a sentence without its full stop; nil if nothing helps.
    package var step: String?
  }

  package var outcome: Outcome { findings.map(\.outcome).max() ?? .possible }

  /// What to do before the guest can move, each once.
  package var steps: [String] {
    findings.compactMap(\.step).grouped { $0 }.map(\.value)
  }
}

extension GuestMove {
  /// What is compared.
  package enum Criterion: String, CaseIterable, Sendable {
    case definition, presence, type, mode, functions, guests, reservation
    case controlDomains = "control-domains"
    case keys

    /// What must be so, and why or by which source of the kernel; each a sentence.
    package var rule: (text: String, source: String) {
      switch self {
      case .definition:
        (
          "The destination has a mediated device of the same UUID with the same adapters, domains and control domains.",
          "libvirt names the device by its UUID in the virtual machine, and the matrix is what the guest sees."
        )
      case .presence:
        (
          "Each queue is there and works.",
          "vfio_ap takes what the host does not have out of the guest's configuration (vfio_ap_mdev_filter_matrix, Linux 6.1)."
        )
      case .type:
        (
          "Each adapter is of the same hardware type or a newer one. Types are compared as the hardware tells them, if both hosts show that (raw_hwtype).",
          "The type is in what PQAP(TAPQ) tells the guest, whose drivers go by it (ap_queue_info, Linux 6.1)."
        )
      case .mode:
        (
          "Each adapter runs in the same mode.",
          "A guest's requests are for CCA, EP11 or an accelerator, and no adapter takes those of another mode."
        )
      case .functions:
        (
          "Each adapter has all functions that it has on the source.",
          "The bits of ap_functions are in what PQAP(TAPQ) tells the guest (ap_queue_info, Linux 6.1)."
        )
      case .guests:
        (
          "No other guest has any of the queues.",
          "vfio_ap gives a queue to one mediated device only (vfio_ap_mdev_verify_no_sharing, Linux 6.1)."
        )
      case .reservation:
        (
          "Each queue is reserved for vfio_ap, or will be by a rule.",
          "Only queues on vfio_ap reach a guest (vfio_ap_mdev_filter_matrix, Linux 6.1)."
        )
      case .controlDomains:
        (
          "The destination can control the same domains.",
          "vfio_ap takes others out of the guest's configuration (vfio_ap_mdev_filter_cdoms, Linux 6.1)."
        )
      case .keys:
        (
          "Each domain has the same current master keys.",
          "Secure keys are wrapped by them, and no kernel compares them."
        )
      }
    }
  }
}

extension GuestMove {
  /// Compares what a guest has with another host. Its rules decide as if the guest were defined there, since rules can
  /// name it.
  ///
  /// - Parameters:
  ///   - guest: The guest on the host that it leaves.
  ///   - source: That host; nil for a guest that is on none yet, which takes any type and any keys.
  ///   - destination: The other host, assessed with the guest's definition (`HostConfiguration.adding`).
  ///   - before: The definitions that the destination has.
  package init(
    of guest: Guest, from source: Inventory?, to destination: Assessment,
    whoseDefinitionsAre before: HostConfiguration
  ) {
    self.guest = guest
    device = guest.movingDevice
    let comparison = MoveComparison(
      guest: guest, device: device, source: source, destination: destination)
    let isLive = [source, destination.inventory].allSatisfy {
      $0?.bus.migratesMatrixDevices == true
    }
    way = guest.isRunning ? isLive ? .live : .cold : .start
    guard guest.active != nil || guest.definition != nil else {
      queues = []
      findings = [comparison.unknownDevice]
      return
    }
    let keys = device.queues.map { ($0, comparison.keys(of: $0)) }
    findings =
      comparison.definition(among: before) + comparison.reservations() + comparison.hardware()
      + comparison.controlDomains() + comparison.keys(keys)
    findings.sort { $0.criterion.order < $1.criterion.order }
    var outcomes: [APQN: Outcome] = [:]
    for finding in findings {
      for apqn in finding.apqns {
        outcomes[apqn] = max(outcomes[apqn] ?? .possible, finding.outcome)
      }
    }
    queues = keys.map { apqn, keys in
      Queue(apqn: apqn, outcome: outcomes[apqn] ?? .possible, keys: keys.result)
    }
  }
}

extension Guest {
  /// The device that moves: as it is, or as it is defined while it is not started.
  package var movingDevice: MediatedDevice { active ?? device }
}

extension HostConfiguration {
  /// The configuration with a guest's device defined, as that is once the guest has moved.
  package func adding(_ guest: Guest) -> HostConfiguration {
    var configuration = self
    let device = guest.movingDevice
    configuration.definitions.removeAll { $0.device.uuid == device.uuid }
    configuration.definitions.append(
      MediatedDeviceDefinition(
        device: device, startsAutomatically: guest.definition?.startsAutomatically ?? false))
    for name in guest.virtualMachines
    where !configuration.virtualMachines.contains(where: { $0.name == name }) {
      configuration.virtualMachines.append(
        VirtualMachine(name: name, mediatedDevices: [device.uuid]))
    }
    return configuration
  }
}

extension BusState {
  /// Whether the kernel says that it migrates devices of `vfio_ap`.
  fileprivate var migratesMatrixDevices: Bool {
    matrixFeatures?.split(separator: " ").contains("migratable") ?? false
  }
}

extension GuestMove.Criterion {
  fileprivate var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// Compares one guest's device, criterion by criterion.
private struct MoveComparison {
  typealias Finding = GuestMove.Finding

  let guest: Guest
  let device: MediatedDevice
  let source: Inventory?
  let destination: Assessment
  /// The guest as the destination would have it.
  private let there: Guest

  init(guest: Guest, device: MediatedDevice, source: Inventory?, destination: Assessment) {
    self.guest = guest
    self.device = device
    self.source = source
    self.destination = destination
    there =
      destination.guests.first { $0.uuid == device.uuid } ?? Guest(uuid: device.uuid, on: guest)
  }

  // MARK: - The device

  /// A device that only a virtual machine names.
  var unknownDevice: Finding {
    Finding(
      criterion: .definition, apqns: [], outcome: .afterSteps,
      message:
        "mediated device \(device.uuid) is neither active nor defined on the source, so that nothing is known of "
        + "its queues",
      step: "define it on the source, or start it there")
  }

  func definition(among configuration: HostConfiguration) -> [Finding] {
    let active = destination.inventory.mediatedDevices.first { $0.uuid == device.uuid }
    let defined = configuration.definitions.first { $0.device.uuid == device.uuid }
    let define =
      "define it there with \"apreserve guest define \(guest.name.shellWord) --uuid \(device.uuid) "
      + "--adapters \(device.adapters.ruleNumbers(",")) --domains \(device.domains.ruleNumbers(","))"
      + (device.controlDomains.isEmpty
        ? "" : " --control-domains \(device.controlDomains.ruleNumbers(","))")
      + (guest.definition?.startsAutomatically == true ? " --auto" : "") + " --apply\""
    func finding(_ message: String, _ step: String) -> [Finding] {
      [
        Finding(
          criterion: .definition, apqns: [], outcome: .afterSteps, message: message, step: step)
      ]
    }
    if let active {
      if there.isRunning {
        let user = configuration.virtualMachines.first { $0.mediatedDevices.contains(device.uuid) }
          .map { "virtual machine \($0.name.printable)" }
        return finding(
          "mediated device \(device.uuid) is in use there" + (user.map { ", by \($0)" } ?? ""),
          "stop \(user ?? "the guest that uses it") there")
      }
      return active.isSameMatrix(as: device)
        ? []
        : finding(
          "mediated device \(device.uuid) is active there with another matrix",
          "stop the device there, and \(define)")
    }
    guard let defined else {
      // Of a guest that is to be, the definition is what a place is looked for.
      if source == nil { return [] }
      return finding("mediated device \(device.uuid) is not defined there", define)
    }
    guard defined.problems.isEmpty, defined.device.isSameMatrix(as: device) else {
      return finding(
        "mediated device \(device.uuid) is defined there with another matrix, in \(defined.path)",
        "undefine it with mdevctl, and \(define)")
    }
    return finding(
      "mediated device \(device.uuid) is defined there, and not active",
      "start it there with \"mdevctl start --uuid \(device.uuid)\" when its queues are reserved")
  }

  func controlDomains() -> [Finding] {
    let missing = destination.inventory.bus.controlDomains.map(device.controlDomains.subtracting)
    guard let missing, !missing.isEmpty else { return [] }
    let numbers = missing.map { "0x\(Hex.text($0, digits: 4)) (\($0) on the HMC)" }.shortList()
    return [
      Finding(
        criterion: .controlDomains, apqns: [], outcome: .afterSteps,
        message: "the destination is not configured for control "
          + (missing.count == 1 ? "domain" : "domains") + " \(numbers)",
        step:
          "assign control \(missing.count == 1 ? "domain" : "domains") \(numbers) to its LPAR on the HMC"
      )
    ]
  }

  // MARK: - Queues on the destination

  /// Queues that are not there, do not work, are not reserved, or are another guest's.
  func reservations() -> [Finding] {
    let rows = there.queues.filter { device.holds($0.apqn) }
    let reasons = rows.grouped { row in
      // What to do about hardware names its adapter.
      switch row.reason?.state {
      case .unusable: Lack(reason: row.reason, adapter: row.apqn.adapter)
      case .pending, .waiting:
        Lack(
          reason: row.reason,
          rule: destination.decisions.decision(for: row.apqn).rule?.location.fileAndLine.printable)
      default: Lack(reason: row.reason)
      }
    }
    return reasons.flatMap { group -> [Finding] in
      guard let reason = group.value.reason else { return [] }
      let apqns = group.elements.map(\.apqn)
      return [
        Finding(
          criterion: reason.criterion, apqns: apqns, outcome: .afterSteps,
          message: OpenRequest.sentence(for: apqns, reason: reason)
            + (group.value.rule.map { ", by \($0)" } ?? ""),
          step: group.elements[0].remedy(for: there))
      ]
    }
      + unreserved(rows.filter { $0.reason == nil }.map(\.apqn))
      + rows.filter { !$0.others.isEmpty }.grouped(by: \.others).map { group in
        let others = group.value.map(\.printable).joined(separator: ", ")
        let apqns = group.elements.map(\.apqn)
        return Finding(
          criterion: .guests, apqns: apqns, outcome: .afterSteps,
          message: "\(others) is to have \(apqns.shortList()) there, too",
          step: "stop \(others) there, or take the queues out of its definition")
      }
  }

  private struct Lack: Hashable {
    var reason: OpenRequest.Reason?
    var adapter: UInt8?
    /// The rule that reserves it, `FILE:LINE`.
    var rule: String?
  }

  /// Queues that are on `vfio_ap`, and will not be at the next boot, or as soon as the rules are applied.
  private func unreserved(_ apqns: [APQN]) -> [Finding] {
    let planned = Set(
      destination.plan.operations.compactMap { operation in
        if case .queue(let apqn) = operation.subject { apqn } else { nil }
      })
    let unreserved = apqns.filter { apqn in
      let row = destination.decisions.row(apqn.adapter)
      return planned.contains(apqn)
        || !row.vfioAP.contains(apqn.domain) && !row.undecidable.contains(apqn.domain)
    }
    return unreserved.grouped { Verdict(on: $0, by: destination.decisions) }.map { group in
      let queues = group.elements.shortList()
      let (are, them) = group.elements.count == 1 ? ("is", "it") : ("are", "them")
      let (clause, step) =
        switch group.value {
        case .reserved: ("and not reserved for the next boot yet", "run apreserve apply there")
        case .kept(let rule): ("but \(rule) keeps \(them) for the host", "change the rule \(rule)")
        case .unmanaged:
          (
            "but no rule reserves \(them)",
            "add the rule \(there.deviceName.rule)"
          )
        }
      return Finding(
        criterion: .reservation, apqns: group.elements, outcome: .afterSteps,
        message: "\(queues) \(are) on vfio_ap there, \(clause)", step: step)
    }
  }

  /// What rules want of a queue.
  private enum Verdict: Hashable {
    case reserved, unmanaged
    /// This rule, `FILE:LINE`, keeps it for the host.
    case kept(by: String)

    init(on apqn: APQN, by decisions: DecisionTable) {
      let row = decisions.row(apqn.adapter)
      let rule = decisions.decision(for: apqn).rule?.location.fileAndLine.printable
      if row.vfioAP.contains(apqn.domain) {
        self = .reserved
      } else if row.host.contains(apqn.domain), let rule {
        self = .kept(by: rule)
      } else {
        self = .unmanaged
      }
    }
  }

  // MARK: - Hardware

  func hardware() -> [Finding] {
    guard let source else { return oldHardware() }
    return device.adapters.flatMap { adapter -> [Finding] in
      guard let old = source.card(adapter) else {
        return [
          finding(
            .type, adapter, .afterSteps,
            "the source does not have adapter 0x\(Hex.text(adapter, digits: 2)), so that its type and mode are unknown",
            step: "compare with the source while the guest can run there")
        ]
      }
      // One that is absent is another finding.
      guard let new = destination.inventory.card(adapter) else { return [] }
      return hardware(from: old, to: new)
    }
  }

  /// What a guest that is to be cannot have.
  private func oldHardware() -> [Finding] {
    device.adapters.compactMap { destination.inventory.card($0) }
      .filter { !$0.hardwareType.isReservable }
      .map { card in
        finding(
          .type, card.adapter, .impossible,
          "adapter 0x\(Hex.text(card.adapter, digits: 2)) is \(card.hardwareType.shown) there, and vfio_ap takes only "
            + "type 10 (CEX4) and newer")
      }
  }

  private func hardware(from old: Card, to new: Card) -> [Finding] {
    let adapter = "adapter 0x\(Hex.text(new.adapter, digits: 2))"
    var findings: [Finding] = []
    let (oldType, newType) = old.comparableTypes(with: new)
    if newType < oldType {
      findings.append(
        finding(
          .type, new.adapter, .impossible,
          "\(adapter) is older there: \(newType.shown), and \(oldType.shown) on the source"))
    }
    guard let oldMode = old.mode, let newMode = new.mode else {
      return findings + [
        finding(
          .mode, new.adapter, .afterSteps,
          "\(adapter) has no mode \(new.mode == nil ? "there" : "on the source") that ap_functions shows",
          step: "compare the modes of the adapter on the HMC")
      ]
    }
    if oldMode != newMode {
      findings.append(
        finding(
          .mode, new.adapter, .impossible,
          "\(adapter) runs in mode \(newMode.rawValue) there, and \(oldMode.rawValue) on the source"
        )
      )
    } else if old.functions & ~new.functions != 0 {
      let missing = Hex.text(old.functions & ~new.functions, digits: 8)
      findings.append(
        finding(
          .functions, new.adapter, .impossible,
          "\(adapter) lacks functions there that it has on the source: bits 0x\(missing) of ap_functions"
        ))
    }
    return findings
  }

  private func finding(
    _ criterion: GuestMove.Criterion, _ adapter: UInt8, _ outcome: GuestMove.Outcome,
    _ message: String, step: String? = nil
  ) -> Finding {
    Finding(
      criterion: criterion, apqns: device.domains.map { APQN(adapter: adapter, domain: $0) },
      outcome: outcome, message: message, step: step)
  }

  // MARK: - Master keys

  /// How the keys of a queue compare, and what is wrong with them.
  struct ComparedKeys: Equatable {
    var result: GuestMove.Keys
    /// What is wrong, so that queues of which the same is wrong are one finding.
    var problem: Problem?

    enum Problem: Hashable {
      /// Nobody knows all keys on the source, on the destination or on either.
      case unknown(onSource: Bool, onDestination: Bool)
      /// No current key is set on the destination.
      case notSet(MasterKeyKind)
      /// The source's key is entered on the destination, and not set yet.
      case entered(MasterKeyKind)
      /// The source's key is the one before the destination's.
      case before(MasterKeyKind)
      /// The keys differ as they were read last, at these times where that was not now.
      case differentThen(MasterKeyKind, source: WallTime?, destination: WallTime?)
      case different(MasterKeyKind)
    }
  }

  func keys(of apqn: APQN) -> ComparedKeys {
    guard let source else { return ComparedKeys(result: .notNeeded) }
    let mode = source.card(apqn.adapter)?.mode ?? destination.inventory.card(apqn.adapter)?.mode
    guard mode != .accelerator else { return ComparedKeys(result: .notNeeded) }
    let old = source.keys(of: apqn)
    let new = destination.inventory.keys(of: apqn)
    let kinds = Set(old.kinds + new.kinds).sorted().filter { kind in
      // Kernels that do not know a kind do not show it, and one without a key is not needed.
      old[kind, .current].content?.pattern != nil || new[kind, .current].content?.pattern != nil
        || old[kind, .current].content == nil && kind != .asym
    }
    let problems = kinds.compactMap { Self.problem(of: $0, from: old, to: new) }
    if let worst = problems.max(by: { $0.outcome < $1.outcome }) {
      let isDifferent = problems.contains { problem in
        if case .unknown = problem { false } else { true }
      }
      return ComparedKeys(result: isDifferent ? .different : .unknown, problem: worst)
    }
    guard !old.registers.isEmpty, kinds.contains(where: { old[$0, .current].content != nil }) else {
      return old.source == .unknown
        ? ComparedKeys(result: .unknown, problem: .unknown(onSource: true, onDestination: false))
        : ComparedKeys(result: .notNeeded)
    }
    return ComparedKeys(result: .equal(source: old.source, destination: new.source))
  }

  /// What is wrong with the keys of a kind; nil if they are the same, or the source has none.
  private static func problem(
    of kind: MasterKeyKind, from old: QueueKeys, to new: QueueKeys
  ) -> ComparedKeys.Problem? {
    let (source, destination) = (old[kind, .current], new[kind, .current])
    guard let key = source.content, let other = destination.content else {
      // What has no key on one host is not compared with what is unknown on the other.
      if let key = source.content, key.pattern == nil { return nil }
      return .unknown(
        onSource: source.content == nil, onDestination: destination.content == nil)
    }
    guard let pattern = key.pattern else { return nil }
    func holds(_ slot: KeyRegister.Slot) -> Bool {
      guard let content = new[kind, slot].content, content.state != .partial else { return false }
      return content.pattern?.isSame(as: pattern, kind: kind) == true
    }
    if holds(.current) { return nil }
    if holds(.new) { return .entered(kind) }
    guard other.pattern != nil else { return .notSet(kind) }
    if holds(.old) { return .before(kind) }
    if source.source == .known, destination.source == .known { return .different(kind) }
    return .differentThen(
      kind, source: source.source.time, destination: destination.source.time)
  }

  func keys(_ compared: [(apqn: APQN, keys: ComparedKeys)]) -> [Finding] {
    compared.filter { $0.keys.problem != nil }.grouped(by: \.keys.problem).flatMap {
      group -> [Finding] in
      guard let problem = group.value else { return [] }
      let apqns = group.elements.map(\.apqn)
      return [
        Finding(
          criterion: .keys, apqns: apqns, outcome: problem.outcome,
          message: problem.message(about: apqns), step: problem.step(for: apqns))
      ]
    }
  }
}

extension QueueKeys.Source {
  fileprivate var time: WallTime? {
    if case .cached(let time) = self { time } else { nil }
  }
}

extension String {
  /// The text as a word for a shell.
  fileprivate var shellWord: String {
    isShellWord ? self : "'" + printable.replacing("'", with: "'\\''") + "'"
  }
}

extension MoveComparison.ComparedKeys.Problem {
  fileprivate var outcome: GuestMove.Outcome {
    if case .different = self { .impossible } else { .afterSteps }
  }

  fileprivate func message(about apqns: [APQN]) -> String {
    let queues = apqns.shortList()
    let are = apqns.count == 1 ? "is" : "are"
    return switch self {
    case .unknown(let onSource, let onDestination):
      "the master keys of \(queues) are unknown "
        + (onSource && onDestination
          ? "on both hosts" : onSource ? "on the source" : "on the destination")
        + ", which reads them only while the host has a queue"
    case .notSet(let kind):
      "no \(kind.prefix) master key is set in \(queues) on the destination"
    case .entered(let kind):
      "the \(kind.prefix) master key of \(queues) is entered on the destination, and not set yet"
    case .before(let kind):
      "\(queues) \(are) one \(kind.prefix) master key further on the destination, where the source's key is the old one"
    case .differentThen(let kind, let source, let destination):
      "the \(kind.prefix) master key of \(queues) was another one on the destination, as read "
        + (source.map { "\($0.text) on the source" } ?? "now on the source") + " and "
        + (destination.map { "\($0.text)" } ?? "now") + " on the destination"
    case .different(let kind):
      "the \(kind.prefix) master key of \(queues) is another one on the destination, so that the guest's secure keys do "
        + "not work there"
    }
  }

  fileprivate func step(for apqns: [APQN]) -> String? {
    let queues = apqns.shortList()
    return switch self {
    case .unknown, .differentThen:
      "compare the verification patterns of \(queues) with the TKE workstation or the HMC"
    case .notSet: "load the source's master key into \(queues) with the TKE workstation"
    case .entered: "set the new master key of \(queues) with the TKE workstation"
    case .before:
      "change the master key of \(queues) on the source as well, and re-encipher the guest's secure keys"
    case .different: nil
    }
  }
}

extension OpenRequest.Reason {
  fileprivate var criterion: GuestMove.Criterion {
    switch state {
    case .missing, .unusable, .unreadable: .presence
    case .reserved, .pending, .waiting, .refused, .contended, .undecidable: .reservation
    }
  }
}

extension Card {
  /// The types of this card and another one of another host, as the hardware tells them, if both kernels show that; else
  /// as both kernels know them, which show a type that is newer than they are as the newest that they know (`ap_get_compatible_type`, 6.1).
  fileprivate func comparableTypes(with other: Card) -> (HardwareType, HardwareType) {
    if let own = rawType, let others = other.rawType { return (own, others) }
    return (hardwareType, other.hardwareType)
  }

  private var rawType: HardwareType? {
    attributes["raw_hwtype"].flatMap { UInt8($0) }.map(HardwareType.init(rawValue:))
  }
}

extension HardwareType {
  fileprivate var shown: String { product ?? "type \(rawValue)" }
}

extension MediatedDevice {
  fileprivate func isSameMatrix(as other: MediatedDevice) -> Bool {
    adapters == other.adapters && domains == other.domains
      && controlDomains == other.controlDomains
  }
}

extension Guest {
  /// A guest of another host that has nothing yet.
  fileprivate init(uuid: String, on other: Guest) {
    self.init(
      uuid: uuid, virtualMachines: other.virtualMachines, active: nil, definition: nil,
      isRunning: false)
  }
}
