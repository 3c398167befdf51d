import APBus
import ArgumentParser
import HostSystem
import Reservation
import Snapshots

/// The LPAR of a machine as an HMC has it.
struct LPAROptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Compare the machine with its LPAR as an HMC has it. The file is JSON from an HMC; its LPAR with the name of "
        + "the machine's is used, or this one. May be repeated.",
      valueName: "file[:[cpc/]lpar]"), completion: .file())
  var lpar: [String] = []

  /// The LPARs of the files; nil without the option.
  func read() throws -> LPARs? {
    guard !lpar.isEmpty else { return nil }
    var lpars = LPARs()
    for argument in lpar {
      let (path, name) = Self.split(argument)
      let read = try LPARFile.decode(try MachineOptions.read(path), file: path)
      if let name {
        lpars.selected.append(try .select(from: read, named: name, for: HostIdentity()))
      } else {
        lpars.others += read
      }
    }
    return lpars
  }

  /// The file and the name after the last colon. A file of the whole name has none.
  private static func split(_ argument: String) -> (path: String, name: String?) {
    guard HostFile.withoutLinks(argument) == nil, let colon = argument.lastIndex(of: ":") else {
      return (argument, nil)
    }
    return (String(argument[..<colon]), String(argument[argument.index(after: colon)...]))
  }
}

/// LPARs as HMCs have them, one of which is a machine's.
struct LPARs {
  /// Those that a person has chosen by their names.
  fileprivate(set) var selected: [LPARConfiguration] = []
  fileprivate(set) var others: [LPARConfiguration] = []

  /// The LPAR of a machine. One that is chosen, and is the only one, is that whatever the machine is called.
  func configuration(for host: HostIdentity) throws -> LPARConfiguration {
    if others.isEmpty, selected.count == 1 { return selected[0] }
    return try .select(from: selected + others, for: host)
  }
}

extension Assessment {
  /// Compares the machine with its LPAR, if one is given.
  mutating func compare(with lpars: LPARs?) throws {
    if let lpars { compare(with: try lpars.configuration(for: host)) }
  }
}
