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

  /// What stands between the last tag and the next.
  func textBehindTag() -> String {
    decoded(rest.prefix { $0 != "<" })
  }

  private mutating func skipComment() {
    while !rest.isEmpty, !rest.hasPrefix("-->") { rest = rest.dropFirst() }
  }
}

/// A text with XML's five own entities taken for what they stand for.
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
