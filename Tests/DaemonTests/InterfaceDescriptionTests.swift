import Agent
import Daemon
import JSONText
import Reports
import Testing

@Suite struct `The interface descriptions` {
  @Test func `name their interfaces`() {
    #expect(InterfaceDescription.all.map(\.name) == ["org.varlink.service", "org.apreserve"])
    for interface in InterfaceDescription.all {
      #expect(interface.text.contains("\ninterface \(interface.name)\n"))
    }
  }

  @Test func `describe every member with a comment above it`() {
    for interface in InterfaceDescription.all {
      let lines = interface.text.split(separator: "\n", omittingEmptySubsequences: false)
      for (index, line) in lines.enumerated()
      where ["method ", "type ", "error "].contains(where: { line.hasPrefix($0) }) {
        #expect(lines[index - 1].hasPrefix("#"), "\(line)")
      }
    }
  }

  /// The members of each type of the daemon's interface, as `key: type`.
  private static let types: [String: [String]] = {
    var types: [String: [String]] = [:]
    var name: String?
    for line in InterfaceDescription.agent.split(separator: "\n") {
      if line.hasPrefix("type ") {
        name = line.split(separator: " ").dropFirst().first.map(String.init)
      } else if line == ")" {
        name = nil
      } else if let name {
        let member = line.dropFirst(2)
        types[name, default: []].append(String(member.last == "," ? member.dropLast() : member))
      }
    }
    return types
  }()

  /// The same of an object that a schema describes.
  private static func members(of object: JSONValue?) -> [String] {
    guard case .object(let properties)? = object?["properties"] else { return [] }
    let required = (object?["required"]?.elements ?? []).compactMap(\.text)
    return properties.map { property in
      let type = type(of: property.value)
      let isOptional = !required.contains(property.key) && !type.hasPrefix("?")
      return "\(property.key): \(isOptional ? "?" : "")\(type)"
    }
  }

  private static func type(of schema: JSONValue) -> String {
    if let first = schema["anyOf"]?.elements.first { return "?" + type(of: first) }
    if let reference = schema["$ref"]?.text {
      let name = String(reference.split(separator: "/").last ?? "")
      return name == "Place" ? "(file: string, line: int)" : name
    }
    switch schema["type"]?.text {
    case "array": return "[]" + (schema["items"].map(type) ?? "")
    case "integer": return "int"
    case "number": return "float"
    case "boolean": return "bool"
    case "string", nil: return "string"
    case let other?: return other
    }
  }

  @Test func `have the members that are written`() throws {
    let status = StatusDocument.layout.schemaFile("status", title: "")
    var objects: [String: JSONValue] = ["Status": status]
    for file in [status, QueueList.layout.schemaFile("list", title: "")] {
      guard case .object(let definitions)? = file["$defs"] else { continue }
      for definition in definitions { objects[definition.key] = definition.value }
    }
    objects["Move"] = Agent.Move.layout.schemaFile("move", title: "")
    for (name, members) in Self.types where name != "HistoryEntry" {
      #expect(Self.members(of: objects[name]) == members, "\(name)")
    }
  }

  @Test func `have the members of every kind of entry of the history`() throws {
    let entry = try #require(Self.types["HistoryEntry"])
    let kinds = try #require(HistoryEntry.union.schemaFile("history-entry", title: "")["oneOf"])
    let optional = { (member: String) in
      member.contains(": ?") ? member : member.replacing(": ", with: ": ?", maxReplacements: 1)
    }
    var found: Set<String> = []
    for kind in kinds.elements {
      let members = Self.members(of: kind)
      #expect(members.starts(with: ["time: string", "entry: string"]))
      found.formUnion(members.dropFirst(2).map(optional))
    }
    #expect(Set(entry) == found.union(["time: string", "entry: string"]))
  }
}
