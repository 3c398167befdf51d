package import ReservationRules
import Sysfs

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

  /// Reads directories, the strongest first; one that does not exist counts as empty, and one that
  /// cannot be read is an error beside those of the files.
  ///
  /// `owner` is the user that directories and files must belong to, and who alone may write
  ///   to them; nil where it does not matter.
  package init(directories: [String], owner: UInt32? = HostFile.trustedOwner) {
    var listings: [RuleDirectoryListing] = []
    var problems: [Diagnostic] = []
    for path in directories {
      do throws(FileError) {
        guard let directory = try ConfigurationDirectory.read(path, owner: owner) else { continue }
        listings.append(RuleDirectoryListing(directory))
      } catch {
        problems.append(error.asRuleFileProblem.diagnostic(path, noun: "directory"))
      }
    }
    self.init(RuleFileSelection(listings), problems, owner: owner)
  }

  /// Reads files, and all those of directories, by name, as if they stood in one directory.
  package init(paths: [String], owner: UInt32? = nil) {
    var selection = RuleFileSelection([])
    var files: [String] = []
    var problems: [Diagnostic] = []
    for path in paths {
      do throws(FileError) {
        if let directory = try ConfigurationDirectory.read(path, owner: owner) {
          let own = RuleFileSelection([RuleDirectoryListing(directory)])
          files += own.paths
          selection.skipped += own.skipped
        } else {
          files.append(path)
        }
      } catch {
        if case .failed(_, .notDirectory) = error.problem {
          files.append(path)
        } else {
          problems.append(error.asRuleFileProblem.diagnostic(path, noun: "directory"))
        }
      }
    }
    var known: Set<String> = []
    selection.paths = RuleFileSelection.sortedByName(files).filter { known.insert($0).inserted }
    self.init(selection, problems, owner: owner)
  }

  private init(_ selection: RuleFileSelection, _ problems: [Diagnostic], owner: UInt32?) {
    self.selection = selection
    var files: [RuleFile] = []
    let (rules, diagnostics) = RuleSet.load(selection) { path throws(RuleFileProblem) in
      do throws(FileError) {
        // One byte more than a rule file may have, so that the reader of rules sees that it is over.
        let bytes = try HostFile.read(
          path, .init(sizeLimit: RuleFile.largestFile + 1, owner: owner))
        files.append(RuleFile(path: path, bytes: bytes))
        return bytes
      } catch {
        throw error.asRuleFileProblem
      }
    }
    self.rules = rules
    self.diagnostics = problems + diagnostics
    self.files = files
  }
}

extension RuleDirectoryListing {
  fileprivate init(_ directory: ConfigurationDirectory) {
    self.init(
      path: directory.path,
      entries: directory.entries.compactMap { entry in
        RuleDirectoryListing.Kind(rawValue: entry.kind.rawValue).map {
          RuleDirectoryListing.Entry(name: entry.name, kind: $0)
        }
      })
  }
}

extension FileError {
  /// The same for the reader of rules.
  fileprivate var asRuleFileProblem: RuleFileProblem {
    switch problem {
    case .foreignOwner, .writable:
      RuleFileProblem(reason: description, code: .untrustedFile)
    case .tooLarge:
      RuleFileProblem(
        reason: "the file has more than \(RuleFile.largestFile) bytes, the most that are read; "
          + "divide it into several files", code: .fileTooLarge)
    default: RuleFileProblem(reason: description)
    }
  }
}
