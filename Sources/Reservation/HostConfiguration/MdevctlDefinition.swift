import APBus
import JSONText

/// A definition as mdevctl stores it and hands it to a callout: what it writes when it starts the device, in order.
package struct MdevctlDefinition: Equatable, Sendable {
  package var startsAutomatically = false
  package var attributes: [Attribute] = []

  /// A file of the device, and what is written to it.
  package struct Attribute: Hashable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package init(startsAutomatically: Bool = false, attributes: [Attribute] = []) {
    self.startsAutomatically = startsAutomatically
    self.attributes = attributes
  }

  /// Reads JSON. What mdevctl cannot start is an error; members that it does not know are ignored, as it does.
  package init(_ bytes: [UInt8]) throws(DefinitionError) {
    let json: JSONValue
    do throws(JSONSyntaxError) {
      json = try JSONParser.parse(bytes)
    } catch {
      throw DefinitionError("line \(error.line), column \(error.column): \(error.problem)")
    }
    guard case .object = json else {
      throw DefinitionError("there is \(json.kind) where an object should be")
    }
    startsAutomatically = json["start"]?.text == "auto"
    switch json["attrs"] {
    case nil: break
    case .array(let elements)?:
      for (index, element) in elements.enumerated() {
        guard case .object(let members) = element, members.count == 1, let member = members.first,
          let value = member.value.text
        else {
          throw DefinitionError(
            "attribute \(index) is not an object with one member that is a string")
        }
        attributes.append(Attribute(member.key, value))
      }
    case let other?:
      throw DefinitionError("there is \(other.kind) where the attributes should be")
    }
  }
}

/// Why a text is not a definition.
package struct DefinitionError: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ reason: String) { description = "the definition cannot be read: \(reason)" }
}
