/// One thing in sysfs that concerns AP queues, named by its place in the device tree.
///
/// The same places are a uevent's `DEVPATH` (with a leading slash) and directories below `/sys`
/// (SimulatedBus documentation, "Devices and links").
public enum BusObject: Hashable, Sendable {
  /// `/bus/ap`: the masks and the bus's settings.
  case bus
  /// `/bus/ap/drivers/NAME`.
  case driver(String)
  /// `/devices/ap`: the root device; INITSCAN, BINDINGS and mask events are about it.
  case root
  /// `/devices/ap/card05`.
  case card(UInt8)
  /// `/devices/ap/card05/05.0004`.
  case queue(APQN)
  /// `/devices/vfio_ap`: the root device that `vfio_ap` creates.
  case matrixRoot
  /// `/devices/vfio_ap/matrix`: the matrix device, which holds the reserved queues.
  case matrix
  /// `/devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough`.
  case mediatedDeviceType
  /// `/devices/vfio_ap/matrix/UUID`: a mediated device, what a guest is given.
  case mediatedDevice(String)
  /// `/module/NAME`.
  case module(String)

  /// The name of a card's device, `card05`.
  ///
  /// - Parameter adapter: The adapter's number.
  /// - Returns: The name in sysfs.
  public static func cardName(_ adapter: UInt8) -> String {
    "card" + Hex.text(adapter, digits: 2)
  }

  /// Reads a card's device name, `card05`, written exactly as sysfs writes it.
  ///
  /// - Parameter name: A name in sysfs.
  /// - Returns: The adapter's number; nil for any other name.
  public static func adapter(ofCardName name: some StringProtocol) -> UInt8? {
    guard name.utf8.starts(with: "card".utf8) else { return nil }
    return Hex.byte(name.utf8.dropFirst(4), digits: 2)
  }

  /// Reads a path in the device tree, with or without the leading slash; nil for any place that does
  /// not concern AP queues, and for a path that is not in the kernel's own form.
  ///
  /// - Parameter path: Such as `/devices/ap/card05`.
  public init?(path: some StringProtocol) {
    if let device = Self.device(path: path) {
      self = device
      return
    }
    var parts = path.split(separator: "/", omittingEmptySubsequences: false)[...]
    if parts.first?.isEmpty == true { parts.removeFirst() }
    guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else { return nil }
    let names = Array(parts)
    switch names.count {
    case 2 where names == ["bus", "ap"]: self = .bus
    case 2 where names == ["devices", "ap"]: self = .root
    case 2 where names == ["devices", "vfio_ap"]: self = .matrixRoot
    case 2 where names[0] == "module": self = .module(String(names[1]))
    case 3 where names[..<2] == ["devices", "ap"]:
      guard let adapter = Self.adapter(ofCardName: names[2]) else { return nil }
      self = .card(adapter)
    case 3 where names == ["devices", "vfio_ap", "matrix"]: self = .matrix
    case 4 where names[..<3] == ["bus", "ap", "drivers"]: self = .driver(String(names[3]))
    case 4 where names[..<2] == ["devices", "ap"]:
      guard let apqn = APQN(names[3]), names[2] == apqn.cardName else { return nil }
      self = .queue(apqn)
    case 4 where names[..<3] == ["devices", "vfio_ap", "matrix"]:
      guard Self.isUUID(names[3]) else { return nil }
      self = .mediatedDevice(String(names[3]))
    case 5 where names[3] == "mdev_supported_types" && names[4] == "vfio_ap-passthrough":
      guard names[..<3] == ["devices", "vfio_ap", "matrix"] else { return nil }
      self = .mediatedDeviceType
    default: return nil
    }
  }

  /// Reads the path of a card or a queue with its leading slash. Nearly all events are about queues, and
  /// in a burst there are ten thousands of them, so this takes no memory.
  private static func device(path: some StringProtocol) -> BusObject? {
    let prefix: StaticString = "/devices/ap/card"
    let length = prefix.utf8CodeUnitCount
    let found = path.utf8.withContiguousStorageIfAvailable { bytes -> BusObject? in
      // "05", and for a queue "/05.0004" after it.
      guard bytes.count == length + 2 || bytes.count == length + 10,
        prefix.withUTF8Buffer({ $0.elementsEqual(bytes[..<length]) }),
        let adapter = number(bytes[length..<length + 2])
      else { return nil }
      guard bytes.count > length + 2 else { return .card(UInt8(adapter)) }
      let name = bytes[(length + 3)...]
      guard bytes[length + 2] == UInt8(ascii: "/"), number(name.prefix(2)) == adapter,
        name[length + 5] == UInt8(ascii: "."), let domain = number(name.suffix(4)),
        let domain = UInt8(exactly: domain)
      else { return nil }
      return .queue(APQN(adapter: UInt8(adapter), domain: domain))
    }
    return found ?? nil
  }

  private static func number(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt16? {
    var number: UInt16 = 0
    for byte in digits {
      guard let digit = Hex.value(of: byte) else { return nil }
      number = number << 4 | UInt16(digit)
    }
    return number
  }

  /// The path in the device tree with a leading slash, as a uevent's `DEVPATH` has it.
  public var path: String {
    switch self {
    case .bus: "/bus/ap"
    case .driver(let name): "/bus/ap/drivers/" + name
    case .root: "/devices/ap"
    case .card(let adapter): "/devices/ap/" + Self.cardName(adapter)
    case .queue(let apqn): "/devices/ap/" + apqn.cardName + "/" + apqn.description
    case .matrixRoot: "/devices/vfio_ap"
    case .matrix: "/devices/vfio_ap/matrix"
    case .mediatedDeviceType:
      "/devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    case .mediatedDevice(let uuid): "/devices/vfio_ap/matrix/" + uuid
    case .module(let name): "/module/" + name
    }
  }

  /// Whether `name` has the form of a UUID: 36 characters, hyphens at the usual places, hex digits
  /// of either case elsewhere.
  ///
  /// - Parameter name: Any name.
  /// - Returns: Whether it could name a mediated device.
  public static func isUUID(_ name: some StringProtocol) -> Bool {
    guard name.utf8.count == 36 else { return false }
    for (index, byte) in name.utf8.enumerated() {
      if [8, 13, 18, 23].contains(index) {
        guard byte == UInt8(ascii: "-") else { return false }
      } else {
        guard Hex.value(ofAnyCase: byte) != nil else { return false }
      }
    }
    return true
  }
}
