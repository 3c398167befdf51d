import AdjunctProcessor
import ArgumentParser
import Configuration
import HostSystem
import Reservation

/// Which configuration is used.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Read this configuration file, instead of the system's and its drop-ins.", valueName: "file"),
    completion: .file())
  var config: String?

  /// Reads the configuration, as often as it is called. What the command line has wins. `root` is the
  /// directory below which the system's files are; nil where none may be read. Files of any owner are
  /// read when `isTrusting`.
  func source(
    root: String?, isTrusting: Bool, _ mechanism: MechanismOptions, _ guards: GuardOptions
  ) -> @Sendable () -> Configuration {
    let file = config
    var given: [(key: ConfigurationKey, value: String)] = []
    if let mechanism = mechanism.mechanism { given.append((.mechanism, mechanism.rawValue)) }
    if let when = guards.protectHost { given.append((.protectHost, when.rawValue)) }
    if !guards.force.isEmpty {
      given.append((.force, guards.force.map(\.rawValue).joined(separator: " ")))
    }
    let overrides = given
    return {
      let owner = isTrusting ? nil : HostFile.trustedOwner
      var configuration =
        if let file {
          ConfigurationFiles(file: file, owner: owner).configuration
        } else {
          root.map { ConfigurationFiles(root: $0, owner: owner).configuration } ?? Configuration()
        }
      for (key, value) in overrides {
        configuration.override(key, value, origin: "command line")
      }
      return configuration
    }
  }
}
