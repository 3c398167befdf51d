package import AdjunctProcessor

/// Masks that some file says will be in force.
package struct ConfiguredMasks: Equatable, Sendable {
  /// The adapters of the host's pool; nil where the file does not say.
  package var adapters: APMask?
  /// The domains of the host's pool; nil where the file does not say.
  package var domains: APMask?
  /// The file that says so.
  package var source: String

  /// Masks of a file.
  package init(adapters: APMask?, domains: APMask?, source: String) {
    self.adapters = adapters
    self.domains = domains
    self.source = source
  }

  /// Whether they take anything from the host.
  package var isRestricting: Bool { adapters ?? .all != .all || domains ?? .all != .all }

  /// The masks that a kernel command line asks for; nil where it asks for none.
  ///
  /// Here even a relative text starts from all zeros, and a text that makes no sense leaves all zeros
  /// (ap-bus.md 5).
  package init?(kernelCommandLine text: String, source: String) {
    self.init(adapters: nil, domains: nil, source: source)
    for word in text.split(whereSeparator: \.isWhitespace) {
      // The kernel takes quotes off a whole parameter or off its value.
      let bare = word.filter { $0 != "\"" }
      for (name, path) in [
        ("ap.apmask=", \ConfiguredMasks.adapters), ("ap.aqmask=", \ConfiguredMasks.domains),
      ] where bare.hasPrefix(name) {
        self[keyPath: path] = APMask().writing(bare.utf8.dropFirst(name.utf8.count)) ?? APMask()
      }
    }
    if adapters == nil, domains == nil { return nil }
  }

  /// The masks that chzdev's udev rule sets; nil where it sets none.
  ///
  /// The file holds assignments to attributes that end in `apmask` and `aqmask`, each a mask in the
  /// kernel's grammar, absolute or relative to what is in force then: all ones at boot.
  package init?(udevRule text: String, source: String) {
    self.init(adapters: nil, domains: nil, source: source)
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      for (name, path) in [
        ("apmask}", \ConfiguredMasks.adapters), ("aqmask}", \ConfiguredMasks.domains),
      ] {
        guard let value = Self.assignment(of: name, in: line) else { continue }
        self[keyPath: path] = APMask.all.writing(value.utf8) ?? self[keyPath: path]
      }
    }
    if adapters == nil, domains == nil { return nil }
  }

  /// The value in `...NAME="VALUE"`.
  private static func assignment(of name: String, in line: Substring) -> Substring? {
    var rest = line
    while let brace = rest.firstIndex(of: "}") {
      let key = rest[...brace]
      rest = rest[rest.index(after: brace)...]
      guard key.hasSuffix(name), rest.hasPrefix("=\"") else { continue }
      let value = rest.dropFirst(2).prefix { $0 != "\"" }
      // A write of nothing does not reach the kernel's bus.
      return value.isEmpty || value.endIndex == rest.endIndex ? nil : value
    }
    return nil
  }
}
