package import APBus
package import JSONText

/// A mediated device as mdevctl defines it: what it will have once it is started.
package struct MediatedDeviceDefinition: Equatable, Sendable {
  /// What it will be.
  package var device: MediatedDevice
  /// Whether it starts automatically when `vfio_ap` is loaded.
  package var startsAutomatically: Bool
  /// What the definition has that keeps the device from being started as it is meant to be.
  package var problems: [String] = []

  package init(device: MediatedDevice, startsAutomatically: Bool, problems: [String] = []) {
    self.device = device
    self.startsAutomatically = startsAutomatically
    self.problems = problems
  }

  /// The file of mdevctl's directory whose name is a UUID; nil where it is not.
  ///
  /// `attrs` is a list of objects with one member each, applied in order (mdevctl(8)). `json` is nil where the
  /// file cannot be read, or is no JSON.
  package init?(fileName: String, json: JSONValue?) {
    guard BusObject.isUUID(fileName) else { return nil }
    self.init(device: MediatedDevice(uuid: fileName.lowercased()), startsAutomatically: false)
    guard case .object(let members)? = json else {
      problems = ["a file that cannot be read as JSON"]
      return
    }
    for member in members {
      switch (member.key, member.value) {
      case ("start", .string(let start)): startsAutomatically = start == "auto"
      case ("attrs", .array(let attributes)):
        for attribute in attributes {
          guard case .object(let pairs) = attribute else {
            problems.append("an attribute that is not an object")
            continue
          }
          for pair in pairs {
            guard case .string(let value) = pair.value, device.apply(pair.key, value: value) else {
              problems.append(
                "an invalid attribute, \(pair.key.printable)=\(String(pair.value.text().prefix(40)).printable)"
              )
              continue
            }
          }
        }
      default: break
      }
    }
  }
}

extension MediatedDevice {
  /// What a write to one of its attributes changes. False for a text that the kernel would refuse, and for an
  /// attribute that it does not have.
  fileprivate mutating func apply(_ attribute: String, value text: String) -> Bool {
    guard attribute != "ap_config" else { return applyConfiguration(text) }
    let ids = Self.ids(text)
    switch attribute {
    case "assign_adapter": adapters.formUnion(ids.known)
    case "unassign_adapter": adapters.subtract(ids.known)
    case "assign_domain": domains.formUnion(ids.known)
    case "unassign_domain": domains.subtract(ids.known)
    case "assign_control_domain": controlDomains.formUnion(ids.known)
    case "unassign_control_domain": controlDomains.subtract(ids.known)
    default: return false
    }
    return ids.areValid
  }

  private mutating func applyConfiguration(_ text: String) -> Bool {
    let masks = text.split(separator: ",", omittingEmptySubsequences: false)
      .map { APMask().writing($0.utf8) }
    guard masks.count == 3, let adapters = masks[0], let domains = masks[1],
      let control = masks[2]
    else { return false }
    (self.adapters, self.domains, controlDomains) = (adapters, domains, control)
    return true
  }

  /// Numbers of 0 to 255 in C notation, with commas between them as ap-check allows; and whether all are such.
  private static func ids(_ text: String) -> (known: APMask, areValid: Bool) {
    var ids = APMask()
    var areValid = true
    for number in text.split(whereSeparator: { $0 == "," || $0 == "\n" }) {
      guard number.utf8.first.map((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) == true,
        !number.contains("-"), let one = APMask().writing("+\(number)".utf8)
      else {
        areValid = false
        continue
      }
      ids.formUnion(one)
    }
    return (ids, areValid && !ids.isEmpty)
  }
}

/// A virtual machine that libvirt defines, with the mediated devices that it is given.
package struct VirtualMachine: Equatable, Sendable {
  package var name: String
  /// The UUIDs of its mediated devices.
  package var mediatedDevices: [String]

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
