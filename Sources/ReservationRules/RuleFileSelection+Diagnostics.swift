extension RuleFileSelection {
  /// A warning for each file that is not read although it looks as if it were.
  package var diagnostics: [Diagnostic] {
    replaced.map {
      Diagnostic(
        $0.isMasked ? .maskedFile : .replacedFile, file: $0.path,
        $0.isMasked
          ? "the file is not read: \($0.by) masks it"
          : "the file is not read: \($0.by) has the same name and comes first")
    }
      + skipped.map {
        Diagnostic(.skippedFile, file: $0.path, "this is not read: \($0.reason)")
      }
  }

  /// The place of each file among all that are told of: by name, as the files are read.
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

  private static func baseName(_ path: String) -> String {
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
    case .other: "it is no regular file"
    }
  }
}
