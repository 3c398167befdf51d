/// Which rule files count, in which order, and what became of the others.
package struct RuleFileSelection: Hashable, Sendable {
  /// The paths to read, in effective order: by base name, byte by byte, whatever the directory.
  package var paths: [String]
  /// The files that are not read because an earlier directory has their name.
  package var replaced: [Replaced]
  /// The entries that look like rule files and are none.
  package var skipped: [Skipped]

  /// The directories of an installed system, the strongest first.
  package static let directories = [
    "/etc/apreserve/rules.d", "/run/apreserve/rules.d", "/usr/local/lib/apreserve/rules.d",
    "/usr/lib/apreserve/rules.d",
  ]

  /// A file that is not read because of another.
  package struct Replaced: Hashable, Sendable {
    /// The file that is not read.
    package var path: String
    /// The one with its name in an earlier directory.
    package var by: String
    /// Whether that one is empty or a link to `/dev/null`: the name is masked.
    package var isMasked: Bool

    /// A file and the one that replaces it.
    package init(path: String, by: String, isMasked: Bool) {
      self.path = path
      self.by = by
      self.isMasked = isMasked
    }
  }

  /// An entry that looks like a rule file and is none.
  package struct Skipped: Hashable, Sendable {
    /// The entry.
    package var path: String
    /// What it is; a file whose name is misspelt is one with contents.
    package var kind: RuleDirectoryListing.Kind

    /// An entry.
    package init(path: String, kind: RuleDirectoryListing.Kind) {
      self.path = path
      self.kind = kind
    }
  }

  /// Selects from directories, the strongest first.
  ///
  /// A directory, a dangling link or a device named like a rule file is skipped and reported; it does
  /// not hide a file of its name in a later directory.
  package init(_ listings: [RuleDirectoryListing]) {
    var winners: [String: (path: String, isMask: Bool)] = [:]
    replaced = []
    skipped = []
    for listing in listings {
      for entry in listing.entries.sorted(by: { Self.precedes($0.name, $1.name) })
      where !entry.name.hasPrefix(".") {
        guard entry.name.hasSuffix(".rules") || Self.isMisspelt(entry) else { continue }
        let path =
          listing.path.hasSuffix("/")
          ? listing.path + entry.name
          : listing.path + "/" + entry.name
        switch entry.kind {
        case .file where !entry.name.hasSuffix(".rules"):
          skipped.append(Skipped(path: path, kind: entry.kind))
        case .file, .emptyFile, .linkToNull:
          if let winner = winners[entry.name] {
            replaced.append(Replaced(path: path, by: winner.path, isMasked: winner.isMask))
          } else {
            winners[entry.name] = (path, entry.kind != .file)
          }
        case .danglingLink, .directory, .other:
          skipped.append(Skipped(path: path, kind: entry.kind))
        }
      }
    }
    paths = winners.filter { !$0.value.isMask }
      .sorted { Self.precedes($0.key, $1.key) }.map(\.value.path)
  }

  /// Whether a file's name ends in something like `.rules`, as `.rule` or `.RULES`.
  private static func isMisspelt(_ entry: RuleDirectoryListing.Entry) -> Bool {
    guard entry.kind == .file, let dot = entry.name.lastIndex(of: ".") else { return false }
    let ending = String(entry.name[dot...].dropFirst())
    return entry.name.hasSuffix(".rules.txt")
      || !ending.hasSuffix("~") && Spelling.nearest(to: ending, among: ["rules"]) != nil
  }

  static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}
