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

  package init(
    _ method: String, parameters: [JSONValue.Member] = [], isOneway: Bool = false,
    wantsMore: Bool = false
  ) {
    self.method = method
    self.parameters = parameters
    self.isOneway = isOneway
    self.wantsMore = wantsMore
  }

  /// A message that is not a call.
  package struct Malformed: Error, Equatable, Sendable, CustomStringConvertible {
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

/// An answer to a call.
package struct Reply: Equatable, Sendable {
  /// The error's full name, such as `org.varlink.service.MethodNotFound`; nil for a result.
  package var error: String?
  /// The results, or what belongs to the error, by name.
  package var parameters: [JSONValue.Member]
  /// Whether more answers to the same call follow.
  package var continues: Bool

  package init(_ parameters: [JSONValue.Member] = [], continues: Bool = false) {
    self.parameters = parameters
    self.continues = continues
  }

  package init(error: String, parameters: [JSONValue.Member] = []) {
    self.error = error
    self.parameters = parameters
    continues = false
  }

  /// The message, its NUL included. A result always has its parameters, as some clients expect.
  package var message: [UInt8] {
    var members: [JSONValue.Member] = []
    if let error { members.append(.init("error", .string(error))) }
    members.append(.init("parameters", .object(parameters)))
    if continues { members.append(.init("continues", .bool(true))) }
    return Array(JSONValue.object(members).text().utf8) + [0]
  }

  package init(message: [UInt8]) throws(Call.Malformed) {
    guard case .object(let members)? = try? JSONParser.parse(message) else {
      throw Call.Malformed(description: "the daemon's answer is not a JSON object")
    }
    self.init()
    for member in members {
      switch (member.key, member.value) {
      case ("error", .string(let name)): error = name
      case ("parameters", .object(let members)): parameters = members
      case ("continues", .bool(let flag)): continues = flag
      default: break
      }
    }
  }

  /// A result by name.
  package subscript(key: String) -> JSONValue? { parameters.last { $0.key == key }?.value }
}

extension Reply {
  /// There is no such interface.
  package static func interfaceNotFound(_ name: String) -> Reply {
    Reply(
      error: "org.varlink.service.InterfaceNotFound",
      parameters: [.init("interface", .string(name))])
  }

  /// There is no such method.
  package static func methodNotFound(_ name: String) -> Reply {
    Reply(error: "org.varlink.service.MethodNotFound", parameters: [.init("method", .string(name))])
  }

  /// An argument is missing, or is not what it should be.
  package static func invalidParameter(_ name: String) -> Reply {
    Reply(
      error: "org.varlink.service.InvalidParameter", parameters: [.init("parameter", .string(name))]
    )
  }

  /// The mechanism stays as it is; `plan` has the reasons, if there is one.
  static func changeoverRefused(_ message: String, plan: JSONValue?) -> Reply {
    Reply(
      error: "org.apreserve.ChangeoverRefused",
      parameters: [.init("message", .string(message))] + (plan.map { [.init("plan", $0)] } ?? []))
  }

  /// Nothing is known of the machine, and why.
  static func blocked(_ reason: String) -> Reply {
    Reply(error: "org.apreserve.Blocked", parameters: [.init("reason", .string(reason))])
  }

  /// The mechanism cannot be another one, whatever rules and guests are.
  static func changeoverFailed(_ reason: String) -> Reply {
    Reply(
      error: "org.apreserve.ChangeoverFailed", parameters: [.init("reason", .string(reason))])
  }

  /// There is no change of the rules that is on trial, or can be put there.
  static func noTrial(_ reason: String) -> Reply {
    Reply(error: "org.apreserve.NoTrial", parameters: [.init("reason", .string(reason))])
  }

  /// The client may not do this.
  package static let permissionDenied = Reply(error: "org.varlink.service.PermissionDenied")

  /// The answer is too long for one message: the client must ask for `more`.
  package static let expectedMore = Reply(error: "org.varlink.service.ExpectedMore")
}

/// Cuts a stream of bytes into messages, each ended by a NUL (varlink.org, Method Call).
package struct MessageBuffer: Sendable {
  /// More bytes than this without a NUL are no message.
  package let limit: Int
  private var bytes: [UInt8] = []
  /// Where the first message that was not taken yet begins.
  private var start = 0
  /// Up to where there is no NUL.
  private var searched = 0

  /// A sender whose message is longer than is read. The beginning of the next one cannot be found.
  package struct TooLong: Error, Equatable, Sendable {}

  package init(limit: Int) {
    self.limit = limit
  }

  /// Whether part of a message is there.
  package var isHalfway: Bool { start < bytes.count }

  package mutating func append(_ more: some Collection<UInt8>) {
    if start > 0 {
      bytes.removeFirst(start)
      searched -= start
      start = 0
    }
    bytes.append(contentsOf: more)
  }

  /// The next whole message, without its NUL; nil when more must be received first.
  package mutating func next() throws(TooLong) -> [UInt8]? {
    guard let end = bytes[searched...].firstIndex(of: 0) else {
      searched = bytes.count
      guard bytes.count - start <= limit else { throw TooLong() }
      return nil
    }
    defer {
      start = end + 1
      searched = start
    }
    guard end - start <= limit else { throw TooLong() }
    return Array(bytes[start..<end])
  }
}

/// The interfaces that the daemon answers, as their descriptions name them.
package enum InterfaceDescription {
  /// The daemon's own, `org.apreserve.varlink` as it is checked in.
  package static let agent = String(
    decoding: PackageResources.org_apreserve_varlink, as: UTF8.self)
  /// The one that every Varlink service has.
  package static let service = String(
    decoding: PackageResources.org_varlink_service_varlink, as: UTF8.self)

  /// The descriptions by the names of their interfaces, the service's own first.
  package static let all: [(name: String, text: String)] = [
    ("org.varlink.service", service), ("org.apreserve", agent),
  ]
}
