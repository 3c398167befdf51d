/// The messages of the journal's catalogue (journald's `catalog` files), as a manual page lists them.
struct MessageList {
  /// A kind of message.
  struct Entry {
    var subject: String
    var lines: [String]
  }

  private(set) var entries: [Entry] = []

  init(catalog: String) {
    for line in catalog.split(separator: "\n").map(String.init) {
      if line.hasPrefix("Subject: ") {
        entries.append(Entry(subject: String(line.dropFirst(9)), lines: []))
      } else if !entries.isEmpty, !line.hasPrefix("-- "), !line.hasPrefix("Defined-By:"),
        !line.hasPrefix("Documentation:")
      {
        entries[entries.count - 1].lines.append(line)
      }
    }
  }

  /// Their source between the marks of a page.
  var source: [String] {
    entries.flatMap { entry in
      [".TP", ".B \(RoffText.source(entry.subject))"]
        + entry.lines.map { RoffText.source(Self.plain($0)) }
    }
  }

  /// The journal puts fields of the entry in place of `@NAME@`.
  private static func plain(_ line: String) -> String {
    let parts = line.split(separator: "@", omittingEmptySubsequences: false).map(String.init)
    var text = parts[0]
    var index = 1
    while index < parts.count {
      // A single @ belongs to the text, as in the name of a unit.
      if index + 1 < parts.count, isField(parts[index]) {
        text += "\(parts[index])=\(parts[index + 1])"
        index += 2
      } else {
        text += "@\(parts[index])"
        index += 1
      }
    }
    return text
  }

  private static func isField(_ name: String) -> Bool {
    !name.isEmpty && name.allSatisfy { $0 == "_" || $0.isUppercase || $0.isNumber }
  }
}
