import APBus

/// Texts of attributes.
enum AttributeText {
  /// `1` or `0`, and the newline.
  static func flag(_ isSet: Bool) -> String { isSet ? "1\n" : "0\n" }

  /// A number, and the newline.
  static func number(_ number: some BinaryInteger) -> String { "\(number)\n" }

  /// The queues of a matrix, one a line. Where only one axis is assigned, what there is of it: `05.`
  /// or `.0004` (`vfio_ap_mdev_matrix_show`).
  static func matrix(adapters: APMask, domains: APMask) -> String {
    var text = ""
    if domains.isEmpty {
      for adapter in adapters { text += Hex.text(adapter, digits: 2) + ".\n" }
    } else if adapters.isEmpty {
      for domain in domains { text += "." + Hex.text(domain, digits: 4) + "\n" }
    } else {
      for adapter in adapters {
        for domain in domains { text += "\(APQN(adapter: adapter, domain: domain))\n" }
      }
    }
    return text
  }

  /// Domains, one a line.
  static func domains(_ domains: APMask) -> String {
    domains.reduce(into: "") { $0 += Hex.text($1, digits: 4) + "\n" }
  }

  /// What `mkvps` reads while the master keys are unknown (`cca_mkvps_show`, `ep11_mkvps_show`).
  static func unknownMasterKeys(mode: QueueMode?) -> String {
    if mode == .ep11 { return "WK CUR: -\nWK NEW: -\n" }
    return ["AES", "APKA"].reduce(into: "") { text, key in
      for state in ["NEW", "CUR", "OLD"] { text += "\(key) \(state): - -\n" }
    }
  }
}
