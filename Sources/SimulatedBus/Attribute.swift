import APBus

/// A file of an object in sysfs, as the kernel's `DEVICE_ATTR` macros make one (include/linux/device.h).
///
/// Everything about an attribute is in its row: directories, permissions, reading and writing follow from
/// it. The rows are in `SimulatedBus+BusAttributes`, `+CardAttributes`, `+QueueAttributes` and
/// `+MatrixAttributes`.
final class Attribute<Object>: Sendable {
  /// The text, which is read whole. The kernel's end with a newline.
  typealias Show = @Sendable (SimulatedBus, Object) -> String
  /// Takes a text that is not empty: a write of no bytes does not get here (`sysfs_kf_write` in
  /// fs/sysfs/file.c).
  typealias Store = @Sendable (SimulatedBus, Object, String) throws(Errno) -> Void

  let name: String
  private let isOnKernel: @Sendable (KernelBehavior) -> Bool
  private let isPresent: @Sendable (Object) -> Bool
  /// Nil for a file that cannot be read.
  let show: Show?
  /// Nil for a file that cannot be written.
  let store: Store?

  /// A row.
  ///
  /// - Parameters:
  ///   - name: The file's name.
  ///   - kernels: The kernels that have the file; by default all.
  ///   - state: The states in which an object has the file, such as with a driver; by default all.
  ///   - show: What is read; nil for a file that can only be written.
  ///   - store: What a write does; nil for a file that can only be read.
  init(
    _ name: String, on kernels: @escaping @Sendable (KernelBehavior) -> Bool = { _ in true },
    while state: @escaping @Sendable (Object) -> Bool = { _ in true },
    show: Show? = nil, store: Store? = nil
  ) {
    self.name = name
    isOnKernel = kernels
    isPresent = state
    self.show = show
    self.store = store
  }

  /// The permissions, as `DEVICE_ATTR_RO`, `_RW` and `_WO` give them.
  var mode: UInt16 {
    switch (show, store) {
    case (_, nil): 0o444
    case (nil, _?): 0o200
    case (_?, _?): 0o644
    }
  }

  /// The attributes of one kind of object, as far as a kernel has them.
  struct Table {
    /// The rows by the length of their names, which finds one faster than a hash does: there are few of
    /// each length.
    private var rows: [[Attribute]]

    /// The rows that a kernel has.
    init(_ rows: [Attribute], on kernel: KernelBehavior) {
      let rows = rows.filter { $0.isOnKernel(kernel) }
      let longest = rows.map(\.name.utf8.count).max() ?? 0
      self.rows = Array(repeating: [], count: longest + 1)
      for row in rows { self.rows[row.name.utf8.count].append(row) }
    }

    /// The attribute of that name, if the object has it now.
    subscript(name: String, of object: Object) -> Attribute? {
      let length = name.utf8.count
      guard length < rows.count else { return nil }
      for row in rows[length] where row.name == name { return row.isPresent(object) ? row : nil }
      return nil
    }

    /// The names of the attributes that the object has now.
    func names(of object: Object) -> [String] {
      var names: [String] = []
      for rows in rows { for row in rows where row.isPresent(object) { names.append(row.name) } }
      return names
    }

    /// The text of a file. EACCES for one that cannot be read, ENOENT for one that does not exist.
    func read(_ name: String, of object: Object, on bus: SimulatedBus) throws(Errno) -> String {
      guard let attribute = self[name, of: object] else { throw .noSuchFile }
      guard let show = attribute.show else { throw .permissionDenied }
      return show(bus, object)
    }
  }
}

/// The attributes that a kernel has, by the kind of their object.
struct AttributeTables {
  let bus: Attribute<Void>.Table
  let driver: Attribute<any Driver>.Table
  let root: Attribute<BusObject>.Table
  let card: Attribute<CardDevice>.Table
  let queue: Attribute<QueueDevice>.Table
  let matrix: Attribute<MatrixDevice>.Table
  let mediatedDeviceType: Attribute<MatrixDevice>.Table
  let mediatedDevice: Attribute<SimulatedMediatedDevice>.Table
  let module: Attribute<SimulatedBus.Module>.Table

