package import JSONText

/// A method call as a client sends it.
package struct Call: Equatable, Sendable {
  /// The method's full name, `org.apreserve.GetStatus`.
  package var method: String
  /// The arguments by name.
  package var parameters: [JSONValue.Member]
  /// Whether the client wants no answer.
  package var isOneway: Bool
  /// Whether the client takes several answers.
  package var wantsMore: Bool

  /// A call.
  package init(
    _ method: String, _ parameters: [JSONValue.Member] = [], isOneway: Bool = false,
    wantsMore: Bool = false
  ) {
    self.method = method
    self.parameters = parameters
    self.isOneway = isOneway
    self.wantsMore = wantsMore
  }

  /// A message that is no call.
  package struct Malformed: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is wrong.
    package var description: String
  }

  /// Reads a message. Keys that are not known are left to later versions of the protocol.
  package init(message: [UInt8]) throws(Malformed) {
    let value: JSONValue
    do throws(JSONSyntaxError) {
      value = try JSONParser.parse(message)
    } catch {
      throw Malformed(description: "a message is not JSON: \(error.problem)")
    }
    guard case .object(let members) = value else {
      throw Malformed(description: "a message is \(value.kind) instead of an object")
    }
    guard case .string(let method)? = members.first(where: { $0.key == "method" })?.value else {
      throw Malformed(description: "a message names no method")
    }
    self.init(method)
    for member in members {
      switch (member.key, member.value) {
      case ("parameters", .object(let parameters)): self.parameters = parameters
      case ("parameters", .null): break
      case ("parameters", let other):
        throw Malformed(description: "the parameters are \(other.kind) instead of an object")
      case ("oneway", .bool(let flag)): isOneway = flag
      case ("more", .bool(let flag)): wantsMore = flag
      default: break
      }
    }
  }

  /// The interface, `org.apreserve`.
  package var interface: String {
    method.lastIndex(of: ".").map { String(method[..<$0]) } ?? ""
  }

  /// An argument; nil where there is none, or where it is null.
  package subscript(key: String) -> JSONValue? {
    let value = parameters.last { $0.key == key }?.value
    return value == .null ? nil : value
  }

  /// The message, its NUL included.
  package var message: [UInt8] {
    var members = [JSONValue.Member("method", .string(method))]
    if !parameters.isEmpty { members.append(.init("parameters", .object(parameters))) }
    if isOneway { members.append(.init("oneway", .bool(true))) }
    if wantsMore { members.append(.init("more", .bool(true))) }
    return Array(JSONValue.object(members).text().utf8) + [0]
  }
}
