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

  /// The LPARs of the files, for one machine or several; nil without the option.
  func read(areForSeveral: Bool) throws -> LPARs? {
    guard !lpar.isEmpty else { return nil }
    var lpars = LPARs(areForSeveral: areForSeveral)
    for argument in lpar {
      let (path, name) = Self.split(argument)
      do {
        let read = try LPARFile.decode(try MachineOptions.read(path), file: path)
        if let name {
          lpars.selected.append(try .select(from: read, named: name, for: HostIdentity()))
        } else {
          lpars.others += read
        }
      } catch {
        throw UnusableLPARFile(path: path, reason: error)
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

/// A file of --lpar that cannot be read, or does not have the LPAR.
struct UnusableLPARFile: Error, CustomStringConvertible {
  var path: String
  var reason: any Error

  /// It names the file.
  var description: String { "\(reason)" }
}

/// LPARs as HMCs have them, one of which is a machine's.
struct LPARs {
  /// Whether there are several machines.
  let areForSeveral: Bool
  /// Those that a person has chosen by their names.
  fileprivate var selected: [LPARConfiguration] = []
  fileprivate var others: [LPARConfiguration] = []

  fileprivate init(areForSeveral: Bool) { self.areForSeveral = areForSeveral }

  /// The LPAR of a machine. One that is chosen, and is the only one, is that of the only machine, whatever this is called.
  func configuration(for host: HostIdentity) throws -> LPARConfiguration {
    if !areForSeveral, others.isEmpty, selected.count == 1 { return selected[0] }
    return try .select(from: selected + others, for: host, amongSeveral: areForSeveral)
  }
}

extension Assessment {
  /// Compares the machine with its LPAR, if one is given.
  mutating func compare(with lpars: LPARs?) throws {
    if let lpars { compare(with: try lpars.configuration(for: host)) }
  }
}
