import APBus
import Uevents

/// An event that somebody asks for by writing to a `uevent` file: an action, a UUID of his own if he
/// likes, and with it arguments (`kobject_synth_uevent`).
struct SyntheticEvent {
  let action: Uevent.Action
  /// SYNTH_UUID, and SYNTH_ARG_ with each argument.
  let properties: [Uevent.Property]

  /// Reads what was written, as `kobject_action_args` in lib/kobject_uevent.c: one blank before each
  /// argument, keys and values of letters and digits only.
  init(_ text: String) throws(Errno) {
    let words = AttributeInput.name(text).split(separator: " ", omittingEmptySubsequences: false)
    guard let action = words.first.flatMap({ Uevent.Action(rawValue: String($0)) }) else {
      throw .invalidArgument
    }
    self.action = action
    guard words.count > 1 else {
      properties = [.init("SYNTH_UUID", "0")]
      return
    }
    guard BusObject.isUUID(words[1]) else { throw .invalidArgument }
    var properties = [Uevent.Property("SYNTH_UUID", String(words[1]))]
    for word in words.dropFirst(2) {
      let parts = word.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, parts.allSatisfy(Self.isWord) else { throw .invalidArgument }
      properties.append(.init("SYNTH_ARG_" + parts[0], String(parts[1])))
    }
    self.properties = properties
  }

  private static func isWord(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "a")...UInt8(ascii: "z"):
          true
        default: false
        }
      }
  }
}
