import APBus
package import ReservationRules

/// The rules in the files of the host at one moment.
package struct HostRules {
  /// The rules that have no error.
  package let rules: RuleSet
  /// What is wrong with the files.
  package let diagnostics: [Diagnostic]
  /// Which files were read, and why others were not.
  package let selection: RuleFileSelection
  /// The files that could be read, in effective order.
  package let files: [RuleFile]

  /// Reads directories, the one with the highest priority first.
  package init(directories: [String], owner: UInt32? = HostFile.trustedOwner) {
    self.init(RuleSources(directories: directories, owner: owner))
  }

  /// Reads files, and all files of directories, by name, as if they were in one directory.
  package init(paths: [String], owner: UInt32? = nil) {
    self.init(RuleSources(paths: paths, owner: owner))
  }

  /// Reads files as rules, unless there are too many.
  package init(_ sources: RuleSources) {
    selection = sources.selection
    files = sources.files
    let (rules, diagnostics) = RuleSet.parse(files: sources.isTooMuch ? [] : sources.files)
    // Unreadable files belong to the set, too; such a set is not used.
    self.rules =
      rules.files == selection.paths ? rules : RuleSet(rules: rules.rules, files: selection.paths)
    let ranks = selection.ranks
    self.diagnostics = (sources.problems + diagnostics).enumerated().sorted {
      let (left, right) = (ranks[$0.element.location.file], ranks[$1.element.location.file])
      return (left ?? -1, $0.offset) < (right ?? -1, $1.offset)
    }.map(\.element)
  }
}

/// The rule files of the host at one moment, not yet parsed.
package struct RuleSources {
  package private(set) var selection: RuleFileSelection
  /// What the directories hold; nothing if paths of files were given.
  private var listings: [RuleDirectoryListing] = []
  /// The files that could be read, in effective order.
  package private(set) var files: [RuleFile] = []
  /// Files and directories that could not be read.
  package private(set) var problems: [Diagnostic]
  /// Whether the files exceed a limit, and none of them is parsed.
  package var isTooMuch: Bool { problems.contains { $0.code == .tooManyRules } }
  /// The same for the same files and problems.
  package private(set) var checksum = Checksum()

  /// Reads directories, the one with the highest priority first. One that does not exist counts as empty;
  /// one that cannot be read is a problem.
  ///
  /// With an `owner` directories and files must belong to that user, who alone may write to them.
  /// `isUnfinished` says of a path that it is not read since a process is writing the file: it gets whether one
  /// has it open for writing, or nil if the kernel does not say.
  package init(
    directories: [String], owner: UInt32?,
    isUnfinished: @escaping (String, Bool?) -> Bool = { _, isOpen in isOpen == true }
  ) {
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
        problems.append(error.diagnostic(path, noun: "directory"))
      }
    }
    self.init(
      RuleFileSelection(listings), owner: owner, problems: problems, isUnfinished: isUnfinished)
    self.listings = listings
  }

  /// Reads files, and all files of directories, by name, as if they were in one directory. The path `-` is
  /// standard input.
  package init(paths: [String], owner: UInt32?) {
    var selection = RuleFileSelection([])
    var files: [String] = []
    var problems: [Diagnostic] = []
    for path in paths {
      guard path != RuleFileReader.standardInput else {
        files.append(path)
        continue
      }
      do throws(FileError) {
        if let directory = try ConfigurationDirectory.read(
          path, owner: owner, limit: RuleSet.mostFiles)
        {
          let own = RuleFileSelection([RuleDirectoryListing(directory)])
          files += own.paths
          selection.skipped += own.skipped
          selection.emptyFiles += own.emptyFiles
        } else {
          files.append(path)
        }
      } catch {
        if case .failed(_, .notDirectory) = error.problem {
          files.append(path)
        } else {
          problems.append(error.diagnostic(path, noun: "directory"))
        }
      }
    }
    var known: Set<String> = []
    selection.paths = RuleFileSelection.sortedByName(files).filter { known.insert($0).inserted }
    self.init(selection, owner: owner, problems: problems) { _, isOpen in isOpen == true }
  }

  private init(
    _ selection: RuleFileSelection, owner: UInt32?, problems: [Diagnostic],
    isUnfinished: @escaping (String, Bool?) -> Bool
  ) {
    self.selection = selection
    self.problems = problems
    var reader = RuleFileReader(isUnfinished: isUnfinished)
    // An empty file says that another one does not count, unless it is about to be written.
    for path in selection.emptyFiles where reader.isUnfinished(path) {
      self.problems.append(
        FileError(path, .beingWritten).diagnostic(path, noun: "file"))
    }
    var rest = RuleSet.largestText
    for path in selection.paths {
      do throws(FileError) {
        // One byte more than a rule file may have, so that the parser reports the limit.
        let bytes = try reader.read(path, sizeLimit: RuleFile.largestFile + 1, owner: owner)
        rest -= bytes.count
        guard rest >= 0 else {
          self.problems.append(
            Self.tooLarge(at: path, read: files.count, of: selection.paths.count))
          break
        }
        files.append(RuleFile(path: path, bytes: bytes))
      } catch {
        self.problems.append(error.diagnostic(path, noun: "file"))
      }
    }
    addUp()
  }

  private mutating func addUp() {
    checksum = Checksum()
    for file in files {
      checksum.add("\(file.bytes.count) \(file.path)\n".utf8)
      checksum.add(file.bytes)
    }
    for problem in problems { checksum.add("\(problem)".utf8) }
  }

  /// The same with one file as it would be, in one of the directories. Which files count then follows from its name.
  package func replacing(_ file: RuleFile) -> RuleSources {
    var sources = self
    let name = RuleFileSelection.baseName(file.path)
    for index in listings.indices
    where file.path == RuleDirectoryListing.path(of: name, in: listings[index].path) {
      sources.listings[index].entries.removeAll { $0.name == name }
      sources.listings[index].entries.append(
        RuleDirectoryListing.Entry(name: name, kind: file.bytes.isEmpty ? .emptyFile : .file))
    }
    sources.selection = RuleFileSelection(sources.listings)
    let known = Dictionary(
      (files.filter { $0.path != file.path } + [file]).map { ($0.path, $0) }
    ) { $1 }
    sources.files = sources.selection.paths.compactMap { known[$0] }
    let size = sources.files.reduce(0) { $0 + $1.bytes.count }
    if size > RuleSet.largestText, !isTooMuch {
      sources.problems.append(
        Self.tooLarge(at: file.path, read: files.count, of: sources.selection.paths.count))
    }
    sources.addUp()
    return sources
  }

  private static func tooLarge(at path: String, read count: Int, of all: Int) -> Diagnostic {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? path
    return Diagnostic(
      .tooManyRules, file: directory,
      "the rule files together have more than \(RuleSet.largestText) bytes, the most that are read; "
        + "\(count) of \(all) files were read, and \(path) was not")
  }
}

