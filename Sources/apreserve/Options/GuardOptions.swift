import ArgumentParser
import Reservation

extension Guard: ExpressibleByArgument {}

extension GuardPolicy.HostProtection: ExpressibleByArgument {}

/// How careful to be.
struct GuardOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Switch off one guard, and no other. Repeat it for more: "
        + Guard.allCases.map { "\($0.rawValue) (\($0.summary))" }.joined(separator: "; ") + ".",
      valueName: "guard"))
  var force: [Guard] = []

  @Option(
    help: ArgumentHelp(
      "Keep the host's last queue with a master key: auto (the default), while the host has secure keys; yes; or "
        + "no.", valueName: "when"))
  var protectHost: GuardPolicy.HostProtection?

  /// The policy that they make.
  var policy: GuardPolicy {
    GuardPolicy(protectHost: protectHost ?? .auto, forced: Set(force))
  }
}
