import APBus
import JSONText
package import Reservation

/// What programs print of the LPARs that an HMC manages, as JSON, in the property names of the HMC's Web Services API.
///
/// Read are
/// - the HMC definition of zhmcclient (`Client.to_hmc_dict`), or the dump of a client or a CPC of it,
/// - the DPM configuration of one CPC: `zhmc cpc dpm-export --dpm-format json`,
/// - an image activation profile: `zhmc -o json imageprofile show`,
/// - the results of the modules `zhmc_crypto_attachment` and `zhmc_partition` (with `expand_crypto_adapters`) of the
///   Ansible collection `ibm.ibm_zhmc`.
///
/// All of them have much that is not about crypto, which is ignored, unlike unknown keys in a machine description.
package enum LPARFile {
  /// Reads a file; `file` is its name in messages. At least one LPAR is in it.
  package static func decode(
    _ bytes: [UInt8], file: String
  ) throws(SnapshotError) -> [LPARConfiguration] {
    guard bytes.count <= Snapshot.sizeLimit else {
      throw SnapshotError(
        file: file, place: .file,
        message: "the file is larger than 64 MiB, the most that is read of an HMC's data")
    }
    guard let first = bytes.first(where: { !" \t\r\n".utf8.contains($0) }) else {
      throw SnapshotError(file: file, place: .file, message: "the file is empty")
    }
    guard "{[".utf8.contains(first) else {
      throw SnapshotError(file: file, place: .file, message: "this is not JSON; \(conversion)")
    }
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONParser.parse(bytes)
    } catch {
      throw SnapshotError(
        file: file, place: .position(line: error.line, column: error.column),
        message: error.problem)
    }
    do throws(ValueError) {
      var reader = LPARReader(file: file)
      try reader.read(Element(value, at: ""))
      return reader.configurations
    } catch {
      throw SnapshotError(
        file: file, place: error.path.isEmpty ? .file : .value(error.path), message: error.message)
    }
  }

  /// How YAML, in which zhmc and zhmcclient write by default, becomes JSON.
  private static let conversion =
    "write it with \"zhmc cpc dpm-export --dpm-format json\", or convert YAML with: python3 -c 'import "
    + "sys, json, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)'"
}

/// Reads the LPARs of one file.
private struct LPARReader {
  let file: String
  private(set) var configurations: [LPARConfiguration] = []

  init(file: String) {
    self.file = file
  }

  // MARK: - Documents

  mutating func read(_ document: Element) throws(ValueError) {
    if let definition = document["hmc_definition"] {
      try readSystems(definition)
    } else if document["cpcs"] != nil {
      try readSystems(document)
    } else if document["properties"] != nil {
      try readSystem(document)
    } else if document["partitions"] != nil {
      try readExport(document)
    } else if document["crypto_configuration"] != nil {
      try readAttachments(document.member("crypto_configuration"))
    } else if let partition = document["partition"] {
      try readPartition(partition, adapters: nil)
    } else if document["crypto-configuration"] != nil {
      try readPartition(document, adapters: nil)
    } else if document["assigned-cryptos"] != nil {
      try readProfile(document, cpc: document.optionalText("parent-name"))
    } else {
      throw document.error(
        "this has no crypto configuration of an LPAR; see --lpar in apreserve(1) for what has one")
    }
    if configurations.isEmpty {
      throw document.error(
        "there is no crypto configuration of an LPAR: partitions need all their properties, and image "
          + "activation profiles have one from z16 on")
    }
  }

  /// An HMC with its systems.
  private mutating func readSystems(_ definition: Element) throws(ValueError) {
    for system in try definition.list("cpcs") { try readSystem(system) }
  }

  /// A system with its properties and all below it, as zhmcclient dumps it.
  private mutating func readSystem(_ system: Element) throws(ValueError) {
    let cpc = try system.member("properties").text("name")
    var adapters: [Element] = []
    for adapter in try system.list("adapters") { adapters.append(try adapter.member("properties")) }
    let known = try systemAdapters(adapters)
    for partition in try system.list("partitions") {
      try readPartition(partition.member("properties"), adapters: known, cpc: cpc)
    }
    for profile in try system.list("image_activation_profiles") {
      try readProfile(profile.member("properties"), cpc: cpc)
    }
  }

  /// The configuration of a system in DPM mode, as it is exported and imported.
  private mutating func readExport(_ export: Element) throws(ValueError) {
    let cpc = try export.optionalText("zhmccli-meta-exported-from-cpc-name")
    let known = try systemAdapters(export.list("adapters"))
    for partition in try export.list("partitions") {
      let own = try partition.optionalText("cpc-name")
      try readPartition(partition, adapters: known, cpc: cpc ?? own)
    }
  }

