import AdjunctProcessor

/// A set of APQNs, as one mask of domains for each adapter: membership is one bit, and a whole
/// adapter is compared at once.
struct QueueSet: Equatable {
  private var domains = [APMask](repeating: [], count: 256)

  /// The domains of one adapter that are members.
  subscript(adapter: UInt8) -> APMask {
    get { domains[Int(adapter)] }
    set { domains[Int(adapter)] = newValue }
  }

  /// Whether the queue is a member.
  func contains(_ apqn: APQN) -> Bool { domains[Int(apqn.adapter)].contains(apqn.domain) }

  /// Adds the queue.
  mutating func insert(_ apqn: APQN) { domains[Int(apqn.adapter)].insert(apqn.domain) }

  /// Takes the queue out.
  mutating func remove(_ apqn: APQN) { domains[Int(apqn.adapter)].remove(apqn.domain) }

  /// The members, one by one.
  var members: Set<APQN> {
    var members: Set<APQN> = []
    for (adapter, domains) in domains.enumerated() {
      for domain in domains { members.insert(APQN(adapter: UInt8(adapter), domain: domain)) }
    }
    return members
  }
}
