/// What one rule directory holds, as the caller read it.
package struct RuleDirectoryListing: Hashable, Sendable {
  /// The directory's path.
  package var path: String
  /// Its entries in any order.
  package var entries: [Entry]

  /// A name in a directory.
  package struct Entry: Hashable, Sendable {
    /// The base name.
    package var name: String
    /// What it is.
    package var kind: Kind

    /// An entry.
    package init(name: String, kind: Kind) {
      self.name = name
      self.kind = kind
    }
  }

  /// What a name can be.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    /// A file with contents, links followed.
    case file
    /// A file of no bytes, links followed.
    case emptyFile
    /// A link to `/dev/null`.
    case linkToNull
    /// A link to nothing.
    case danglingLink
    /// A directory, links followed.
    case directory
    /// A device, pipe or socket.
    case other
  }

  /// A directory.
  package init(path: String, entries: [Entry]) {
    self.path = path
    self.entries = entries
  }
}