  /// Partitions by name, each with its adapters by name.
  private mutating func readAttachments(_ attachments: Element) throws(ValueError) {
    for (name, attachment) in try attachments.members() {
      guard name.unicodeScalars.count <= Element.longestName else {
        throw attachments.error("a name is longer than \(Element.longestName) characters")
      }
      var adapters: [LPARConfiguration.Adapter] = []
      for (_, adapter) in try attachment.member("adapters").members() {
        adapters.append(try self.adapter(adapter))
      }
      try add(
        LPARConfiguration(
          file: file, kind: .partition, name: name, adapters: adapters,
          usageDomains: attachment.domains("usage_domains"),
          controlDomains: attachment.domains("control_domains")), at: attachment)
    }
  }

  // MARK: - LPARs

  /// A partition of a system in DPM mode. Without `adapters` it must have its own.
  private mutating func readPartition(
    _ partition: Element, adapters known: [(uri: String, adapter: Element)]?, cpc: String? = nil
  ) throws(ValueError) {
    // A list of partitions with few properties says nothing of their cryptos.
    guard let crypto = partition["crypto-configuration"] else { return }
    let parent = try partition.optionalText("parent-name")
    var configuration = LPARConfiguration(
      file: file, kind: .partition, cpc: cpc ?? parent,
      name: try partition.text("name"), shortName: try partition.optionalText("short-name"))
    if !crypto.isNull {
      let own = try crypto["crypto-adapters"].map { _ throws(ValueError) in
        try systemAdapters(crypto.list("crypto-adapters"))
      }
      let uris = try crypto.list("crypto-adapter-uris")
      for uri in uris {
        let text = try uri.text()
        guard let known = own ?? known else {
          throw uri.error(
            "this names an adapter by its URI, and the file has no adapters: write it with \"zhmc cpc "
              + "dpm-export --dpm-format json\"")
        }
        guard let adapter = known.first(where: { $0.uri == text }) else {
          throw uri.error("no crypto adapter in the file has the URI \(shown(uri.value))")
        }
        configuration.adapters.append(try self.adapter(adapter.adapter))
      }
      let domains = try domains(of: crypto.list("crypto-domain-configurations"))
      (configuration.usageDomains, configuration.controlDomains) = domains
    }
    if let known {
      let assigned = configuration.adapterNumbers
      var others: [LPARConfiguration.Adapter] = []
      // An adapter that no partition has may have no number.
      for (_, adapter) in known where adapter["crypto-number"]?.isNull == false {
        let other = try self.adapter(adapter)
        if !assigned.contains(other.number) { others.append(other) }
      }
      configuration.otherAdapters = others
    }
    try add(configuration, at: partition)
  }

  /// An image activation profile of a system in classic mode: from z16 on it has the cryptos of its LPAR, which is called
  /// as it is. Sources: zhmccli's list of its properties (`_cmd_imageprofile.py`), and IBM's sample for z/OS that reads
  /// them (RXCRYPT1), for the members of their elements.
  private mutating func readProfile(_ profile: Element, cpc: String?) throws(ValueError) {
    guard profile["assigned-cryptos"] != nil else { return }
    var adapters: [LPARConfiguration.Adapter] = []
    for crypto in try profile.list("assigned-cryptos") {
      adapters.append(LPARConfiguration.Adapter(number: try crypto.number("number")))
    }
    let domains = try domains(of: profile.list("assigned-crypto-domains"))
    try add(
      LPARConfiguration(
        file: file, kind: .imageProfile, cpc: cpc, name: profile.text("name"), adapters: adapters,
        usageDomains: domains.usage, controlDomains: domains.control), at: profile)
  }

  private mutating func add(
    _ configuration: LPARConfiguration, at element: Element
  ) throws(ValueError) {
    var configuration = configuration
    configuration.adapters.sort { $0.number < $1.number }
    for (adapter, next) in zip(configuration.adapters, configuration.adapters.dropFirst())
    where adapter.number == next.number {
      throw element.error("two adapters have the number \(adapter.number)")
    }
    configurations.append(configuration)
  }

  // MARK: - Adapters and domains

  /// The crypto adapters among those of a system, which are of all kinds.
  private func systemAdapters(
    _ adapters: [Element]
  ) throws(ValueError) -> [(uri: String, adapter: Element)] {
    var cryptos: [(uri: String, adapter: Element)] = []
    for adapter in adapters where adapter["adapter-family"]?.value == "crypto" {
      cryptos.append((try adapter.text("object-uri"), adapter))
    }
    return cryptos
  }

