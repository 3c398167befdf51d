import ArgumentParser
import HostSystem
import Reservation

/// Where it is kept on record what is reserved by apreserve.
struct StateOptions: ParsableArguments {
  /// Where a host has it.
  static let directory = "/run/apreserve"

  @Option(
    help: ArgumentHelp(
      "Where it is on record what apreserve has reserved (on this host /run/apreserve).",
      valueName: "dir"), completion: .directory)
  var state: String?

  /// Takes the lock that keeps two of us from working on one machine; nil where no record is kept
  /// either.
  func instanceLock(isThisHost: Bool) throws -> InstanceLock? {
    guard let directory = state ?? (isThisHost ? Self.directory : nil) else { return nil }
    try HostFile.makeDirectory(directory)
    return try InstanceLock(path: HostFile.absolute(directory) + "/lock")
  }

  /// Opens the record; nil where there is none to be kept.
  func record(
    isThisHost: Bool, boot: String
  ) throws -> (file: OwnershipFile, ownership: Ownership)? {
    guard let directory = state ?? (isThisHost ? Self.directory : nil) else { return nil }
    let record = try OwnershipFile.open(directory: directory, boot: boot)
    if let damage = record.damage { Terminal.say(damage) }
    return (record.file, record.ownership)
  }
}
