import APBus
import ArgumentParser
import HostSystem
import Reports
import Reservation
import Snapshots

/// Machines that files describe.
struct DescriptionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Use the machine that a file describes, as \"apreserve snapshot\" prints it; - is standard input. Most commands "
        + "take several: the option can be repeated, and a directory stands for its files whose names end in .json.",
      valueName: "file|dir"), completion: .file())
  var inventory: [String] = []

  @Option(
    help: ArgumentHelp(
      "Of several machines, call the descriptions stale that are older than this; the default is 2d.",
      valueName: "time"))
  var staleAfter: String?

  func validate() throws {
    guard inventory.count(where: { $0 == "-" }) <= 1 else {
      throw ValidationError("Only one machine can be read from standard input.")
    }
    guard staleAfter.map({ Duration(span: $0) == nil }) != true else {
      throw ValidationError("--stale-after: write a time such as 12h, 2d or 1w.")
    }
  }

  var staleAge: Duration { staleAfter.flatMap { Duration(span: $0) } ?? .seconds(2 * 86_400) }

  /// The descriptions of several machines, in the order of the options and of names; nil if at most one machine is meant,
  /// as without a directory.
  func fleet() throws -> [Description]? {
    let places = try inventory.map { ($0, try Self.contents(of: $0)) }
    guard places.count > 1 || places.contains(where: { $0.1 != nil }) else { return nil }
    var seen: Set<String> = []
    return places.flatMap { path, contents in
      contents?.map { Description(path: $0) } ?? [Description(path: path)]
    }.filter { seen.insert(HostFile.absolute($0.path)).inserted }
  }

  /// The descriptions in a directory; nil for anything else.
  private static func contents(of path: String) throws -> [String]? {
    guard path != "-" else { return nil }
    let directory: ConfigurationDirectory?
    do throws(FileError) {
      directory = try ConfigurationDirectory.read(path, owner: nil, limit: mostFiles)
    } catch {
      // What cannot be opened is reported as that when it is read.
      guard case .tooManyEntries = error.problem else { return nil }
      throw error
    }
    guard let directory else { return nil }
    let names = directory.entries.filter { entry in
      switch entry.kind {
      case .file, .emptyFile, .danglingLink:
        entry.name.hasSuffix(".json") && !entry.name.hasPrefix(".")
      case .linkToNull, .directory, .other: false
      }
    }
    guard !names.isEmpty else {
      throw NoDescriptions(path: path)
    }
    return names.map { (path.hasSuffix("/") ? path : path + "/") + $0.name }
  }

  /// The most entries of a directory: more would be another directory than was meant.
  private static let mostFiles = 100_000
}

/// A directory without descriptions of machines.
struct NoDescriptions: Error, CustomStringConvertible {
  var path: String

  var description: String {
    "no descriptions of machines in \(path.printable); their names end in .json"
  }
}

/// A file that describes a machine.
struct Description {
  let path: String

  func snapshot() throws -> Snapshot { try MachineOptions.readDescription(path) }

  func heading(of snapshot: Snapshot) -> MachineHeading {
    MachineHeading(
      host: snapshot.host, kernel: snapshot.kernel,
      source: .file(name, age: snapshot.time.map { HostTime().wallTime - $0 }))
  }

  /// What is known of a machine that cannot be read.
  var heading: MachineHeading {
    MachineHeading(host: .init(), kernel: nil, source: .file(name, age: nil))
  }

  private var name: String { path == "-" ? "standard input" : path }
}

extension [Description] {
  /// Reads the machines one after the other, so that only one is in memory. Where one cannot be read, or `use` finds that
  /// it does not have the mechanism, that is said, and `fail` gets it; the others follow.
  func forEachMachine(
    _ use: (Snapshot, MachineHeading) throws -> Void,
    otherwise fail: (MachineHeading, Fleet.Failure) throws -> Void
  ) throws {
    var progress = Progress()
    defer { progress.clear() }
    func say(_ message: String) {
      progress.clear()
      Terminal.say(message)
    }
    for (number, description) in enumerated() {
      progress.show("\(number + 1) of \(count): \(description.path)")
      let snapshot: Snapshot
      do {
        snapshot = try description.snapshot()
      } catch {
        // It begins with the file.
        say("\(error)")
        try fail(description.heading, .init(.unreadable, "\(error)", at: .of(error)))
        continue
      }
      let heading = description.heading(of: snapshot)
      do {
        try use(snapshot, heading)
      } catch let error where error is MechanismChoice.Unavailable || error is LPARSelectionError {
        say("\(description.path.printable): \(error)")
        try fail(heading, .init(.failed, "\(error)"))
      }
    }
  }
}

extension FilePosition {
  /// Where a file is wrong that cannot be read; nil if the error does not say.
  static func of(_ error: any Error) -> FilePosition? {
    guard case .position(let line, let column)? = (error as? SnapshotError)?.place else {
      return nil
    }
    return FilePosition(line: line, column: column)
  }
}
