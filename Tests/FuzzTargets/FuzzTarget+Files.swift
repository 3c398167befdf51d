import APBus
import Reservation
import JSONText

extension FuzzTarget {
  /// The record of what is owned: a text cut anywhere is read up to its last whole line.
  static let ownership = FuzzTarget("ownership") { bytes in
    do {
      guard let ownership = try OwnershipText.read(bytes, boot: "b") else { return }
      let text = OwnershipText.text(ownership, boot: "b")
      let again = try OwnershipText.read(Array(text.utf8), boot: "b")
      try hold(again == ownership, "the record changes when it is written: \(text)")
    } catch let damage as OwnershipText.Damage {
      try hold(damage.line >= 1, "line \(damage.line)")
    }
  }

  /// The ledger of master keys: what is read of it leads to itself again.
  static let keyLedger = FuzzTarget("key-ledger") { bytes in
    let (ledger, damage) = KeyLedgerText.read(bytes)
    if let damage { try holdReadable(damage) }
    let text = KeyLedgerText.text(ledger)
    let again = KeyLedgerText.read(Array(text.utf8))
    try hold(again.damage == nil, "damage in what was written: \(text)")
    try hold(again.ledger == ledger, "the ledger changes when it is written: \(text)")
    let redacted = ledger.redacted { _ in "R" }
    try hold(redacted.redacted { $0 } == redacted, "redacting twice changes it: \(text)")
  }

  /// Files of other tools: the first byte says which.
  static let otherTools = FuzzTarget("other-tools") { bytes in
    guard let kind = bytes.first else { return }
    let rest = Array(bytes.dropFirst())
    let text = String(decoding: rest, as: UTF8.self)
    switch kind {
    case UInt8(ascii: "k"): _ = ConfiguredMasks(kernelCommandLine: text, source: "cmdline")
    case UInt8(ascii: "u"): _ = ConfiguredMasks(udevRule: text, source: "41-ap.rules")
    case UInt8(ascii: "d"):
      _ = ConfiguredOverride(fileName: "ap-05.0004", text: text, source: "driverctl")
      _ = ConfiguredOverride(fileName: text, text: "vfio_ap", source: "driverctl")
    case UInt8(ascii: "m"):
      let definition = MediatedDeviceDefinition(
        fileName: "11111111-2222-3333-4444-555555555555", bytes: rest)
      try hold(definition != nil, "a definition without a device")
      _ = try? MdevctlDefinition(rest)
    case UInt8(ascii: "x"):
      var domain: DomainDescription?
      do throws(XMLError) {
        domain = try DomainDescription(xml: rest, readsNeeds: true)
      } catch {
        let lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        try hold(error.line >= 1 && error.line <= lines.count, "line \(error.line)")
      }
      try hold(
        domain?.needs == nil || domain?.needsProblem == nil, "needs that are read, and a problem")
    case UInt8(ascii: "c"):
      try hold(SecureKeyUser.cipherUses(procCrypto: text) >= 0, "less than no user of paes")
    case UInt8(ascii: "t"):
      for volume in PaesVolume.volumes(crypttab: text) { _ = volume.keyPlace }
    case UInt8(ascii: "i"): _ = ZkeyRepository.Information(text)
    case UInt8(ascii: "o"): _ = OpencryptokiConfiguration(text)
    case UInt8(ascii: "e"):
      if case .listed(let apqns) = EP11TokenQueues(text) {
        try hold(!apqns.isEmpty, "a list without queues")
      }
    default: break
    }
  }

  /// Files with secure keys: what is understood of them can be compared with a queue's master keys.
  static let secureKeys = FuzzTarget("secure-keys") { bytes in
    switch SecureKeyBlob(bytes) {
    case .independent: break
    case .unknown(let problem): try holdReadable(problem)
    case .wrapped(let key):
      try hold(key.kind != nil, "a wrapped key of no kind")
      try hold(key.masterKeys.count <= 2, "\(key.masterKeys.count) master keys")
      for register in key.masterKeys {
        try hold(MasterKeyRegister(register) != nil, "\(register) is no register")
        let canonical = MasterKeyRegister.canonical(register)
        try hold(MasterKeyRegister.canonical(canonical) == canonical, "\(canonical) changes")
      }
    }
  }
}
