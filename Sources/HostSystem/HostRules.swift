package import ReservationRules

/// The rules in directories of the host, as they are at one moment.
package struct HostRules {
  /// The rules without error.
  package let rules: RuleSet
  /// What is wrong with the files.
  package let diagnostics: [Diagnostic]
  /// Which files were read, and what became of the others.
  package let selection: RuleFileSelection
  /// The files that could be read, in effective order.
  package let files: [RuleFile]

  /// Reads directories, the strongest first.
  package init(directories: [String], owner: UInt32? = HostFile.trustedOwner) {
    self.init(RuleSources(directories: directories, owner: owner))
  }

  /// Reads files, and all those of directories, by name, as if they stood in one directory.
  package init(paths: [String], owner: UInt32? = nil) {
    self.init(RuleSources(paths: paths, owner: owner))
  }

  /// Reads files as rules, unless there are too many.
  package init(_ sources: RuleSources) {
    selection = sources.selection
    files = sources.files
    let (rules, diagnostics) = RuleSet.parse(files: sources.isTooMuch ? [] : sources.files)
    // Files that cannot be read belong to the set, which is not used then.
    self.rules =
      rules.files == selection.paths ? rules : RuleSet(rules: rules.rules, files: selection.paths)
    let ranks = selection.ranks
    self.diagnostics = (sources.problems + diagnostics).enumerated().sorted {
      let (left, right) = (ranks[$0.element.location.file], ranks[$1.element.location.file])
      return (left ?? -1, $0.offset) < (right ?? -1, $1.offset)
    }.map(\.element)
  }
}
