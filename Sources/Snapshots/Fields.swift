import APBus
import JSONText

/// The members of one object in a description, read by key, each with its place for the messages.
///
/// A key that nobody knows is refused before anything is read: it is most likely misspelt, and would
/// otherwise silently mean nothing. `null` is the same as no such member.
struct Fields {
  let path: String
  private let values: [String: JSONValue]

  init(_ value: JSONValue, at path: String, keys: [String]) throws(ValueFault) {
    guard case .object(let members) = value else {
      throw ValueFault(path, "this must be an object, { ... }, not \(value.kind)")
    }
    var values: [String: JSONValue] = [:]
    for member in members {
      guard keys.contains(member.key) else {
        throw ValueFault(path, unknownKey(member.key, keys: keys))
      }
      guard values.updateValue(member.value, forKey: member.key) == nil else {
        throw ValueFault(path, "the key \"\(member.key)\" is there twice")
      }
    }
    self.path = path
    self.values = values
  }

  subscript(key: String) -> JSONValue? {
    let value = values[key]
    return value == .null ? nil : value
  }

  func path(_ key: String) -> String {
    path.isEmpty ? key : path + "." + key
  }

  func fault(_ key: String, _ message: String) -> ValueFault {
    ValueFault(path(key), message)
  }

  func fault(_ key: String, not expected: String) -> ValueFault {
    guard let value = self[key] else {
      return ValueFault(path(key), "this is missing; it must be \(expected)")
    }
    return ValueFault(path(key), "\(shown(value)) is not \(expected)")
  }

  func text(_ key: String) throws(ValueFault) -> String? {
    switch self[key] {
    case nil: return nil
    case .string(let text): return text
    default: throw fault(key, not: "a string in quotes")
    }
  }

  /// An array of strings.
  func texts(_ key: String) throws(ValueFault) -> [String]? {
    guard let elements = try list(key) else { return nil }
    var texts: [String] = []
    for (index, element) in elements.enumerated() {
      guard case .string(let text) = element else {
        throw ValueFault("\(path(key))[\(index)]", "\(shown(element)) is not a string in quotes")
      }
      texts.append(text)
    }
    return texts
  }

  /// A string that must be there.
  func requiredText(_ key: String) throws(ValueFault) -> String {
    guard let text = try text(key) else { throw fault(key, not: "a string in quotes") }
    return text
  }

  /// A queue's name that must be there.
  func apqn(_ key: String) throws(ValueFault) -> APQN {
    guard let apqn = try text(key).flatMap({ APQN($0) }) else {
      throw fault(key, not: "a queue's name, \"00.0000\" to \"ff.00ff\"")
    }
    return apqn
  }

  /// An array of queues' names; none where it is missing.
  func apqns(_ key: String) throws(ValueFault) -> Set<APQN> {
    var apqns: Set<APQN> = []
    for (index, name) in (try texts(key) ?? []).enumerated() {
      guard let apqn = APQN(name) else {
        throw ValueFault(
          "\(path(key))[\(index)]",
          "\(shown(.string(name))) is not a queue's name, \"00.0000\" to \"ff.00ff\"")
      }
      apqns.insert(apqn)
    }
    return apqns
  }

  /// The objects of an array, each with its place; none where it is missing.
  func objects(_ key: String, keys: [String]) throws(ValueFault) -> [Fields] {
    var objects: [Fields] = []
    for (index, value) in (try list(key) ?? []).enumerated() {
      objects.append(try Fields(value, at: "\(path(key))[\(index)]", keys: keys))
    }
    return objects
  }

  /// A driver's name. It becomes part of paths below `/sys`, so it must be a single component.
  func driverName(_ key: String) throws(ValueFault) -> String? {
    guard let name = try text(key) else { return nil }
    guard isDriverName(name) else {
      throw fault(key, not: "a driver's name; where there is none, leave the key out")
    }
    return name
  }

  func flag(_ key: String) throws(ValueFault) -> Bool? {
    switch self[key] {
    case nil: return nil
    case .bool(let flag): return flag
    default: throw fault(key, not: "true or false")
    }
  }

  func number<Number: FixedWidthInteger>(
    _ key: String, as type: Number.Type = Number.self
  ) throws(ValueFault) -> Number? {
    switch self[key] {
    case nil: return nil
    case .number(let digits):
      guard let number = Number(digits) else { fallthrough }
      return number
    default: throw fault(key, not: "a whole number of 0 to \(Number.max)")
    }
  }

  /// A mask in the kernel's absolute form: `0x` and up to 64 digits, of which missing ones on the
  /// right are zeros.
  func mask(_ key: String) throws(ValueFault) -> APMask? {
    guard let text = try text(key) else { return nil }
    guard text.hasPrefix("0x"), text.utf8.count > 2, text.utf8.last != UInt8(ascii: "\n"),
      let mask = APMask().writing(text.utf8)
    else {
      throw fault(key, not: "a mask of 0x and up to 64 hex digits, bit 0 leftmost")
    }
    return mask
  }

  func list(_ key: String) throws(ValueFault) -> [JSONValue]? {
    switch self[key] {
    case nil: return nil
    case .array(let elements): return elements
    default: throw fault(key, not: "an array, [ ... ]")
    }
  }
}

/// Whether a text can be a driver's name: one component of a path, on one line.
func isDriverName(_ name: String) -> Bool {
  !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
    && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
}

/// A value as a message shows it: texts and numbers themselves, cut when they are long, and with a `?`
/// for what is not printable but needs no escape in JSON.
func shown(_ value: JSONValue) -> String {
  switch value {
  case .string, .number, .bool, .null:
    let text = value.text().printable
    guard text.unicodeScalars.count > 60 else { return text }
    return String(text.unicodeScalars.prefix(57)) + "..."
  default: return value.kind
  }
}

private func unknownKey(_ key: String, keys: [String]) -> String {
  let shown = shown(.string(key))
  guard key.utf8.count <= 40, let nearest = keys.min(by: { distance($0, key) < distance($1, key) }),
    distance(nearest, key) <= max(1, key.utf8.count / 3)
  else {
    return "unknown key \(shown); keys here are \(keys.joined(separator: ", "))"
  }
  return "unknown key \(shown); write \"\(nearest)\""
}

/// How many letters must be put in, left out or changed to get from one word to the other, whatever
/// their case.
private func distance(_ one: String, _ other: String) -> Int {
  let other = Array(other.lowercased().utf8)
  var row = Array(0...other.count)
  for (index, byte) in one.lowercased().utf8.enumerated() {
    var diagonal = row[0]
    row[0] = index + 1
    for column in other.indices {
      let changed = diagonal + (byte == other[column] ? 0 : 1)
      diagonal = row[column + 1]
      row[column + 1] = min(changed, diagonal + 1, row[column] + 1)
    }
  }
  return row[other.count]
}
