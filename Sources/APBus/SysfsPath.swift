/// A place below `/sys`: an object of the AP bus, and the name of a file, link or directory in it.
///
/// A path can only be built from these parts, so that nothing outside the AP bus can be named.
public struct SysfsPath: Hashable, Sendable {
  /// The directory.
  public let object: BusObject
  /// The name in it; empty for the directory itself.
  public let name: String

  /// The file, link or directory `name` of `object`; without a name, the object's directory.
  public init(_ object: BusObject, _ name: String = "") {
    self.object = object
    self.name = name
  }

  /// An attribute of the bus, such as `apmask`.
  public static func bus(_ name: String) -> SysfsPath { SysfsPath(.bus, name) }

  /// An attribute of a card, such as `hwtype`.
  public static func card(_ adapter: UInt8, _ name: String) -> SysfsPath {
    SysfsPath(.card(adapter), name)
  }

  /// An attribute of a queue, such as `driver_override`.
  public static func queue(_ apqn: APQN, _ name: String) -> SysfsPath {
    SysfsPath(.queue(apqn), name)
  }

  /// A driver's file, such as `unbind`.
  public static func driver(_ driver: String, _ name: String) -> SysfsPath {
    SysfsPath(.driver(driver), name)
  }

  /// Reads a path below `/sys`, given from `/sys` on or relative to it; devices may be named through
  /// the bus's links, `bus/ap/devices/05.0004/...`.
  ///
  /// Nil for a place that does not concern AP queues.
  public init?(text: some StringProtocol) {
    var text = String(text)
    if text.hasPrefix("/sys/") { text.removeFirst(5) }
    while text.hasSuffix("/") { text.removeLast() }
    let links = "bus/ap/devices/"
    if text.hasPrefix(links) {
      let rest = text.dropFirst(links.count)
      let device = rest.prefix { $0 != "/" }
      let below = rest.dropFirst(device.count)
      if BusObject.adapter(ofCardName: device) != nil {
        text = "devices/ap/\(device)\(below)"
      } else if let apqn = APQN(device) {
        text = "devices/ap/\(apqn.cardName)/\(device)\(below)"
      } else {
        return nil
      }
    }
    if let object = BusObject(path: text) {
      self.init(object)
    } else if let slash = text.lastIndex(of: "/"), let object = BusObject(path: text[..<slash]) {
      let name = String(text[text.index(after: slash)...])
      // These would name another directory than the path says.
      guard name != ".", name != ".." else { return nil }
      self.init(object, name)
    } else {
      return nil
    }
  }
}

extension SysfsPath: CustomStringConvertible {
  /// The full path, `/sys/bus/ap/apmask`.
  public var description: String {
    "/sys" + object.path + (name.isEmpty ? "" : "/" + name)
  }
}
