public import APBus

/// Master keys, which people load and set with TKE, or with a program in a guest, and the serial numbers of the adapters
/// that have them.
extension SimulatedBus {
  /// Gives an adapter another serial number, which `serialnr` of its card shows.
  ///
  /// - Parameters:
  ///   - text: The serial number.
  ///   - adapter: The adapter's number.
  public func setSerialNumber(_ text: String, ofCard adapter: UInt8) {
    hardware.update(adapter) { $0.attributes["serialnr"] = text }
    card(adapter)?.card.attributes["serialnr"] = text
  }

  /// Changes a master key of a queue's domain. The kernel sends no event for it, and the driver of the queue does not
  /// matter.
  ///
  /// - Parameters:
  ///   - kind: The kind of the key.
  ///   - apqn: A queue that answers.
  ///   - change: What happens.
  /// - Returns: Why that is not possible; nil if it was done.
  public func changeMasterKey(
    _ kind: MasterKeyKind, of apqn: APQN, by change: MasterKeyChange
  ) -> String? {
    guard hardware.queues.contains(apqn), let card = hardware.cards[Int(apqn.adapter)] else {
      return "there is no queue \(apqn)"
    }
    guard card.mode == kind.mode else { return "\(apqn) has no \(kind.prefix) master key" }
    var registers = card.registers(ofDomain: apqn.domain) ?? KeyRegisters()
    if let problem = registers.apply(change, to: kind) { return "\(problem) in \(apqn)" }
    hardware.update(apqn.adapter) { $0.domainRegisters[apqn.domain] = registers }
    self.card(apqn.adapter)?.card.domainRegisters[apqn.domain] = registers
    return nil
  }
}

/// A step of the ceremony by which a domain gets another master key.
public enum MasterKeyChange: Equatable, Sendable {
  /// A part of a new key is entered; the pattern is that of the parts so far.
  case enter(pattern: String)
  /// A new key is entered completely; of EP11 it is not committed yet.
  case load(pattern: String)
  /// The new key of EP11 is confirmed.
  case commit
  /// The new key becomes the current one, and that the old one.
  case set
  /// The new key is discarded.
  case clear
}

extension KeyRegisters {
  /// Changes a key; the result is why that is not possible.
  fileprivate mutating func apply(_ change: MasterKeyChange, to kind: MasterKeyKind) -> String? {
    let (new, current, old) = (
      KeyRegister(kind, .new), KeyRegister(kind, .current), KeyRegister(kind, .old)
    )
    let isOfEP11 = kind == .ep11
    switch change {
    case .enter(let text), .load(let text):
      guard let pattern = KeyPattern(text), !pattern.isRedacted else {
        return "\"\(text)\" is not a verification pattern; write 0x and hex digits"
      }
      var state: KeyContent.State = isOfEP11 ? .uncommitted : .full
      if case .enter = change {
        guard !isOfEP11 else { return "a wrapping key is not entered in parts" }
        state = .partial
      }
      self[new] = KeyContent(state, pattern)
    case .commit:
      guard isOfEP11 else { return "only wrapping keys of EP11 are committed" }
      guard let content = self[new], content.state == .uncommitted else {
        return "there is no new key to commit"
      }
      self[new] = KeyContent(.committed, content.pattern)
    case .set:
      guard let content = self[new], content.state == (isOfEP11 ? .committed : .full) else {
        return "there is no complete new key to set"
      }
      if !isOfEP11 { self[old] = self[current] ?? KeyContent(.invalid) }
      self[current] = KeyContent(.valid, content.pattern)
      self[new] = KeyContent(.empty)
    case .clear: self[new] = KeyContent(.empty)
    }
    return nil
  }

  /// What `mkvps` reads where a domain has these registers, and all others are empty (`cca_mkvps_show` and
  /// `ep11_mkvps_show` in zcrypt_cex4.c).
  func attributeText(mode: QueueMode?) -> String {
    let isOfEP11 = mode == .ep11
    // Of an asymmetric key only newer kernels have lines.
    let hasAsymmetric = registers.contains { $0.kind == .asym }
    return KeyRegister.all(of: mode).filter { $0.kind != .asym || hasAsymmetric }
      .reduce(into: "") { text, register in
        let content = self[register] ?? KeyContent(register.slot == .new ? .empty : .invalid)
        let none = isOfEP11 ? "-" : "0x0000000000000000"
        text += "\(register): \(content.state.rawValue) "
        text += (content.pattern?.description ?? none) + "\n"
      }
  }
}
