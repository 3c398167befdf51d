package import APBus
package import JSONText

// How documents have what several of them have.

extension JSONForm where Value == APQN {
  /// A queue by its name in sysfs.
  package static var queue: JSONForm {
    JSONForm<String>.text("^[0-9a-f]{2}\\.00[0-9a-f]{2}$").mapped(\.description)
  }
}

extension JSONForm where Value == [APQN] {
  package static var queues: JSONForm { .list(of: .queue) }
}

extension JSONForm where Value == UInt8 {
  /// A card by its name in sysfs.
  package static var card: JSONForm {
    JSONForm<String>.text("^card[0-9a-f]{2}$").mapped(BusObject.cardName)
  }

  package static var hexAdapter: JSONForm {
    JSONForm<String>.text("^0x[0-9a-f]{2}$").mapped { "0x" + Hex.text($0, digits: 2) }
  }

  package static var hexDomain: JSONForm {
    JSONForm<String>.text("^0x00[0-9a-f]{2}$").mapped { "0x" + Hex.text($0, digits: 4) }
  }
}

extension JSONForm where Value == APMask {
  /// A mask as the kernel prints it, bit 0 leftmost.
  package static var mask: JSONForm {
    JSONForm<String>.text("^0x[0-9a-f]{64}$").mapped(\.description)
  }

  /// The numbers of the bits that are set.
  package static var numbers: JSONForm { .numbers(as: .integer) }

  package static func numbers(as number: JSONForm<UInt8>) -> JSONForm {
    JSONForm<[UInt8]>.list(of: number).mapped { Array($0) }
  }
}

extension JSONForm where Value == WallTime {
  /// A time as RFC 3339 writes it, in UTC and to the second.
  package static var time: JSONForm {
    JSONForm<String>.text("^[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$").mapped(
      \.text)
  }
}

extension AppliedSetting {
  package static let layout = JSONLayout<AppliedSetting>(
    "Setting", "A setting of the configuration."
  ) {
    $0.add("key", .text, "The setting, as apreserve.conf(5) names it.", \.name)
    $0.add("value", .text, "The value as it is written.", \.value)
    $0.add(
      "origin", .text,
      "Where it is set: FILE:LINE, with \", invalid\" after it if the value there is invalid; \"command line\" or \"default\".",
      \.origin)
  }
}

extension MechanismChoice {
  package static let layout = JSONLayout<MechanismChoice> {
    $0.add("mechanism", .word, "How queues are moved.", \.mechanism)
    $0.add("mechanismReason", .text, "Why they are moved like that, a clause.", \.reason)
    $0.add(
      "mechanismAdvice", .text,
      "What to do if this mechanism cannot do what the rules request, and another tool's configuration is why it was chosen.",
      \.advice)
  }
}

extension JSONForm where Value == KeyRegister {
  /// A register by its name in `mkvps`.
  package static var keyRegister: JSONForm {
    JSONForm<String>.text(of: KeyRegister.allNames).mapped(\.description)
  }
}

extension KeyRegister {
  fileprivate static let allNames = (all(of: .cca) + all(of: .ep11)).map(\.description)
}

extension KeyContent {
  package static let layout = JSONLayout<KeyContent> {
    $0.add("state", .word, "The state of the register, as mkvps says it.", \.state)
    $0.add(
      "pattern", .text("^(0x[0-9a-f]{1,64}|sha256:[0-9a-f]{1,16})$"),
      "The verification pattern of the key in it; redacted, the start of a SHA-256."
    ) { $0.pattern?.description }
  }
}

extension MasterKeyPattern {
  package static let layout = JSONLayout<MasterKeyPattern> {
    $0.add(
      "mkvps", .list(of: .text), "The verification patterns of the current master keys.",
      \.registers)
    $0.add("oldMkvps", .list(of: .text), "Those of the old master keys.") {
      $0.old.isEmpty ? nil : $0.old
    }
    $0.add("newMkvps", .list(of: .text), "Those of the new master keys.") {
      $0.new.isEmpty ? nil : $0.new
    }
  }
}
