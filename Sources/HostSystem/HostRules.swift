package import ReservationRules

/// The rules in directories of the host, as they are at one moment.
package struct HostRules {
  /// The rules without error.
  package let rules: RuleSet
  /// What is wrong with the files.
  package let diagnostics: [Diagnostic]
  /// Which files were read, and what became of the others.
  package let selection: RuleFileSelection

  /// Reads directories, the strongest first; one that does not exist counts as empty.
  ///
  /// `owner` is the user that directories and files must belong to, and who alone may write
  ///   to them; nil where it does not matter.
  package init(
    directories: [String], owner: UInt32? = HostFile.trustedOwner
  ) throws(FileError) {
    var listings: [RuleDirectoryListing] = []
    for path in directories {
      guard let directory = try ConfigurationDirectory.read(path, owner: owner) else { continue }
      listings.append(
        RuleDirectoryListing(
          path: path,
          entries: directory.entries.compactMap { entry in
            RuleDirectoryListing.Kind(rawValue: entry.kind.rawValue).map {
              RuleDirectoryListing.Entry(name: entry.name, kind: $0)
            }
          }))
    }
    self.init(RuleFileSelection(listings), owner: owner)
  }

  /// Reads these files, in this order.
  package init(files: [String], owner: UInt32? = nil) {
    var selection = RuleFileSelection([])
    selection.paths = files
    self.init(selection, owner: owner)
  }

  private init(_ selection: RuleFileSelection, owner: UInt32?) {
    self.selection = selection
    (rules, diagnostics) = RuleSet.load(selection) { path throws(RuleFileProblem) in
      do throws(FileError) {
        // One byte more than a rule file may have, so that the reader of rules sees that it is over.
        return try HostFile.read(
          path, .init(sizeLimit: RuleFile.largestFile + 1, owner: owner))
      } catch {
        throw RuleFileProblem(reason: error.description)
      }
    }
  }
}