/// Reads files that no process is writing.
private struct RuleFileReader {
  /// Whether a file is not read since a process is writing it, as it may have open for writing.
  let isUnfinished: (String, Bool?) -> Bool
  private let time = HostTime()
  /// Until when writers of any file are waited for, once there was one.
  private var end: Instant?

  /// The path of standard input. The paths of directories are never equal to it.
  static let standardInput = "-"

  /// How long writers are waited for. One that has closed its file has it open all the same while a process
  /// that it has just started has not yet run its program.
  private static let patience = Duration.milliseconds(500)

  init(isUnfinished: @escaping (String, Bool?) -> Bool) {
    self.isUnfinished = isUnfinished
  }

  mutating func read(
    _ path: String, sizeLimit: Int, owner: UInt32?
  ) throws(FileError) -> [UInt8] {
    guard path != Self.standardInput else {
      return try HostFile.read(
        "/dev/stdin", sizeLimit: sizeLimit, owner: owner, allowsStreams: true)
    }
    let isUnfinished = isUnfinished
    while true {
      do throws(FileError) {
        return try HostFile.read(path, sizeLimit: sizeLimit, owner: owner) {
          isUnfinished(path, $0)
        }
      } catch {
        guard error.problem == .beingWritten else { throw error }
        let end = end ?? time.now + Self.patience
        self.end = end
        guard time.now < end else { throw error }
        Duration.milliseconds(5).sleep()
      }
    }
  }

  /// Whether a file that was empty is being written, or has contents by now.
  mutating func isUnfinished(_ path: String) -> Bool {
    do throws(FileError) {
      return try !read(path, sizeLimit: 0, owner: nil).isEmpty
    } catch {
      return switch error.problem {
      case .beingWritten, .tooLarge: true
      // It is a mask whether it can be read or not.
      default: false
      }
    }
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
  /// What is wrong with a rule file or directory, as the diagnostic for it.
  fileprivate func diagnostic(_ place: String, noun: String) -> Diagnostic {
    problem(of: place, noun: noun).diagnostic(place, noun: noun)
  }

  private func problem(of place: String, noun: String) -> RuleFileProblem {
    switch problem {
    case .beingWritten: RuleFileProblem(reason: description, code: .incompleteFile)
    case .foreignOwner, .writable:
      // A directory on the way, behind a link, is called by its name.
      RuleFileProblem(
        reason: path == place ? text(calling: "the \(noun)") : description, code: .untrustedFile)
    case .tooLarge:
      RuleFileProblem(
        reason: "the file has more than \(RuleFile.largestFile) bytes, the most that are read; "
          + "divide it into several files", code: .fileTooLarge)
    case .tooManyEntries(let limit):
      RuleFileProblem(
        reason:
          "the directory has more than \(limit) entries, and all directories together may have at "
          + "most \(RuleSet.mostFiles); move other files elsewhere, and put several rules into one file",
        code: .tooManyRules)
    default: RuleFileProblem(reason: description)
    }
  }
}
