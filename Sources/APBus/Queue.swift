/// An AP queue as read at one moment: the device `05.0004`.
public struct Queue: Equatable, Sendable {
  /// Adapter and domain.
  public var apqn: APQN
  /// The driver it is bound to; nil while it is unbound.
  public var driver: String?
  /// `driver_override`, nil while none is set.
  public var driverOverride: String?
  /// `config`, nil where the kernel has no such attribute for queues.
  public var isConfigured: Bool?
  /// `chkstop`, nil where the kernel has no such attribute for queues.
  public var isCheckStopped: Bool?
  /// `online`, nil unless the queue is bound to a host driver.
  public var isOnline: Bool?
  /// `status`, nil unless the queue is bound to a `vfio_ap` that has it.
  public var guestStatus: GuestStatus?
  /// How many requests wait for the queue or are under way in it; nil unless that was asked for.
  public var pendingRequests: Int?
  /// The master keys that its domain has, of `mkvps`; nil unless they were asked for and can be read,
  /// which is possible only while the host has the queue.
  public var masterKeys: MasterKeyPattern?
  /// All that `mkvps` shows of the registers, under the same conditions.
  package var keyRegisters: KeyRegisters?

  /// What `vfio_ap` reports of a queue that it has (SimulatedBus documentation, "Queue attributes").
  public enum GuestStatus: String, Hashable, Sendable, CaseIterable {
    /// In no mediated device's matrix.
    case unassigned
    /// In a mediated device's matrix, not in use by a running guest.
    case assigned
    /// In use by a running guest.
    case inUse = "in use"
  }

  /// A queue as read.
  ///
  /// - Parameters:
  ///   - apqn: Adapter and domain.
  ///   - driver: The driver; nil while unbound.
  ///   - driverOverride: `driver_override`; nil for none.
  ///   - isConfigured: `config`; nil where there is none.
  ///   - isCheckStopped: `chkstop`; nil where there is none.
  ///   - isOnline: `online`; nil unless a host driver has the queue.
  ///   - guestStatus: `status`; nil unless `vfio_ap` has the queue.
  ///   - pendingRequests: Requests that wait or are in the adapter; nil if not read.
  ///   - masterKeys: The pattern of `mkvps`; nil if not read.
  public init(
    apqn: APQN, driver: String? = nil, driverOverride: String? = nil, isConfigured: Bool? = nil,
    isCheckStopped: Bool? = nil, isOnline: Bool? = nil, guestStatus: GuestStatus? = nil,
    pendingRequests: Int? = nil,
    masterKeys: MasterKeyPattern? = nil
  ) {
    self.apqn = apqn
    self.driver = driver
    self.driverOverride = driverOverride
    self.isConfigured = isConfigured
    self.isCheckStopped = isCheckStopped
    self.isOnline = isOnline
    self.guestStatus = guestStatus
    self.pendingRequests = pendingRequests
    self.masterKeys = masterKeys
  }

  /// Who has the queue.
  public var owner: Owner { Owner(driver: driver) }

  /// Whether `status` says that a mediated device has the queue, with or without a running guest.
  public var isAssigned: Bool { guestStatus == .assigned || guestStatus == .inUse }

  /// Whether the queue can do its work for the host: configured, not check-stopped, switched on. What cannot
  /// be read counts as good.
  ///
  /// - Parameter card: The card of the queue.
  /// - Returns: Whether the host can send requests to it.
  public func isUsable(on card: Card?) -> Bool { isWorking(on: card) && isOnline != false }

  /// Whether the hardware answers: card and queue configured, and not check-stopped. What cannot be read
  /// counts as good.
  ///
  /// - Parameter card: The card of the queue.
  /// - Returns: False if the hardware is on standby or check-stopped.
  public func isWorking(on card: Card?) -> Bool { hardwareFault(on: card) == nil }

  /// Why the hardware does not answer.
  package enum HardwareFault: String, Hashable, Sendable {
    /// Card or queue are on standby (`config`).
    case deconfigured
    /// Card or queue are check-stopped (`chkstop`).
    case checkStopped = "check-stopped"
  }