  init(on kernel: KernelBehavior) {
    bus = .init(SimulatedBus.busAttributes, on: kernel)
    driver = .init(SimulatedBus.driverAttributes, on: kernel)
    root = .init(SimulatedBus.rootAttributes, on: kernel)
    card = .init(SimulatedBus.cardAttributes, on: kernel)
    queue = .init(SimulatedBus.queueAttributes, on: kernel)
    matrix = .init(SimulatedBus.matrixAttributes, on: kernel)
    mediatedDeviceType = .init(SimulatedBus.mediatedDeviceTypeAttributes, on: kernel)
    mediatedDevice = .init(SimulatedBus.mediatedDeviceAttributes, on: kernel)
    module = .init(SimulatedBus.moduleAttributes, on: kernel)
  }
}

/// The attributes of one object that exists.
protocol ObjectAttributes {
  /// The names of the files that the object has now.
  var names: [String] { get }
  /// The permissions of a file; nil for one that the object does not have now.
  func mode(of name: String) -> UInt16?
  /// The text of a file; the errors are those of opening it.
  func read(_ name: String) throws(Errno) -> String
  /// A file's own function for a text; the errors are those of opening the file, as for `read`.
  func store(in name: String) throws(Errno) -> (String) throws(Errno) -> Void
}

/// A table, and the object that it is asked about.
struct AttributesOf<Object>: ObjectAttributes {
  let table: Attribute<Object>.Table
  let object: Object
  let bus: SimulatedBus

  var names: [String] { table.names(of: object) }

  func mode(of name: String) -> UInt16? { table[name, of: object]?.mode }

  func read(_ name: String) throws(Errno) -> String {
    try table.read(name, of: object, on: bus)
  }

  func store(in name: String) throws(Errno) -> (String) throws(Errno) -> Void {
    guard let attribute = table[name, of: object] else { throw .noSuchFile }
    guard let store = attribute.store else { throw .permissionDenied }
    return { (text) throws(Errno) in try store(bus, object, text) }
  }
}

/// Texts of attributes, with their newline.
extension String {
  /// `1` or `0`.
  static func flag(_ isSet: Bool) -> String { isSet ? "1\n" : "0\n" }

  /// A number, in decimal.
  static func number(_ number: some BinaryInteger) -> String { "\(number)\n" }

  /// The bits of `ap_functions`, `0x%08X`.
  static func functions(_ functions: UInt32) -> String {
    "0x" + Hex.text(functions, digits: 8, uppercase: true) + "\n"
  }

  /// A text of the firmware; an empty line for one that is unknown.
  static func line(_ text: String?) -> String { "\(text ?? "")\n" }
}

/// What is written to attributes, read as the kernel reads it.
enum AttributeInput {
  /// A name: one trailing newline is ignored (`sysfs_streq` in lib/string_helpers.c).
  static func name(_ text: String) -> Substring {
    text.utf8.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
  }

  /// A number of `kstrtoul` with base 0: `0x` hex, leading `0` octal, else decimal; an optional `+`
  /// before it and newline after it, nothing else. ERANGE for one that is too large.
  static func unsigned(_ text: String) throws(Errno) -> UInt64 {
    var digits = name(text).utf8[...]
    if digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
    let (radix, start) = Self.radix(of: digits)
    digits = digits[start...]
    guard !digits.isEmpty, digits.allSatisfy({ Self.digit($0, radix: radix) != nil }) else {
      throw .invalidArgument
    }
    guard let value = UInt64(Substring(digits), radix: Int(radix)) else { throw .outOfRange }
    return value
  }

