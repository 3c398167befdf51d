/// A mediated device of `vfio_ap`: the queues that one guest is given.
public struct MediatedDevice: Equatable, Sendable {
  /// Its UUID, which is its name in sysfs.
  public var uuid: String
  /// The adapters assigned to it.
  public var adapters: APMask
  /// Adapters that may be assigned as well: the kernel did not show all (see `matrix`).
  package var hiddenAdapters: APMask = []
  /// The usage domains assigned to it.
  public var domains: APMask
  /// The control domains assigned to it.
  public var controlDomains: APMask

  /// A mediated device as read; a new one has nothing assigned.
  ///
  /// - Parameters:
  ///   - uuid: Its UUID.
  ///   - adapters: The adapters assigned to it.
  ///   - domains: The usage domains assigned to it.
  ///   - controlDomains: The control domains assigned to it.
  public init(
    uuid: String, adapters: APMask = [], domains: APMask = [], controlDomains: APMask = []
  ) {
    self.uuid = uuid
    self.adapters = adapters
    self.domains = domains
    self.controlDomains = controlDomains
  }

  /// The adapters that are assigned to it, or may be.
  package var possibleAdapters: APMask { adapters.union(hiddenAdapters) }

  /// Whether the queue is in its matrix, adapters x domains, or may be.
  ///
  /// - Parameter apqn: Any APQN, whether or not it exists.
  /// - Returns: Whether both its numbers are assigned, as far as the kernel shows them.
  public func holds(_ apqn: APQN) -> Bool {
    possibleAdapters.contains(apqn.adapter) && domains.contains(apqn.domain)
  }
}

extension MediatedDevice {
  /// Reads `ap_config`, the three masks in one line (SimulatedBus documentation, "Mediated devices").
  init?(uuid: String, configuration text: String) {
    let line = text.utf8.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
    let masks = line.split(separator: ",", omittingEmptySubsequences: false).map { APMask($0) }
    guard masks.count == 3, let adapters = masks[0], let domains = masks[1], let control = masks[2]
    else { return nil }
    self.init(uuid: uuid, adapters: adapters, domains: domains, controlDomains: control)
  }

  /// Reads `matrix`: `05.0004` for each queue, or `05.` for each adapter while no domain is assigned,
  /// or `.0004` for each domain while no adapter is (SimulatedBus documentation, "Mediated devices").
  ///
  /// The text has the adapters in ascending order, each with all domains. The kernel fills one page and cuts
  /// the line that no longer fits, so that any adapter from the last one on may be assigned as well.
  init?(uuid: String, matrix text: String) {
    self.init(uuid: uuid)
    var lines = text.split(separator: "\n")
    let isCut = text.utf8.count >= 4088 && text.utf8.last != UInt8(ascii: "\n")
    if isCut { lines.removeLast() }
    for line in lines {
      let parts = line.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 2, !(parts[0].isEmpty && parts[1].isEmpty) else { return nil }
      if !parts[0].isEmpty {
        guard let adapter = Hex.byte(parts[0].utf8, digits: 2) else { return nil }
        adapters.insert(adapter)
      }
      if !parts[1].isEmpty {
        guard let domain = Hex.byte(parts[1].utf8, digits: 4) else { return nil }
        domains.insert(domain)
      }
    }
    if isCut, let last = adapters.max() {
      hiddenAdapters = APMask(last...UInt8.max).subtracting(adapters)
    }
  }
}
