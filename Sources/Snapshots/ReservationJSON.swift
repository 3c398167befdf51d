import APBus
import JSONText
import Reservation

// The JSON of what a reservation depends on beside the bus.

extension HostConfiguration {
  static let layout = JSONLayout<HostConfiguration>(
    "Configuration", "What files of the machine other than apreserve's say about its crypto queues."
  ) {
    $0.add(
      "bootMasks", .object(ConfiguredMasks.layout), "The masks of the kernel's command line.",
      \.bootMasks)
    $0.add(
      "persistentMasks", .object(ConfiguredMasks.layout), "The masks that chzdev sets at boot.",
      \.persistentMasks)
    $0.add(
      "overrides", .list(of: .object(ConfiguredOverride.layout)),
      "The overrides that driverctl sets at boot.", \.overrides)
    $0.add(
      "definitions", .list(of: .object(MediatedDeviceDefinition.layout)),
      "The mediated devices that mdevctl knows.", \.definitions)
    $0.add(
      "virtualMachines", .list(of: .object(VirtualMachine.layout)),
      "The virtual machines of libvirt that have a mediated device.", \.virtualMachines)
    $0.add(
      "unreadable", .list(of: .object(UnreadableDefinitions.layout)),
      "Definitions of guests that cannot be read."
    ) { $0.unreadable.isEmpty ? nil : $0.unreadable }
    $0.add("callout", .text, "The callout of s390-tools that checks definitions.", \.callout)
    $0.add(
      "secureKeyUsers", .list(of: .object(SecureKeyUser.layout)),
      "What uses keys that only crypto adapters can use.", \.secureKeyUsers)
    $0.add(
      "managers", .list(of: .word),
      "Other programs that assign crypto queues."
    ) { $0.managers.isEmpty ? nil : $0.managers }
  }

  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "configuration", keys: Self.layout.keys)
    self.init(callout: try fields.text("callout"))
    if let value = fields["bootMasks"] {
      bootMasks = try ConfiguredMasks(value, at: fields.path("bootMasks"))
    }
    if let value = fields["persistentMasks"] {
      persistentMasks = try ConfiguredMasks(value, at: fields.path("persistentMasks"))
    }
    for fields in try fields.objects("overrides", keys: ConfiguredOverride.layout.keys) {
      overrides.append(try ConfiguredOverride(fields))
    }
    for fields in try fields.objects("definitions", keys: MediatedDeviceDefinition.layout.keys) {
      definitions.append(try MediatedDeviceDefinition(fields))
    }
    for fields in try fields.objects("virtualMachines", keys: VirtualMachine.layout.keys) {
      virtualMachines.append(try VirtualMachine(fields))
    }
    for fields in try fields.objects("unreadable", keys: UnreadableDefinitions.layout.keys) {
      unreadable.append(try UnreadableDefinitions(fields))
    }
    for fields in try fields.objects("secureKeyUsers", keys: SecureKeyUser.layout.keys) {
      secureKeyUsers.append(try SecureKeyUser(fields))
    }
    for (index, word) in (try fields.texts("managers") ?? []).enumerated() {
      guard let manager = QueueManager(rawValue: word) else {
        throw ValueError(
          "unknown program \"\(word)\"; known are "
            + QueueManager.allCases.map(\.rawValue).joined(separator: ", "),
          at: "\(fields.path("managers"))[\(index)]")
      }
      managers.append(manager)
    }
  }
}

extension ConfiguredMasks {
  fileprivate static let layout = JSONLayout<ConfiguredMasks>(
    "ConfiguredMasks", "Masks that a file or the command line sets at boot."
  ) {
    $0.add("apmask", .mask, "The adapters of the host's pool.", \.adapters)
    $0.add("aqmask", .mask, "The domains of the host's pool.", \.domains)
    $0.add("source", .text, "What sets them.", \.source)
  }

  fileprivate init(_ value: JSONValue, at path: String) throws(ValueError) {
    let fields = try Fields(value, at: path, keys: Self.layout.keys)
    self.init(
      adapters: try fields.mask("apmask"), domains: try fields.mask("aqmask"),
      source: try fields.requiredText("source"))
  }
}

extension ConfiguredOverride {
  fileprivate static let layout = JSONLayout<ConfiguredOverride>(
    "ConfiguredOverride", "An override that is set at boot."
  ) {
    $0.add("queue", .queue, "The queue.", \.apqn)
    $0.add("driver", .text, "The driver.", \.driver)
    $0.add("source", .text, "What sets it.", \.source)
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    guard let driver = try fields.driverName("driver") else {
      throw fields.error(at: "driver", expecting: "a driver's name")
    }
    self.init(
      apqn: try fields.apqn("queue"), driver: driver, source: try fields.requiredText("source"))
  }
}

