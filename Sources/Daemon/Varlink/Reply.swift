package import JSONText

/// An answer to a call.
package struct Reply: Equatable, Sendable {
  /// The error's full name, such as `org.varlink.service.MethodNotFound`; nil for a result.
  package var error: String?
  /// The results, or what belongs to the error, by name.
  package var parameters: [JSONValue.Member]
  /// Whether more answers to the same call follow.
  package var continues: Bool

  /// A result.
  package init(_ parameters: [JSONValue.Member] = [], continues: Bool = false) {
    self.parameters = parameters
    self.continues = continues
  }

  /// An error.
  package init(error: String, _ parameters: [JSONValue.Member] = []) {
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

  /// Reads a message.
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
    Reply(error: "org.varlink.service.InterfaceNotFound", [.init("interface", .string(name))])
  }

  /// There is no such method.
  package static func methodNotFound(_ name: String) -> Reply {
    Reply(error: "org.varlink.service.MethodNotFound", [.init("method", .string(name))])
  }

  /// An argument is missing, or is not what it should be.
  package static func invalidParameter(_ name: String) -> Reply {
    Reply(error: "org.varlink.service.InvalidParameter", [.init("parameter", .string(name))])
  }

  /// The client may not do this.
  package static let permissionDenied = Reply(error: "org.varlink.service.PermissionDenied")

  /// The answer is too long for one message: the client must ask for `more`.
  package static let expectedMore = Reply(error: "org.varlink.service.ExpectedMore")
}