  private func adapter(_ adapter: Element) throws(ValueError) -> LPARConfiguration.Adapter {
    var result = LPARConfiguration.Adapter(
      number: try adapter.number("crypto-number"), name: try adapter.optionalText("name"),
      channel: try adapter.optionalText("adapter-id"), status: try adapter.optionalText("status"))
    if let type = try adapter.optionalText("detected-card-type") {
      // Such as crypto-express-8s; of a newer one nothing is known.
      result.hardwareType = (4...8).first { type == "crypto-express-\($0)s" }.map {
        HardwareType(rawValue: $0 + 6)
      }
    }
    if let type = try adapter.optionalText("crypto-type") {
      switch type {
      case "accelerator": result.mode = .accelerator
      case "cca-coprocessor": result.mode = .cca
      case "ep11-coprocessor": result.mode = .ep11
      default: break
      }
    }
    return result
  }

  private func domains(
    of elements: [Element]
  ) throws(ValueError) -> (usage: APMask, control: APMask) {
    var usage = APMask()
    var control = APMask()
    for element in elements {
      let domain = try element.number("domain-index")
      guard !usage.contains(domain), !control.contains(domain) else {
        throw element.error("domain \(domain) is there twice")
      }
      switch try element.text("access-mode") {
      case "control-usage": usage.insert(domain)
      case "control": control.insert(domain)
      default:
        throw try element.member("access-mode").error(
          expecting: "\"control-usage\" or \"control\"")
      }
    }
    return (usage, control)
  }
}

/// A value in a document of which only some members are known, with its place for messages.
private struct Element {
  let value: JSONValue
  let path: String

  init(_ value: JSONValue, at path: String) {
    self.value = value
    self.path = path
  }

  var isNull: Bool { value == .null }

  /// A member, which may be null; nil if there is none.
  subscript(key: String) -> Element? {
    guard case .object(let members) = value,
      let member = members.last(where: { $0.key == key })
    else { return nil }
    return Element(member.value, at: path(key))
  }

  /// The place of a member, of which the name may be that of a partition, or anything.
  private func path(_ key: String) -> String {
    let name = key.unicodeScalars.count > Self.longestName ? "..." : key.printable
    return path.isEmpty ? name : path + "." + name
  }

  /// Names on the HMC have 64 characters at most, and URIs a few more.
  static let longestName = 128

  func error(_ message: String, at key: String? = nil) -> ValueError {
    ValueError(message, at: key.map(path) ?? path)
  }

  func error(expecting expected: String) -> ValueError {
    error("\(shown(value)) is not \(expected)")
  }

  func member(_ key: String) throws(ValueError) -> Element {
    guard let member = self[key] else { throw error("this is missing", at: key) }
    return member
  }

  func members() throws(ValueError) -> [(key: String, value: Element)] {
    guard case .object(let members) = value else { throw error(expecting: "an object, { ... }") }
    return members.map { ($0.key, Element($0.value, at: path($0.key))) }
  }

  /// The elements of a member; none if it is missing or null.
  func list(_ key: String) throws(ValueError) -> [Element] {
    guard let member = self[key], !member.isNull else { return [] }
    guard case .array(let elements) = member.value else {
      throw member.error(expecting: "an array, [ ... ]")
    }
    return elements.enumerated().map { Element($1, at: "\(member.path)[\($0)]") }
  }

  func text() throws(ValueError) -> String {
    guard let text = value.text else { throw error(expecting: "a string in quotes") }
    guard text.unicodeScalars.count <= Self.longestName else {
      throw error("this is longer than \(Self.longestName) characters")
    }
    return text
  }

  func text(_ key: String) throws(ValueError) -> String { try member(key).text() }

  func optionalText(_ key: String) throws(ValueError) -> String? {
    guard let member = self[key], !member.isNull else { return nil }
    return try member.text()
  }

  /// The number of an adapter or a domain.
  func number() throws(ValueError) -> UInt8 {
    guard let number = value.integer.flatMap(UInt8.init(exactly:)) else {
      throw error(expecting: "a number of 0 to 255")
    }
    return number
  }

  func number(_ key: String) throws(ValueError) -> UInt8 { try member(key).number() }

  /// An array of numbers of domains.
  func domains(_ key: String) throws(ValueError) -> APMask {
    var domains = APMask()
    for element in try list(key) { domains.insert(try element.number()) }
    return domains
  }
}
