import APBus
import JSONText
import ReservationRules

/// The members of one object in a description, read by key, each with its place for messages.
///
/// An unknown key is refused before anything is read: it is most likely misspelt, and would otherwise be
/// ignored. `null` is the same as no such member.
struct Fields {
  let path: String
  private let values: [String: JSONValue]

  init(_ value: JSONValue, at path: String, keys: [String]) throws(ValueError) {
    guard case .object(let members) = value else {
      throw ValueError("this must be an object, { ... }, not \(value.kind)", at: path)
    }
    var values: [String: JSONValue] = [:]
    for member in members {
      guard keys.contains(member.key) else {
        throw ValueError(unknownKey(member.key, keys: keys), at: path)
      }
      guard values.updateValue(member.value, forKey: member.key) == nil else {
        throw ValueError("the key \"\(member.key)\" is given twice", at: path)
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

  func error(_ message: String, at key: String) -> ValueError {
    ValueError(message, at: path(key))
  }

  func error(at key: String, expecting expected: String) -> ValueError {
    guard let value = self[key] else {
      return ValueError("this is missing; it must be \(expected)", at: path(key))
    }
    return ValueError("\(shown(value)) is not \(expected)", at: path(key))
  }

  func text(_ key: String) throws(ValueError) -> String? {
    switch self[key] {
    case nil: return nil
    case .string(let text): return text
    default: throw error(at: key, expecting: "a string in quotes")
    }
  }

  /// An array of strings.
  func texts(_ key: String) throws(ValueError) -> [String]? {
    guard let elements = try list(key) else { return nil }
    var texts: [String] = []
    for (index, element) in elements.enumerated() {
      guard case .string(let text) = element else {
        throw ValueError(
          "\(shown(element)) is not a string in quotes", at: "\(path(key))[\(index)]")
      }
      texts.append(text)
    }
    return texts
  }

  /// A string that must be present.
  func requiredText(_ key: String) throws(ValueError) -> String {
    guard let text = try text(key) else { throw error(at: key, expecting: "a string in quotes") }
    return text
  }

  /// The name of a queue, which must be present.
  func apqn(_ key: String) throws(ValueError) -> APQN {
    guard let apqn = try text(key).flatMap({ APQN($0) }) else {
      throw error(at: key, expecting: "a queue's name, \"00.0000\" to \"ff.00ff\"")
    }
    return apqn
  }

  /// An array of names of queues; empty if it is missing.
  func apqns(_ key: String) throws(ValueError) -> Set<APQN> {
    var apqns: Set<APQN> = []
    for (index, name) in (try texts(key) ?? []).enumerated() {
      guard let apqn = APQN(name) else {
        throw ValueError(
          "\(shown(.string(name))) is not a queue's name, \"00.0000\" to \"ff.00ff\"",
          at: "\(path(key))[\(index)]")
      }
      apqns.insert(apqn)
    }
    return apqns
  }

  /// The objects of an array; empty if it is missing.
  func objects(_ key: String, keys: [String]) throws(ValueError) -> [Fields] {
    var objects: [Fields] = []
    for (index, value) in (try list(key) ?? []).enumerated() {
      objects.append(try Fields(value, at: "\(path(key))[\(index)]", keys: keys))
    }
    return objects
  }

  /// A driver's name. It becomes part of paths below `/sys`, so it must be a single component.
  func driverName(_ key: String) throws(ValueError) -> String? {
    guard let name = try text(key) else { return nil }
    guard isDriverName(name) else {
      throw error(at: key, expecting: "a driver's name; where there is none, leave the key out")
    }
    return name
  }

  func flag(_ key: String) throws(ValueError) -> Bool? {
    switch self[key] {
    case nil: return nil
    case .bool(let flag): return flag
    default: throw error(at: key, expecting: "true or false")
    }
  }

  func number<Number: FixedWidthInteger>(
    _ key: String, as type: Number.Type = Number.self
  ) throws(ValueError) -> Number? {
    switch self[key] {
    case nil: return nil
    case .number(let digits):
      guard let number = Number(digits) else { fallthrough }
      return number
    default: throw error(at: key, expecting: "a whole number of 0 to \(Number.max)")
    }
  }

  /// A mask in the kernel's absolute form: `0x` and up to 64 digits, of which missing ones on the
  /// right are zeros.
  func mask(_ key: String) throws(ValueError) -> APMask? {
    guard let text = try text(key) else { return nil }
    guard text.hasPrefix("0x"), text.utf8.count > 2, text.utf8.last != UInt8(ascii: "\n"),
      let mask = APMask().writing(text.utf8)
    else {
      throw error(at: key, expecting: "a mask of 0x and up to 64 hex digits, bit 0 leftmost")
    }
    return mask
  }

  func list(_ key: String) throws(ValueError) -> [JSONValue]? {
    switch self[key] {
    case nil: return nil
    case .array(let elements): return elements
    default: throw error(at: key, expecting: "an array, [ ... ]")
    }
  }
}

/// Whether a text can be a driver's name: one component of a path, on one line.
func isDriverName(_ name: String) -> Bool {
  !name.isEmpty && name != "." && name != ".." && name.utf8.count <= 255
    && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
}

/// A value as a message shows it: texts and numbers themselves, cut if they are long; of arrays and
/// objects the kind.
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
  guard let nearest = Spelling.nearest(to: key, among: keys) else {
    return "unknown key \(shown); keys here are \(keys.joined(separator: ", "))"
  }
  return "unknown key \(shown); did you mean \"\(nearest)\"?"
}

/// What is wrong with a value, before the name of the file is known.
struct ValueError: Error {
  let message: String
  /// The place of the value, such as `cards[2].name`; empty for the file as a whole.
  let path: String

  init(_ message: String, at path: String) {
    self.message = message
    self.path = path
  }
}