extension MediatedDeviceDefinition {
  fileprivate static let layout = JSONLayout<MediatedDeviceDefinition>(
    "Definition", "A mediated device that mdevctl knows."
  ) {
    $0.include(MediatedDevice.layout, \.device)
    $0.add("start", .text(of: ["auto", "manual"]), "Whether it is made at boot.") {
      $0.startsAutomatically ? "auto" : "manual"
    }
    $0.add(
      "problems", .list(of: .object(Problem.layout)),
      "What keeps it from being started as it is meant to be."
    ) { $0.problems.isEmpty ? nil : $0.problems }
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    self.init(
      device: try MediatedDevice(fields), startsAutomatically: try fields.text("start") == "auto")
    for fields in try fields.objects("problems", keys: Problem.layout.keys) {
      problems.append(
        Problem(try fields.requiredText("problem"), line: try fields.number("line")))
    }
  }
}

extension MediatedDeviceDefinition.Problem {
  fileprivate static let layout = JSONLayout<MediatedDeviceDefinition.Problem>(
    "DefinitionProblem", "What is wrong with a definition."
  ) {
    $0.add("line", .integer, "The line; none for the file as a whole.", \.line)
    $0.add("problem", .text, "What it has.", \.text)
  }
}

extension VirtualMachine {
  fileprivate static let layout = JSONLayout<VirtualMachine>(
    "VirtualMachine", "A virtual machine of libvirt."
  ) {
    $0.add("name", .text, "Its name.", \.name)
    $0.add(
      "mediatedDevices", .list(of: .text), "The UUIDs of its mediated devices.", \.mediatedDevices)
    $0.add(
      "definedDevices", .list(of: .text),
      "Those that it is given at its next start, while it is running."
    ) { $0.liveDevices == nil ? nil : $0.definedDevices }
    $0.add("liveDevices", .list(of: .text), "Those that it has as it runs.", \.liveDevices)
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    let all = try fields.texts("mediatedDevices") ?? []
    self.init(
      name: try fields.requiredText("name"),
      mediatedDevices: try fields.texts("definedDevices") ?? all,
      live: try fields.texts("liveDevices"))
  }
}

extension UnreadableDefinitions {
  fileprivate static let layout = JSONLayout<UnreadableDefinitions>(
    "UnreadableDefinitions", "Definitions of guests that cannot be read."
  ) {
    $0.add("subject", .word, "What they define.", \.subject)
    $0.add("file", .text, "The file or directory; empty where no file is known.", \.place)
    $0.add("reason", .text, "Why they cannot be read.", \.reason)
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    guard let subject = try fields.text("subject").flatMap({ Subject(rawValue: $0) }) else {
      throw fields.error(at: "subject", expecting: "\"mediatedDevices\" or \"virtualMachines\"")
    }
    self.init(
      subject, place: try fields.text("file") ?? "", reason: try fields.requiredText("reason"))
  }
}

extension SecureKeyUser {
  fileprivate static let layout = JSONLayout<SecureKeyUser>(
    "SecureKeyUser", "Something that uses a key that only crypto adapters can use."
  ) {
    $0.add(
      "kind", .word,
      "What it is: a cipher in use, an encrypted volume, a key of zkey's repository, a token of openCryptoki, or a file that cannot be read.",
      \.kind)
    $0.add("name", .text, "The name of the volume or key, or the path of the file.", \.name)
    $0.add("key", .word, "The kind of the key.", \.key.kind)
    $0.add(
      "mkvps", .list(of: .text), "The master keys that it needs, by their verification patterns."
    ) {
      $0.key.masterKeys.isEmpty ? nil : $0.key.masterKeys
    }
    $0.add("queues", .queues, "The queues that it names.") {
      $0.apqns.isEmpty ? nil : $0.apqns.sorted()
    }
    $0.add("problem", .text, "Why nothing more is known of it.", \.problem)
  }

  /// What uses the key, in one word.
  private enum Kind: String, CaseIterable {
    case cipher, volume, unreadable, key, token
  }

  private var kind: Kind {
    switch origin {
    case .cipherInUse: .cipher
    case .encryptedVolume: .volume
    case .unreadable: .unreadable
    case .repositoryKey: .key
    case .token: .token
    }
  }

  private var name: String? {
    switch origin {
    case .cipherInUse: nil
    case .encryptedVolume(let name), .unreadable(let name), .repositoryKey(let name),
      .token(let name):
      name
    }
  }

  fileprivate init(_ fields: Fields) throws(ValueError) {
    let origin: Origin
    switch try fields.text("kind").flatMap({ Kind(rawValue: $0) }) {
    case .cipher: origin = .cipherInUse
    case .volume: origin = .encryptedVolume(try fields.requiredText("name"))
    case .unreadable: origin = .unreadable(try fields.requiredText("name"))
    case .key: origin = .repositoryKey(try fields.requiredText("name"))
    case .token: origin = .token(try fields.requiredText("name"))
    case nil:
      throw fields.error(
        at: "kind", expecting: "\"cipher\", \"volume\", \"key\", \"token\" or \"unreadable\"")
    }
    let word = try fields.text("key")
    let kind = word.flatMap(SecureKey.Kind.init(rawValue:))
    guard word == nil || kind != nil else {
      throw fields.error(
        at: "key",
        expecting: "\"cca-aesdata\", \"cca-aescipher\", \"ep11-aes\", \"cca\" or \"ep11\"")
    }
    self.init(
      origin, key: SecureKey(kind: kind, masterKeys: try fields.texts("mkvps") ?? []),
      apqns: try fields.apqns("queues"), problem: try fields.text("problem"))
  }
}

