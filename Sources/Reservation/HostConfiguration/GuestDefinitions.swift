package import APBus
package import JSONText

/// A mediated device as mdevctl defines it: what it will have once it is started.
package struct MediatedDeviceDefinition: Equatable, Sendable {
  /// What it will be.
  package var device: MediatedDevice
  /// Whether it starts automatically when `vfio_ap` is loaded.
  package var startsAutomatically: Bool

  /// A definition.
  package init(device: MediatedDevice, startsAutomatically: Bool) {
    self.device = device
    self.startsAutomatically = startsAutomatically
  }

  /// The file of mdevctl's directory whose name is a UUID; nil where it is not a definition.
  ///
  /// `attrs` is a list of objects with one member each, applied in order (mdevctl(8)).
  package init?(fileName: String, json: JSONValue) {
    guard BusObject.isUUID(fileName), case .object(let members) = json else { return nil }
    self.init(device: MediatedDevice(uuid: fileName), startsAutomatically: false)
    for member in members {
      switch (member.key, member.value) {
      case ("start", .string(let start)): startsAutomatically = start == "auto"
      case ("attrs", .array(let attributes)):
        for case .object(let pairs) in attributes {
          for case let pair in pairs {
            if case .string(let value) = pair.value { device.apply(pair.key, value: value) }
          }
        }
      default: break
      }
    }
  }
}

extension MediatedDevice {
  /// What a write to one of its attributes changes; a text that the kernel would refuse changes
  /// nothing.
  fileprivate mutating func apply(_ attribute: String, value text: String) {
    let ids = Self.ids(text)
    switch attribute {
    case "ap_config":
      let masks = text.split(separator: ",", omittingEmptySubsequences: false)
        .map { APMask().writing($0.utf8) }
      guard masks.count == 3, let adapters = masks[0], let domains = masks[1],
        let control = masks[2]
      else { return }
      (self.adapters, self.domains, controlDomains) = (adapters, domains, control)
    case "assign_adapter": adapters.formUnion(ids)
    case "unassign_adapter": adapters.subtract(ids)
    case "assign_domain": domains.formUnion(ids)
    case "unassign_domain": domains.subtract(ids)
    case "assign_control_domain": controlDomains.formUnion(ids)
    case "unassign_control_domain": controlDomains.subtract(ids)
    default: break
    }
  }

  /// Numbers of 0 to 255 in C notation, with commas between them as ap-check allows.
  private static func ids(_ text: String) -> APMask {
    var ids = APMask()
    for number in text.split(whereSeparator: { $0 == "," || $0 == "\n" }) {
      guard number.utf8.first.map((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) == true,
        !number.contains("-"), let one = APMask().writing("+\(number)".utf8)
      else { continue }
      ids.formUnion(one)
    }
    return ids
  }
}

/// A virtual machine that libvirt defines, with the mediated devices that it is given.
package struct VirtualMachine: Equatable, Sendable {
  /// Its name.
  package var name: String
  /// The UUIDs of its mediated devices.
  package var mediatedDevices: [String]

  /// A virtual machine.
  package init(name: String, mediatedDevices: [String]) {
    self.name = name
    self.mediatedDevices = mediatedDevices
  }

  /// What libvirt's definition of a domain says; nil where it has no mediated device.
  ///
  /// Only three things are read: the first `<name>`, and in each `<hostdev>` of type `mdev` the
  /// UUID of its source's address. libvirt writes these files itself, one element a line.
  package init?(domainXML text: String) {
    var scanner = ElementScanner(text)
    var name: String?
    var uuids: [String] = []
    var isInMediatedDevice = false
    while let tag = scanner.nextTag() {
      switch tag.name {
      case "name" where name == nil: name = scanner.textBehindTag()
      case "hostdev": isInMediatedDevice = tag.attribute("type") == "mdev"
      case "/hostdev": isInMediatedDevice = false
      case "address" where isInMediatedDevice:
        if let uuid = tag.attribute("uuid") { uuids.append(uuid.lowercased()) }
      default: break
      }
    }
    guard let name, !uuids.isEmpty else { return nil }
    self.init(name: name, mediatedDevices: uuids)
  }
}

/// Finds the tags of an XML text one after another, without caring for what they mean.
private struct ElementScanner {
  private var rest: Substring

  init(_ text: String) {
    rest = text[...]
  }

  struct Tag {
    let name: Substring
    let attributes: Substring

    /// The value of an attribute, in quotes of either kind.
    func attribute(_ name: String) -> String? {
      var rest = attributes
      while let equals = rest.firstIndex(of: "=") {
        let key = rest[..<equals].split(whereSeparator: \.isWhitespace).last
        rest = rest[equals...].dropFirst().drop(while: \.isWhitespace)
        guard let quote = rest.first, quote == "\"" || quote == "'" else { return nil }
        let value = rest.dropFirst().prefix { $0 != quote }
        if key.map({ $0 == name }) == true { return decoded(value) }
        rest = rest[value.endIndex...].dropFirst()
      }
      return nil
    }
  }

  mutating func nextTag() -> Tag? {
    while let start = rest.firstIndex(of: "<") {
      rest = rest[start...].dropFirst()
      if rest.hasPrefix("!--") {
        skipComment()
        continue
      }
      let tag = rest.prefix { $0 != ">" }
      rest = rest[tag.endIndex...].dropFirst()
      let name = tag.prefix { !$0.isWhitespace }
      return Tag(name: name, attributes: tag[name.endIndex...])
    }
    return nil
  }

  /// The text between the last tag and the next.
  func textBehindTag() -> String {
    decoded(rest.prefix { $0 != "<" })
  }

  private mutating func skipComment() {
    while !rest.isEmpty, !rest.hasPrefix("-->") { rest = rest.dropFirst() }
  }
}

/// A text with the five predefined entities of XML replaced.
private func decoded(_ text: Substring) -> String {
  var result = ""
  var rest = text
  while let ampersand = rest.firstIndex(of: "&") {
    result += rest[..<ampersand]
    rest = rest[ampersand...]
    let entities = [
      ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&"),
    ]
    if let entity = entities.first(where: { rest.hasPrefix($0.0) }) {
      result += entity.1
      rest = rest.dropFirst(entity.0.count)
    } else {
      result += "&"
      rest = rest.dropFirst()
    }
  }
  return result + rest
}