  /// A number of `sscanf("%d")`: blanks before it are skipped, what follows it is ignored, and one that is too
  /// large loses its highest bits (`vsscanf` in lib/vsprintf.c). There is no `+`.
  static func decimal(_ text: String, on kernel: KernelBehavior) throws(Errno) -> Int32 {
    Int32(truncatingIfNeeded: try scanned(text, on: kernel, isSigned: true) { _ in 10 })
  }

  /// A number of `sscanf("%i")`: the same, with `0x` hex and leading `0` octal.
  static func integer(_ text: String, on kernel: KernelBehavior) throws(Errno) -> Int32 {
    Int32(
      truncatingIfNeeded: try scanned(text, on: kernel, isSigned: true) { radix(of: $0).radix })
  }

  /// A number of `sscanf("%llu")`: the same, in decimal and without a sign.
  static func unsignedDecimal(_ text: String, on kernel: KernelBehavior) throws(Errno) -> UInt64 {
    try scanned(text, on: kernel, isSigned: false) { _ in 10 }
  }

  private static func scanned(
    _ text: String, on kernel: KernelBehavior, isSigned: Bool,
    radixOf: (Substring.UTF8View) -> UInt8
  ) throws(Errno) -> UInt64 {
    var digits = text.utf8.drop { $0 == UInt8(ascii: " ") || (9...13).contains($0) }
    let isNegative = isSigned && digits.first == UInt8(ascii: "-")
    if isNegative { digits = digits.dropFirst() }
    guard let first = digits.first, digit(first, radix: 10) != nil else { throw .invalidArgument }
    let radix = radixOf(digits)
    if radix == 16 { digits = digits.dropFirst(2) }
    var value: UInt64 = 0
    for byte in digits {
      guard let digit = digit(byte, radix: radix) else { break }
      let (product, exceeds) = value.multipliedReportingOverflow(by: UInt64(radix))
      let (sum, isCarried) = product.addingReportingOverflow(UInt64(digit))
      value = (exceeds || isCarried) && kernel.limitsNumbers ? .max : sum
    }
    return isNegative ? 0 &- value : value
  }

  /// The radix that a number in C notation has, and where its digits begin (`_parse_integer_fixup_radix` in
  /// lib/kstrtox.c).
  private static func radix(of digits: Substring.UTF8View) -> (radix: UInt8, start: String.Index) {
    guard digits.first == UInt8(ascii: "0") else { return (10, digits.startIndex) }
    let rest = digits.dropFirst()
    guard let letter = rest.first, letter | 0x20 == UInt8(ascii: "x"),
      let next = rest.dropFirst().first, digit(next, radix: 16) != nil
    else { return (8, digits.startIndex) }
    return (16, rest.index(after: rest.startIndex))
  }

  private static func digit(_ byte: UInt8, radix: UInt8) -> UInt8? {
    Hex.value(ofAnyCase: byte).flatMap { $0 < radix ? $0 : nil }
  }

  /// Yes or no of `kstrtobool` in lib/kstrtox.c: what the first byte says, of `on` and `off` the second.
  static func truth(_ text: String, on kernel: KernelBehavior) throws(Errno) -> Bool {
    switch String(decoding: text.utf8.prefix(2), as: UTF8.self).lowercased() {
    case let head where ["1", "y", "t"].contains(head.first): return true
    case let head where ["0", "n", "f"].contains(head.first): return false
    case let head where head.first == "e" && kernel.readsEnableAndDisable: return true
    case let head where head.first == "d" && kernel.readsEnableAndDisable: return false
    case "on": return true
    case "of": return false
    default: throw .invalidArgument
    }
  }

  /// `0` or `1` of `sscanf("%d")`.
  static func flag(_ text: String, on kernel: KernelBehavior) throws(Errno) -> Bool {
    switch try decimal(text, on: kernel) {
    case 0: false
    case 1: true
    default: throw .invalidArgument
    }
  }
}
