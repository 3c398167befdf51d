/// Which rule files count, in which order, and what became of the others.
package struct RuleFileSelection: Hashable, Sendable {
  /// The paths to read, in effective order: by base name, byte by byte, whatever the directory.
  package var paths: [String]
  /// The files that are not read because an earlier directory has their name.
  package var replaced: [Replaced]
  /// The entries that are named like rule files but are not read.
  package var skipped: [Skipped]
  /// The empty files that mask their names.
  package var emptyFiles: [String]

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
  }

  /// An entry that is named like a rule file but is not read.
  package struct Skipped: Hashable, Sendable {
    package var path: String
    /// What it is; a file whose name is misspelt is one with contents.
    package var kind: RuleDirectoryListing.Kind
  }

  /// Selects from directories, the strongest first.
  ///
  /// A directory or a device named like a rule file is skipped and reported; it does
  /// not hide a file of its name in a later directory.
  package init(_ listings: [RuleDirectoryListing]) {
    var winners: [String: (path: String, isMask: Bool, isEmpty: Bool)] = [:]
    replaced = []
    skipped = []
    for listing in listings {
      for entry in listing.entries.sorted(by: { Self.precedes($0.name, $1.name) })
      where !entry.name.hasPrefix(".") {
        guard entry.name.hasSuffix(".rules") || Self.isMisspelt(entry) else { continue }
        let path = RuleDirectoryListing.path(of: entry.name, in: listing.path)
        switch entry.kind {
        case .file where !entry.name.hasSuffix(".rules"):
          skipped.append(Skipped(path: path, kind: entry.kind))
        // That nothing is at the end of a link is found by reading it: an error, since rules may be lost.
        case .file, .emptyFile, .linkToNull, .danglingLink:
          if let winner = winners[entry.name] {
            replaced.append(Replaced(path: path, by: winner.path, isMasked: winner.isMask))
          } else {
            let isMask = entry.kind == .emptyFile || entry.kind == .linkToNull
            winners[entry.name] = (path, isMask, entry.kind == .emptyFile)
          }
        case .directory, .other:
          skipped.append(Skipped(path: path, kind: entry.kind))
        }
      }
    }
    emptyFiles = winners.values.filter(\.isEmpty).map(\.path).sorted()
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

  /// Whether a name comes before another one in the effective order: byte by byte.
  package static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}

extension RuleFileSelection {
  /// A warning for each file that is not read although its name suggests it.
  package var diagnostics: [Diagnostic] {
    replaced.map {
      Diagnostic(
        $0.isMasked ? .maskedFile : .replacedFile, file: $0.path,
        $0.isMasked
          ? "the file is not read: \($0.by) masks it"
          : "the file is not read: \($0.by) has the same name and takes precedence")
    }
      + skipped.map {
        Diagnostic(.skippedFile, file: $0.path, "this is not read: \($0.reason)")
      }
  }

  /// The rank of each file among all that are mentioned: by name, as the files are read.
  package var ranks: [String: Int] {
    let all = paths + replaced.map(\.path) + skipped.map(\.path)
    return Dictionary(zip(Self.sortedByName(all), 0...)) { first, _ in first }
  }

  /// The paths by base name, byte by byte; those of the same name stay in their order.
  package static func sortedByName(_ paths: [String]) -> [String] {
    paths.enumerated().sorted {
      let left = baseName($0.element)
      let right = baseName($1.element)
      return left == right ? $0.offset < $1.offset : precedes(left, right)
    }.map(\.element)
  }

  /// The name of a file without its directory.
  package static func baseName(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}

extension RuleFileSelection.Skipped {
  /// Why it is not read, as the end of a sentence.
  package var reason: String {
    switch kind {
    case .file: "its name does not end in .rules"
    case .emptyFile: "it is an empty file"
    case .linkToNull: "it is a link to /dev/null"
    case .danglingLink: "it is a link to nothing"
    case .directory: "it is a directory"
    case .other: "it is not a regular file"
    }
  }
}

/// What one rule directory holds, as the caller read it.
package struct RuleDirectoryListing: Hashable, Sendable {
  package var path: String
  /// Its entries in any order.
  package var entries: [Entry]

  /// The path of a file of that name, as a selection has it.
  package static func path(of name: String, in directory: String) -> String {
    directory + (directory.hasSuffix("/") ? "" : "/") + name
  }

  /// A name in a directory.
  package struct Entry: Hashable, Sendable {
    package var name: String
    package var kind: Kind

    package init(name: String, kind: Kind) {
      self.name = name
      self.kind = kind
    }
  }

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

  package init(path: String, entries: [Entry]) {
    self.path = path
    self.entries = entries
  }
}

/// Why a rule file could not be read.
package struct RuleFileProblem: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong and what to do, as the end of a sentence: `it is not readable by this user`.
  package var reason: String
  /// What kind of error that is.
  package var code: DiagnosticCode

  package init(reason: String, code: DiagnosticCode = .unreadableFile) {
    self.reason = reason
    self.code = code
  }

  package var description: String { reason }

  /// The error for the file or directory at that path.
  package func diagnostic(_ path: String, noun: String) -> Diagnostic {
    Diagnostic(
      code, file: path,
      code == .unreadableFile ? "the \(noun) cannot be read: \(reason)" : reason)
  }
}
