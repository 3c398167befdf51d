extension AttributeReader {
  /// A mediated device; nil when it is not there.
  ///
  /// `ap_config` holds all three masks in full. Kernels before it print the matrix queue by queue,
  /// and only as much as fits in a page: in a matrix of more than some 500 queues the last adapters
  /// are cut off, which leaves the queues' own `status` as the only sign of their use.
  ///
  /// - Throws: also when it is there and does not answer: it may have any queue.
  func mediatedDevice(_ uuid: String) throws(InventoryReaderError) -> MediatedDevice? {
    do throws(InventoryReaderError) {
      return try readMediatedDevice(uuid)
    } catch {
      guard case .unreadable = error,
        try namesInDirectory(SysfsPath(.matrix))?.contains(uuid) != true
      else { throw error }
      return nil
    }
  }

  private func readMediatedDevice(_ uuid: String) throws(InventoryReaderError) -> MediatedDevice? {
    let object = BusObject.mediatedDevice(uuid)
    let configurationPath = SysfsPath(object, "ap_config")
    if let text = try textOfFile(configurationPath) {
      guard let device = MediatedDevice(uuid: uuid, configuration: text) else {
        throw .unparsable(
          path: configurationPath, text: text,
          expected: "three masks of 0x and 64 lower-case hex digits with commas between them")
      }
      return device
    }
    let matrixPath = SysfsPath(object, "matrix")
    guard let matrix = try textOfFile(matrixPath) else { return nil }
    guard var device = MediatedDevice(uuid: uuid, matrix: matrix) else {
      throw .unparsable(path: matrixPath, text: matrix, expected: "a list of queues, one a line")
    }
    let controlPath = SysfsPath(object, "control_domains")
    guard let control = try textOfFile(controlPath) else { return nil }
    for line in control.split(separator: "\n") {
      guard let domain = Hex.byte(line.utf8, digits: 4) else {
        throw .unparsable(path: controlPath, text: control, expected: "a list of domains")
      }
      device.controlDomains.insert(domain)
    }
    return device
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
  init?(uuid: String, matrix text: String) {
    self.init(uuid: uuid)
    var lines = text.split(separator: "\n")
    // The kernel fills one page and cuts the line that no longer fits in it.
    if text.utf8.count >= 4088, text.utf8.last != UInt8(ascii: "\n") { lines.removeLast() }
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
  }
}
