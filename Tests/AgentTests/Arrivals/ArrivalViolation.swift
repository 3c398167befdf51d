import APBus

/// Something that must not happen when cards and domains come and go.
struct ArrivalViolation: Equatable, CustomStringConvertible {
  /// What it is.
  enum Kind: String, CaseIterable {
    /// The agent's own write gave a queue to `vfio_ap` that rules decide for the host.
    case hostTakenByAgent = "host-ruled, taken by a write"
    /// A queue came, and went to `vfio_ap` although rules decide for the host by its numbers alone.
    case hostTakenOnArrival = "host-ruled, taken when it came"
    /// The same where the rules know that only since its card is here.
    case hostTakenByAttribute = "host-ruled by its card, taken when it came"
    /// A queue that rules decide for the host is on `vfio_ap` when the agent has settled.
    case hostNotGivenBack = "host-ruled, not given back"
    /// A queue that rules decide for the host has no driver when the agent has settled, since masks keep
    /// it from the host.
    case hostKeptOut = "host-ruled, kept from the host without a driver"
    /// The agent's own write took a queue that no rule names, and none accepts that.
    case unmanagedTakenByAgent = "unmanaged, taken by a write"
    /// A queue came that no rule names, of the adapters and domains of this system, and was taken by
    /// masks that were chosen although the kernel has overrides.
    case unmanagedTakenByChoice = "unmanaged of this system, taken by masks instead of overrides"
    /// A queue came that no rule names and was taken, and the plan before had not said that.
    case unmanagedUnannounced = "unmanaged, taken unannounced"
    /// A queue that no rule names was taken, and is neither reported nor given back.
    case unmanagedUnreported = "unmanaged, taken unreported"
    /// A request that was refused because of queues that were here was fulfilled when they went.
    case fulfilledByAbsence = "refused request fulfilled by an absence"
    /// The agent ended with an error.
    case error
    /// The agent does not come to rest.
    case restless
  }

  var kind: Kind
  /// The queue, where it is one.
  var apqn: APQN?
  /// The step after which it was seen, from 1; 0 is the start.
  var step: Int
  /// What there is to add.
  var detail = ""

  var description: String {
    "\(kind.rawValue): \(apqn.map { "\($0)" } ?? "") after step \(step)\(detail.isEmpty ? "" : ", \(detail)")"
  }
}