  /// Why the hardware does not answer; nil if it does, or if that cannot be read.
  package func hardwareFault(on card: Card?) -> HardwareFault? {
    if isConfigured == false || card?.isConfigured == false { return .deconfigured }
    if isCheckStopped == true || card?.isCheckStopped == true { return .checkStopped }
    return nil
  }
}

/// Who has a queue now.
public enum Owner: String, Hashable, Sendable, CaseIterable {
  /// A driver of the host's own crypto stack, `cex4queue`.
  case host
  /// The driver that gives queues to guests.
  case vfioAP = "vfio_ap"
  /// No driver: the queue is unbound.
  case none

  /// The owner that a queue's driver link shows.
  ///
  /// - Parameter driver: The name of the driver that the queue is bound to.
  public init(driver: String?) {
    self =
      switch driver {
      case nil: .none
      case DriverName.vfioAP: .vfioAP
      default: .host
      }
  }
}

/// Names of AP drivers.
public enum DriverName {
  /// The host's driver of cards of type 10 and newer.
  public static let cex4card = "cex4card"
  /// The host's driver of queues of type 10 and newer.
  public static let cex4queue = "cex4queue"
  /// The driver that gives queues to guests.
  public static let vfioAP = "vfio_ap"
}

/// The verification patterns of the master keys that a queue's domain has: two queues with the same current
/// keys can use the same secure keys.
public struct MasterKeyPattern: Hashable, Sendable, CustomStringConvertible {
  /// The patterns of the current keys, each with its register's name, `AES 0x...`, ascending; none while no
  /// current master key is valid, so that no secure key works with the queue.
  public private(set) var registers: [String]
  /// The keys before these, in the same form. Secure keys that they wrap still work where there is a current
  /// key (`cca_findcard2` in zcrypt_ccamisc.c, 6.1).
  public private(set) var old: [String]
  /// The keys that are entered completely and not set yet, in the same form.
  public private(set) var new: [String]

  /// A pattern of these registers.
  ///
  /// - Parameters:
  ///   - registers: The texts of the current master keys.
  ///   - old: Those of the keys before.
  ///   - new: Those of the keys that are to be set.
  public init(registers: [String], old: [String] = [], new: [String] = []) {
    self.registers = registers.sorted()
    self.old = old.sorted()
    self.new = new.sorted()
  }

  /// The pattern in the text of `mkvps`; nil where the text does not contain it.
  ///
  /// A current or old register that cannot be read shows `-`, and one such makes the whole pattern unknown
  /// (SimulatedBus documentation, "Queue attributes"). An old key counts only beside a valid current one.
  ///
  /// - Parameter text: What `mkvps` reads.
  public init?(attribute text: String) {
    var patterns: [Substring: [(name: Substring, text: String)]] = [:]
    var isKnown = false
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count >= 2, ["NEW:", "CUR:", "OLD:"].contains(words[1]) else { continue }
      // A description may have it redacted (`KeyPattern`).
      let isPattern = words.count > 3 && ["0x", "sha256:"].contains { words[3].hasPrefix($0) }
      let pattern = isPattern ? words[3] : nil
      switch (words[1], words.dropFirst(2).first) {
      case ("NEW:", "full"), ("NEW:", "uncommitted"), ("NEW:", "committed"):
        guard let pattern else { continue }
        patterns["NEW:", default: []].append((words[0], "\(words[0]) \(pattern)"))
      case ("NEW:", _): continue
      case (let register, "valid"):
        guard let pattern else { return nil }
        patterns[register, default: []].append((words[0], "\(words[0]) \(pattern)"))
        if register == "CUR:" { isKnown = true }
      case (let register, "invalid"):
        if register == "CUR:" { isKnown = true }
      default: return nil
      }
    }
    guard isKnown else { return nil }
    let current = patterns["CUR:"] ?? []
    let old = (patterns["OLD:"] ?? []).filter { old in current.contains { $0.name == old.name } }
    self.init(
      registers: current.map(\.text), old: old.map(\.text),
      new: (patterns["NEW:"] ?? []).map(\.text))
  }

  /// The current registers with commas between them, or `none`.
  public var description: String {
    registers.isEmpty ? "none" : registers.joined(separator: ", ")
  }
}
