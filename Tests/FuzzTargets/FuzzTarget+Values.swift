import APBus

extension FuzzTarget {
  /// Names of devices and places: what is read is written back the same.
  static let names = FuzzTarget("names") { bytes in
    let text = String(decoding: bytes, as: UTF8.self)
    if let apqn = APQN(text) { try hold(apqn.description == text, "\(text) became \(apqn)") }
    if let path = SysfsPath(text: text) {
      try hold(SysfsPath(text: path.description) == path, "\(path) is no path")
      try hold(path.description.hasPrefix("/sys/"), "\(path) leads out of /sys")
      try hold(!path.description.split(separator: "/").contains(".."), "\(path) climbs")
    }
    if let adapter = BusObject.adapter(ofCardName: text) {
      try hold(BusObject.cardName(adapter) == text, "\(text) is not card \(adapter)")
    }
    _ = BusObject(path: text)
    _ = BusObject.isUUID(text)
    _ = QueueMode(rawValue: text)
  }

  /// Masks as the kernel prints and as it reads them.
  static let masks = FuzzTarget("masks") { bytes in
    let text = String(decoding: bytes, as: UTF8.self)
    if let mask = APMask(text) {
      try hold(mask.description == text.filter { $0 != "\n" }, "\(text) became \(mask)")
      try hold(APMask().writing(bytes) == mask, "\(text) is written otherwise than it is read")
    }
    for start in [APMask(), .all, [1, 5, 255]] {
      guard let mask = start.writing(bytes) else { continue }
      try hold(APMask(mask.description) == mask, "\(mask) is not read back")
      try hold(start.writing(Array(mask.description.utf8)) == mask, "\(mask) is not written back")
    }
  }
}
