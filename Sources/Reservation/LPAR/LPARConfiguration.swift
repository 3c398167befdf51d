package import APBus

/// The crypto configuration of one LPAR as the Hardware Management Console (HMC) has it: what the LPAR should see.
///
/// It is data that a person has got from an HMC by other programs. The HMC itself is never asked.
package struct LPARConfiguration: Equatable, Sendable {
  /// Where the HMC keeps it.
  package enum Kind: String, Equatable, Sendable, CaseIterable {
    /// A partition of a system in Dynamic Partition Manager (DPM) mode.
    case partition
    /// An image activation profile of a system in classic mode, which takes effect when the LPAR is activated.
    case imageProfile = "image-profile"
  }

  /// The file that says so.
  package var file: String
  package var kind: Kind
  /// The name of the system (CPC), if the file has it.
  package var cpc: String?
  /// The name of the partition, or of the profile, which is that of the LPAR.
  package var name: String
  /// The name of the LPAR of a partition, as `/proc/sysinfo` has it.
  package var shortName: String?
  /// The adapters of the LPAR, ascending by number, none twice.
  package var adapters: [Adapter]
  /// Other crypto adapters of the system, for their names; nil if the file does not list them.
  package var otherAdapters: [Adapter]?
  /// The domains that the LPAR may use and control.
  package var usageDomains: APMask
  /// The domains that it may only control.
  package var controlDomains: APMask

  /// A crypto adapter as the HMC has it.
  package struct Adapter: Equatable, Sendable {
    /// The number by which Linux knows it.
    package var number: UInt8
    package var name: String?
    /// The physical channel ID (PCHID), which Linux does not show.
    package var channel: String?
    /// The generation as a hardware type: 14 for a Crypto Express8S.
    package var hardwareType: HardwareType?
    package var mode: QueueMode?
    /// The status of the adapter when the file was written, in the HMC's words.
    package var status: String?

    package init(
      number: UInt8, name: String? = nil, channel: String? = nil,
      hardwareType: HardwareType? = nil, mode: QueueMode? = nil, status: String? = nil
    ) {
      self.number = number
      self.name = name
      self.channel = channel
      self.hardwareType = hardwareType
      self.mode = mode
      self.status = status
    }
  }

  package init(
    file: String, kind: Kind, cpc: String? = nil, name: String, shortName: String? = nil,
    adapters: [Adapter] = [], otherAdapters: [Adapter]? = nil, usageDomains: APMask = [],
    controlDomains: APMask = []
  ) {
    self.file = file
    self.kind = kind
    self.cpc = cpc
    self.name = name
    self.shortName = shortName
    self.adapters = adapters
    self.otherAdapters = otherAdapters
    self.usageDomains = usageDomains
    self.controlDomains = controlDomains
  }
}

extension LPARConfiguration {
  /// The name by which an option selects it, with the system where that is known: `CPC1/kvm1`.
  package var selector: String { (cpc.map { $0 + "/" } ?? "") + name }

  /// What it is and of which LPAR, as a sentence names it: `partition "kvm1" of CPC1`.
  package var title: String {
    let noun =
      switch kind {
      case .partition: "partition"
      case .imageProfile: "image profile"
      }
    return "\(noun) \"\(name.printable)\"" + (cpc.map { " of \($0.printable)" } ?? "")
  }

  /// Whether the LPAR is called that: by the whole selector, the partition's name or its short one.
  fileprivate func isNamed(_ name: String) -> Bool {
    [selector, self.name, shortName].contains(name)
  }

  package var adapterNumbers: APMask { APMask(adapters.map(\.number)) }

  /// The adapter of that number, also one that the LPAR does not have.
  func adapter(_ number: UInt8) -> Adapter? {
    (adapters + (otherAdapters ?? [])).first { $0.number == number }
  }
}

extension LPARConfiguration {
  /// Selects the configuration of a machine's LPAR. `name` is that of an LPAR that a person has chosen, whatever the
  /// machine is called. One of several machines has the LPAR that is called as its own, and no other.
  package static func select(
    from configurations: [LPARConfiguration], named name: String? = nil, for host: HostIdentity,
    amongSeveral: Bool = false
  ) throws(LPARSelectionError) -> LPARConfiguration {
    let fitting =
      (name ?? host.lpar).map { name in configurations.filter { $0.isNamed(name) } }
      ?? (amongSeveral ? [] : configurations)
    guard let first = fitting.first, fitting.count == 1 else {
      throw LPARSelectionError(
        name: name ?? host.lpar, isAmbiguous: !fitting.isEmpty,
        candidates: fitting.isEmpty ? configurations : fitting, canBeChosen: !amongSeveral)
    }
    return first
  }
}

/// Why none of several LPARs is that of a machine, and what to write.
package struct LPARSelectionError: Error, Equatable, CustomStringConvertible {
  package var description: String

  init(name: String?, isAmbiguous: Bool, candidates: [LPARConfiguration], canBeChosen: Bool) {
    let files = candidates.map(\.file).grouped { $0 }.map(\.value).shortList(of: 3)
    let wanted =
      name.map { (isAmbiguous ? "several LPARs are" : "no LPAR is") + " called \"\($0)\"" }
      ?? "the name of this machine's LPAR is not known"
    let names = candidates.map { candidate in
      "\"\(candidate.selector)\""
        + (candidate.shortName.map { $0 == candidate.name ? "" : " (\($0))" } ?? "")
    }
    let isOne = candidates.count == 1
    var text = "\(files): \(wanted); there \(isOne ? "is" : "are") \(names.shortList())"
    // An option selects it for all machines.
    if canBeChosen, let first = candidates.first {
      text +=
        ": select \(isOne ? "it" : "one"), as in --lpar \"\(first.file):\(first.selector)\""
    }
    description = text.printable
  }
}
