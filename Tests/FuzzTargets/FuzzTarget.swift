/// A parser that meets the outside, and what must hold whatever bytes it is given.
package struct FuzzTarget: Sendable {
  /// Its name, which is also that of its corpus.
  package let name: String
  /// Parses some bytes; throws where something does not hold that must. It must end, soon, for any.
  package let check: @Sendable ([UInt8]) throws -> Void

  init(_ name: String, _ check: @escaping @Sendable ([UInt8]) throws -> Void) {
    self.name = name
    self.check = check
  }

  /// Every parser there is.
  package static let all =
    [names, masks, uevents, captures, capturedMachines, attributes, json, machines, rules, archive]
    + [
      expectations, scenarios, ownership, otherTools, secureKeys, varlink, scrapes, configuration,
      faults,
      kernelMessages, planningStates, savedPlans, keyLedger, lpars,
    ]

  /// The target of a name.
  package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// Something that does not hold.
package struct FuzzFinding: Error, CustomStringConvertible {
  /// What it is.
  package let description: String
}

/// Throws unless something holds.
func hold(_ condition: Bool, _ what: @autoclosure () -> String) throws(FuzzFinding) {
  if !condition { throw FuzzFinding(description: what()) }
}

/// One line that is short enough to be read, as every message to a person is.
func holdReadable(_ message: String) throws(FuzzFinding) {
  try hold(
    !message.isEmpty && message.utf8.count < 4096, "a message of \(message.utf8.count) bytes")
  let isPrintable = message.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f }
  try hold(isPrintable, "a message with control characters: \(message.debugDescription)")
}
