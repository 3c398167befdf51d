package import APBus
import JSONText

/// A mediated device as mdevctl defines it: what it will have once it is started.
package struct MediatedDeviceDefinition: Equatable, Sendable {
  /// What it will be.
  package var device: MediatedDevice
  /// Whether it starts automatically when `vfio_ap` is loaded.
  package var startsAutomatically: Bool
  /// What keeps the device from being started as it is meant to be.
  package var problems: [Problem] = []

  /// What is wrong with a definition.
  package struct Problem: Equatable, Sendable {
    /// The line, from 1; nil for the file as a whole.
    package var line: Int?
    /// The object of "the definition has".
    package var text: String

    package init(_ text: String, line: Int? = nil) {
      self.text = text
      self.line = line
    }
  }

  package init(
    device: MediatedDevice, startsAutomatically: Bool, problems: [Problem] = []
  ) {
    self.device = device
    self.startsAutomatically = startsAutomatically
    self.problems = problems
  }

  /// The directory of the definitions for the matrix device.
  package static let directory = "/etc/mdevctl.d/matrix"

  /// The file that has it.
  package var path: String { "\(Self.directory)/\(device.uuid)" }

  /// The place of a problem, `FILE:LINE` or the file.
  package func place(of problem: Problem) -> String {
    problem.line.map { "\(path):\($0)" } ?? path
  }

  /// A definition that cannot be read, for that reason.
  package init(uuid: String, unreadable reason: String) {
    self.init(
      device: MediatedDevice(uuid: uuid.lowercased()), startsAutomatically: false,
      problems: [Problem("a file that cannot be read: \(reason)")])
  }

  /// The file of mdevctl's directory whose name is a UUID; nil where it is not.
  ///
  /// `attrs` is a list of objects with one member each, applied in order (mdevctl(8)).
  package init?(fileName: String, bytes: [UInt8]) {
    guard BusObject.isUUID(fileName) else { return nil }
    let json: JSONValue
    do throws(JSONSyntaxError) {
      json = try JSONParser.parse(bytes)
    } catch {
      self.init(
        device: MediatedDevice(uuid: fileName.lowercased()), startsAutomatically: false,
        problems: [Problem("a file that is not JSON: \(error.problem)", line: error.line)])
      return
    }
    self.init(device: MediatedDevice(uuid: fileName.lowercased()), startsAutomatically: false)
    guard case .object(let members) = json else {
      problems = [Problem("\(json.kind) where an object should be", line: 1)]
      return
    }
    var lines = MemberLines(bytes)
    for member in members {
      switch (member.key, member.value) {
      case ("start", .string(let start)): startsAutomatically = start == "auto"
      case ("attrs", .array(let attributes)): apply(attributes, at: &lines)
      case ("attrs", let value):
        problems.append(
          Problem("\(value.kind) where its attributes should be", line: lines.next("attrs")))
      default: break
      }
    }
  }

  private mutating func apply(_ attributes: [JSONValue], at lines: inout MemberLines) {
    for attribute in attributes {
      guard case .object(let pairs) = attribute else {
        problems.append(Problem("an attribute that is not an object"))
        continue
      }
      for pair in pairs {
        let line = lines.next(pair.key)
        guard case .string(let value) = pair.value, device.apply(pair.key, value: value) else {
          let shown = String(pair.value.text().prefix(40)).printable
          problems.append(
            Problem("an invalid attribute, \(pair.key.printable)=\(shown)", line: line))
          continue
        }
      }
    }
  }
}

/// Finds the lines of an object's members, which a JSON value does not know: each key is looked up once for each
/// time that it is written.
private struct MemberLines {
  private let lines: [String]
  private var next: [String: Int] = [:]

  init(_ bytes: [UInt8]) {
    lines = String(decoding: bytes, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The line, from 1, of the next member with the key; nil if it is written with escapes.
  mutating func next(_ key: String) -> Int? {
    let quoted = "\"\(key)\""
    var seen = next[key, default: 0]
    next[key] = seen + 1
    for (index, line) in lines.enumerated() {
      let count = line.split(separator: quoted, omittingEmptySubsequences: false).count - 1
      if seen < count { return index + 1 }
      seen -= count
    }
    return nil
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

  /// Numbers of 0 to 255 in C notation; and whether the text is one such number. With commas between several, which
  /// ap-check allows, the kernel refuses the write (`assign_adapter_store`, 6.1).
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
    return (ids, areValid && !ids.isEmpty && !text.contains(","))
  }
}
