import Agent

/// Passes on what an agent tells and asks to the one that owns the agent and is not to be owned by it.
final class Listener<Owner: ActivityLog & MonotonicTime>: ActivityLog, MonotonicTime {
  weak var owner: Owner?

  var now: Duration { owner?.now ?? .zero }
  var sinceEpoch: Duration { owner?.sinceEpoch ?? .zero }

  func record(_ activity: Activity) { owner?.record(activity) }
}
