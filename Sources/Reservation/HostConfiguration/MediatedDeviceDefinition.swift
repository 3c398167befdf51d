package import APBus
package import JSONText

/// A mediated device as mdevctl defines it: what it will have once it is started.
package struct MediatedDeviceDefinition: Equatable, Sendable {
  /// What it will be.
  package var device: MediatedDevice
  /// Whether it is started by itself when `vfio_ap` comes.
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
            if case .string(let value) = pair.value { device.apply(pair.key, value) }
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
  fileprivate mutating func apply(_ attribute: String, _ text: String) {
    if attribute == "ap_config" {
      let masks = text.split(separator: ",", omittingEmptySubsequences: false)
        .map { APMask().writing($0.utf8) }
      guard masks.count == 3, let adapters = masks[0], let domains = masks[1],
        let control = masks[2]
      else { return }
      (self.adapters, self.domains, controlDomains) = (adapters, domains, control)
      return
    }
    let ids = Self.ids(text)
    switch attribute {
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