extension Ownership {
  static let layout = JSONLayout<Ownership>(
    "Ownership", "The record of what apreserve has reserved."
  ) {
    $0.add("mechanism", .word, "The mechanism that has reserved it.", \.mechanism)
    $0.add("adapters", .mask, "The adapters whose bits in apmask it has cleared.") {
      $0.adapters.isEmpty ? nil : $0.adapters
    }
    $0.add("domains", .mask, "The domains whose bits in aqmask it has cleared.") {
      $0.domains.isEmpty ? nil : $0.domains
    }
    $0.add("queues", .queues, "The queues that it has reserved one by one.") { $0.queues.sorted() }
    $0.add("offline", .queues, "The queues that it has switched off.") { $0.offline.sorted() }
    $0.add("seen", .list(of: .object(seenLayout)), "The queues that were present since boot.") {
      ownership in
      ownership.seen.adapters.map {
        (
          OwnDomains(adapter: $0, domains: ownership.seen[$0]),
          !ownership.olderAdapters.contains($0)
        )
      }
    }
    $0.add(
      "requested", .list(of: .object(OwnDomains.layout)),
      "The queues that were requested since boot."
    ) {
      OwnDomains.all(of: $0.requested)
    }
    $0.add(
      "reserved", .list(of: .object(OwnDomains.layout)), "The queues that were reserved since boot."
    ) {
      OwnDomains.all(of: $0.reserved)
    }
    $0.add("changeover", .word, "The mechanism that a person has changed over to.", \.changeover)
    $0.add(
      "passing", .list(of: .object(OwnDomains.layout)),
      "The queues that are on their way from masks to overrides."
    ) {
      $0.passing.isEmpty ? nil : OwnDomains.all(of: $0.passing)
    }
  }

  /// The queues of a card in a set.
  private struct OwnDomains {
    var adapter: UInt8
    var domains: APMask

    static func all(of queues: APQNSet) -> [OwnDomains] {
      queues.adapters.map { OwnDomains(adapter: $0, domains: queues[$0]) }
    }

    static let layout = JSONLayout<OwnDomains>("CardDomains", "Queues of a card.") {
      $0.add("card", .card, "The card.", \.adapter)
      $0.add("domains", .mask, "The domains of the queues.", \.domains)
    }
  }

  private static let seenLayout = JSONLayout<(queues: OwnDomains, isReservable: Bool)>(
    "SeenCard", "Queues of a card that were present."
  ) {
    $0.include(OwnDomains.layout) { $0.queues }
    $0.add("reservable", .flag, "Whether vfio_ap can have them.") { $0.isReservable }
  }

  init(_ value: JSONValue) throws(ValueError) {
    let fields = try Fields(value, at: "ownership", keys: Self.layout.keys)
    self.init(
      queues: try fields.apqns("queues"), adapters: try fields.mask("adapters") ?? [],
      domains: try fields.mask("domains") ?? [], offline: try fields.apqns("offline"),
      mechanism: try Self.mechanism("mechanism", of: fields),
      changeover: try Self.mechanism("changeover", of: fields))
    for fields in try fields.objects("seen", keys: Self.seenLayout.keys) {
      apply(
        .seen(
          adapter: try Self.adapter(fields), domains: try fields.mask("domains") ?? [],
          isReservable: try fields.flag("reservable") ?? true))
    }
    for fields in try fields.objects("requested", keys: OwnDomains.layout.keys) {
      apply(
        .requested(
          adapter: try Self.adapter(fields), domains: try fields.mask("domains") ?? []))
    }
    for fields in try fields.objects("reserved", keys: OwnDomains.layout.keys) {
      apply(
        .reserved(
          adapter: try Self.adapter(fields), domains: try fields.mask("domains") ?? []))
    }
    for fields in try fields.objects("passing", keys: OwnDomains.layout.keys) {
      apply(
        .passing(
          adapter: try Self.adapter(fields), domains: try fields.mask("domains") ?? []))
    }
  }

  private static func mechanism(_ key: String, of fields: Fields) throws(ValueError) -> Mechanism? {
    let word = try fields.text(key)
    let mechanism = word.flatMap(Mechanism.init(rawValue:))
    guard word == nil || mechanism != nil else {
      throw fields.error(
        at: key, expecting: "a mechanism: \"bind\", \"mask\" or \"override\"")
    }
    return mechanism
  }

  private static func adapter(_ fields: Fields) throws(ValueError) -> UInt8 {
    guard let adapter = BusObject.adapter(ofCardName: try fields.requiredText("card")) else {
      throw fields.error(at: "card", expecting: "a card's name, \"card00\" to \"cardff\"")
    }
    return adapter
  }
}
