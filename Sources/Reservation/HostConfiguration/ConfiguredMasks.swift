package import APBus

/// Masks that some file says will be in force.
package struct ConfiguredMasks: Equatable, Sendable {
  /// The adapters of the host's pool; nil where the file does not say.
  package var adapters: APMask?
  /// The domains of the host's pool; nil where the file does not say.
  package var domains: APMask?
  /// The file that says so.
  package var source: String

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
  /// (`ap_perms_init` in ap_bus.c).
  package init?(kernelCommandLine text: String, source: String) {
    self.init(adapters: nil, domains: nil, source: source)
    for (name, value) in Self.parameters(text) {
      guard let path = Self.paths.first(where: { "ap.\($0.name)" == name })?.path else { continue }
      self[keyPath: path] = APMask().writing(value.utf8) ?? APMask()
    }
    if adapters == nil, domains == nil { return nil }
  }

  /// The parameters of a command line that have a value and are meant for the kernel: `--` ends them, a
  /// quoted blank separates nothing, and quotes around a parameter or its value are taken off
  /// (`parse_args` and `next_arg`, Linux 6.12 kernel/params.c and lib/cmdline.c).
  private static func parameters(_ text: String) -> [(name: Substring, value: Substring)] {
    var parameters: [(Substring, Substring)] = []
    var isQuoted = false
    let words = text.split { character in
      if character == "\"" { isQuoted.toggle() }
      return character.isWhitespace && !isQuoted
    }
    for word in words {
      var word = word
      if word.first == "\"" {
        word.removeFirst()
        if word.last == "\"" { word.removeLast() }
      }
      if word == "--" { break }
      guard let equals = word.firstIndex(of: "=") else { continue }
      var value = word[equals...].dropFirst()
      if value.first == "\"" {
        value.removeFirst()
        if value.last == "\"" { value.removeLast() }
      }
      parameters.append((word[..<equals], value))
    }
    return parameters
  }

  private static var paths: [(name: String, path: WritableKeyPath<Self, APMask?>)] {
    [("apmask", \.adapters), ("aqmask", \.domains)]
  }

  /// The masks that chzdev's udev rule sets; nil where it sets none.
  ///
  /// The file holds assignments to attributes that end in `apmask` and `aqmask`, each a mask in the
  /// kernel's grammar, absolute or relative to what is in force then: all ones at boot. It is read as
  /// udev reads it (`udev_rules_parse_file` and `parse_line`, systemd 257 src/udev/udev-rules.c): a
  /// backslash continues a line, blanks may surround an operator, and any operator that sets something
  /// assigns an attribute.
  package init?(udevRule text: String, source: String) {
    self.init(adapters: nil, domains: nil, source: source)
    for line in Self.logicalLines(text) {
      var clauses = UdevClauses(line)
      while let (attribute, value) = clauses.next() {
        guard let path = Self.paths.first(where: { attribute.hasSuffix($0.name) })?.path,
          // A write of nothing does not reach the kernel's bus.
          !value.isEmpty
        else { continue }
        self[keyPath: path] = APMask.all.writing(value.utf8) ?? self[keyPath: path]
      }
    }
    if adapters == nil, domains == nil { return nil }
  }

  /// The lines that are no comments, each with those that continue it.
  private static func logicalLines(_ text: String) -> [String] {
    var lines: [String] = []
    var begun: String?
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      let line = line.drop(while: \.isWhitespace)
      guard line.first != "#" else { continue }
      if line.last == "\\" {
        begun = (begun ?? "") + line.dropLast()
      } else {
        lines.append((begun ?? "") + line)
        begun = nil
      }
    }
    return lines
  }
}

/// Finds the attributes that a line of udev rules assigns.
private struct UdevClauses {
  private var rest: Substring

  init(_ line: String) {
    rest = line[...]
  }

  /// The next attribute that is assigned, and its value; nil at the end of what can be understood.
  mutating func next() -> (attribute: Substring, value: Substring)? {
    while true {
      rest = rest.drop { $0.isWhitespace || $0 == "," }
      let key = take { !$0.isWhitespace && !"={+-!:".contains($0) }
      guard !key.isEmpty else { return nil }
      var attribute: Substring?
      if rest.first == "{" {
        rest.removeFirst()
        attribute = take { $0 != "}" }
        guard rest.popFirst() != nil else { return nil }
      }
      skipBlanks()
      let operation = take { "=+-!:".contains($0) }
      skipBlanks()
      // e"..." has escapes in it and i"..." ignores case; a mask needs neither.
      if let first = rest.first, first == "e" || first == "i" { rest.removeFirst() }
      guard rest.popFirst() == "\"" else { return nil }
      // A backslash keeps the quote that follows it from ending the value.
      var isEscaped = false
      let value = take { character in
        let isPart = isEscaped || character != "\""
        isEscaped = character == "\\" && !isEscaped
        return isPart
      }
      guard rest.popFirst() != nil else { return nil }
      if key == "ATTR", let attribute, ["=", "+=", ":="].contains(operation) {
        return (attribute, value)
      }
    }
  }

  private mutating func take(while isMeant: (Character) -> Bool) -> Substring {
    let taken = rest.prefix(while: isMeant)
    rest = rest[taken.endIndex...]
    return taken
  }

  private mutating func skipBlanks() {
    rest = rest.drop(while: \.isWhitespace)
  }
}
