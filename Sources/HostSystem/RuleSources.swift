package import ReservationRules
import APBus

/// The rule files of a host as they are at one moment, not yet read as rules.
package struct RuleSources {
  /// Which files count, and what became of the others.
  package let selection: RuleFileSelection
  /// The files that could be read, in effective order.
  package private(set) var files: [RuleFile] = []
  /// What could not be read.
  package private(set) var problems: [Diagnostic]
  /// Whether there is so much that what is there is not worth reading.
  package var isTooMuch: Bool { problems.contains { $0.code == .tooManyRules } }
  /// Tells these files and problems from others.
  package private(set) var checksum = Checksum()

  /// Reads directories, the strongest first; one that does not exist counts as empty, and one that
  /// cannot be read is an error beside those of the files.
  ///
  /// `owner` is the user that directories and files must belong to, and who alone may write
  ///   to them; nil where it does not matter.
  package init(directories: [String], owner: UInt32?) {
    var listings: [RuleDirectoryListing] = []
    var problems: [Diagnostic] = []
    var rest = RuleSet.mostFiles
    for path in directories {
      do throws(FileError) {
        guard
          let directory = try ConfigurationDirectory.read(path, owner: owner, limit: rest)
        else { continue }
        rest -= directory.entries.count
        listings.append(RuleDirectoryListing(directory))
      } catch {
        problems.append(error.asRuleFileProblem.diagnostic(path, noun: "directory"))
      }
    }
    self.init(RuleFileSelection(listings), problems, owner: owner)
  }

  /// Reads files, and all those of directories, by name, as if they stood in one directory.
  package init(paths: [String], owner: UInt32?) {
    var selection = RuleFileSelection([])
    var files: [String] = []
    var problems: [Diagnostic] = []
    for path in paths {
      do throws(FileError) {
        if let directory = try ConfigurationDirectory.read(
          path, owner: owner, limit: RuleSet.mostFiles)
        {
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
    self.problems = problems
    var rest = RuleSet.largestText
    for path in selection.paths {
      do throws(FileError) {
        // One byte more than a rule file may have, so that the reader of rules sees that it is over.
        let bytes = try HostFile.read(
          path, .init(sizeLimit: RuleFile.largestFile + 1, owner: owner))
        rest -= bytes.count
        guard rest >= 0 else {
          self.problems.append(Self.tooLarge(path, files.count, of: selection.paths.count))
          break
        }
        files.append(RuleFile(path: path, bytes: bytes))
      } catch {
        self.problems.append(error.asRuleFileProblem.diagnostic(path, noun: "file"))
      }
    }
    for file in files {
      checksum.add("\(file.bytes.count) \(file.path)\n".utf8)
      checksum.add(file.bytes)
    }
    for problem in self.problems { checksum.add("\(problem)".utf8) }
  }

  private static func tooLarge(_ path: String, _ count: Int, of all: Int) -> Diagnostic {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? path
    return Diagnostic(
      .tooManyRules, file: directory,
      "the rule files have more than \(RuleSet.largestText) bytes together, the most that are read; "
        + "\(count) of \(all) files were, and \(path) was not")
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
    case .tooManyEntries(let limit):
      RuleFileProblem(
        reason:
          "the directory has more than \(limit) entries, and all directories together may have at "
          + "most \(RuleSet.mostFiles); move elsewhere what is no rule file, and put several rules into "
          + "one file", code: .tooManyRules)
    default: RuleFileProblem(reason: description)
    }
  }
}
