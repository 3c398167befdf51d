import ArgumentParser
import Reservation

extension Guard: ExpressibleByArgument {
  package static var allValueDescriptions: [String: String] {
    Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0.summary) })
  }
}

extension GuardPolicy.HostProtection: ExpressibleByArgument {
  package static var allValueDescriptions: [String: String] {
    ["auto": "while the host has secure keys (the default)", "yes": "always", "no": "never"]
  }
}

/// How careful to be.
struct GuardOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Switch off one guard, and no other; repeat it for more.", valueName: "guard"))
  var force: [Guard] = []

  @Option(
    help: ArgumentHelp(
      "Keep the host's last usable queue of a mode and master key from guests.",
      valueName: "when"))
  var protectHost: GuardPolicy.HostProtection?

  /// The policy that they make.
  var policy: GuardPolicy {
    GuardPolicy(protectHost: protectHost ?? .auto, forced: Set(force))
  }
}
