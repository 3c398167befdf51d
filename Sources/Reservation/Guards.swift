package import APBus

/// A check that refuses an operation that could do harm, although the kernel would accept it. Each
/// can be switched off by its name (`--force`, `Force=`).
///
/// What is not in this list cannot be switched off: cards are never unbound, hardware that `vfio_ap` does not
/// take is never written, and the kernel has its own vetoes.
package enum Guard: String, CaseIterable, Hashable, Sendable {
  case assignedQueue = "assigned-queue"
  case protectHost = "protect-host"
  case pendingRequests = "pending-requests"
  case fighting
  case callout = "ap-check"
  case emptyRules = "empty-rules"

  /// The definition of a guard for people.
  private struct Definition {
    /// What apreserve does with `--force NAME`; for help and apreserve(1).
    var forced: String
    /// What it refuses, and why; for apreserve-daemon(8). Words in backquotes are set in italics.
    var manual: String
  }

  private var definition: Definition {
    switch self {
    case .assignedQueue:
      Definition(
        forced: "Give back queues that are assigned to a mediated device.",
        manual: """
          A queue that is assigned to a mediated device is not given back, because its guest would lose every \
          queue of the adapter.
          """)
    case .protectHost:
      Definition(
        forced: "Take the host's last queue with a master key.",
        manual: """
          The host's last usable queue that can serve a secure key of the host is not taken: one of the key's \
          mode, whose domain has the key's master key as the current or the old one. Secure keys are those in \
          the repository of zkey(1), those of entries of `/etc/crypttab` with the cipher `paes`, and those of \
          the EP11 and CCA tokens of opencryptoki. Where the master key of a key is not known, the last usable \
          queue for each set of master keys of the key's mode stays, and where nothing is known of a key, or \
          `paes` is in use for a volume that these files do not name, for each mode, too. A protected key of the \
          processor, as for swap, needs no queue. A queue whose master keys cannot be read, for example \
          because its driver is not loaded yet or its adapter does not answer, counts as the last one. \
          `ProtectHost=` and `--protect-host` change when this guard applies.
          """)
    case .pendingRequests:
      Definition(
        forced: "Take queues with pending requests without draining them.",
        manual: """
          A queue with pending requests is set offline, which makes the kernel pass its requests to other \
          queues, and is taken when they are done. It stays with the host if that takes longer than \
          `DrainTimeoutSec=`.
          """)
    case .fighting:
      Definition(
        forced: "Keep moving queues that another process moves back.",
        manual: """
          A queue that another process has moved back `FightLimit=` times within `FightIntervalSec=` is left \
          alone until the next reload.
          """)
    case .callout:
      Definition(
        forced: "Choose overrides although ap-check is installed.",
        manual: """
          Overrides are not chosen while mdevctl(8) uses the callout ap-check of s390-tools, because it refuses \
          to start mediated devices with such queues. Where the callout of apreserve is installed, mdevctl 1.3 and \
          newer use that instead; older ones use the first that the directory lists (`ls -U \
          /etc/mdevctl.d/scripts.d/callouts`).
          """)
    case .emptyRules:
      Definition(
        forced: "Give everything back if there are no rules at all.",
        manual: """
          Nothing is given back if there are no rules at all, since the files are most likely missing by \
          mistake.
          """)
    }
  }

  /// What apreserve does when the guard is switched off, a sentence.
  package var forcedSummary: String { definition.forced }
  /// What the guard refuses, and why. Words in backquotes are to be emphasised.
  package var manualText: String { definition.manual }
  /// What switches the guard off: a setting for the daemon, an option for a command that works without it.
  package var remedy: String {
    "Force=\(rawValue) in apreserve.conf, or, without the daemon, --force \(rawValue)"
  }
}

extension Guard {
  /// What a guard has found about a queue, which is why it refuses to move it.
  package enum Finding: Hashable, Sendable {
    /// A mediated device has the queue (SimulatedBus documentation, "Guests").
    case assigned(mediatedDevice: String?)
    /// No other usable queue of the host has this mode and these master keys, which are needed.
    case lastWithMasterKeys(QueueMode?, MasterKeyPattern, [KeyNeed])
    /// No other usable queue of the host is among those that these needs are restricted to.
    case lastNamed([KeyNeed])
    /// The master keys cannot be read, perhaps because the adapter does not answer, so they may be the only
    /// ones of those that are needed.
    case masterKeysUnknown([KeyNeed], unanswered: UnansweredRead? = nil)
    /// Requests were pending for longer than allowed.
    case busy
    /// Another process has moved the queue back this often.
    case fought(times: Int, suspect: String? = nil)
    /// There are no rules at all, most likely by mistake.
    case rulesMissing
    /// This callout would refuse a mediated device that has the queue by an override.
    case callout(String)

    private struct Definition {
      var `guard`: Guard
      /// The reason in JSON.
      var code: String
      /// The sentence without the queue at its beginning and the option at its end.
      var sentence: String
    }

    private var definition: Definition {
      switch self {
      case .assigned(let uuid):
        Definition(
          guard: .assignedQueue, code: "assigned",
          sentence:
            "is assigned to mediated device \(uuid ?? "(not readable)"); unassign it there first, since its "
            + "guest would lose all queues of the adapter")
      case .lastWithMasterKeys(let mode, let keys, let needs):
        Definition(
          guard: .protectHost, code: "last-with-master-keys",
          sentence:
            "is the host's last usable \(mode.map { $0.rawValue + " " } ?? "")queue with master "
            + "\(keys.registers.count == 1 ? "key" : "keys") \(keys), \(KeyNeed.clause(of: needs)); "
            + "leave it")
      case .lastNamed(let needs):
        Definition(
          guard: .protectHost, code: "last-named",
          sentence:
            "is the host's last usable queue of those named in \(KeyNeed.listings(of: needs)); leave it"
        )
      case .masterKeysUnknown(let needs, let unanswered):
        Definition(
          guard: .protectHost, code: "master-keys-unknown",
          sentence:
            "stays with the host: \(KeyNeed.statement(of: needs)), and its master keys cannot be read "
            + "(\(unanswered.map { "\($0)" } ?? "mkvps")), so it may be the last queue with them; make them "
            + "readable")
      case .busy:
        Definition(
          guard: .pendingRequests, code: "busy",
          sentence:
            "stays with the host: it did not finish its pending requests in time; wait for the next attempt"
        )
      case .fought(let times, let suspect):
        Definition(
          guard: .fighting, code: "fought",
          sentence:
            "is left alone: another process has moved it back \(times) times"
            + (suspect.map { ", possibly \($0.printable)" } ?? "")
            + "; find that process, then run \"apreserve reload\""
        )
      case .rulesMissing:
        Definition(
          guard: .emptyRules, code: "rules-missing",
          sentence:
            "stays reserved although no rule requests it, because there are no rules at all; if that is "
            + "intended, run \"apreserve reload\"")
      case .callout(let path):
        Definition(
          guard: .callout, code: "ap-check",
          sentence:
            "stays reserved by masks while \(path.printable) is installed, which refuses to start a mediated "
            + "device whose queues are reserved by driver_override; remove it where no device is started by "
            + "mdevctl or libvirt")
      }
    }

    /// The guard that refuses.
    package var `guard`: Guard { definition.guard }
    /// The reason in JSON.
    package var code: String { definition.code }

    /// The refusal: which queue, why, and what to do.
    package func refusal(of apqn: APQN) -> String {
      let definition = definition
      return "\(apqn) \(definition.sentence), or use \(definition.guard.remedy)"
    }
  }
}

/// How careful apreserve is; an administrator can set it (apreserve.conf(5)).
package struct GuardPolicy: Equatable, Sendable {
  /// When the host's last queue with a master key is protected.
  package enum HostProtection: String, CaseIterable, Sendable {
    /// While the host has secure keys.
    case auto
    case yes
    case no
  }

  package var protectHost: HostProtection
  /// The longest time that a queue may take to finish its pending requests.
  package var drainLimit: Duration
  /// How often another process may move a queue back within `fightInterval` before it is left alone.
  package var fightLimit: Int
  package var fightInterval: Duration
  /// Guards that are switched off.
  package var forced: Set<Guard>

  package init(
    protectHost: HostProtection = .auto, drainLimit: Duration = .seconds(10), fightLimit: Int = 3,
    fightInterval: Duration = .seconds(60), forced: Set<Guard> = []
  ) {
    self.protectHost = protectHost
    self.drainLimit = drainLimit
    self.fightLimit = fightLimit
    self.fightInterval = fightInterval
    self.forced = forced
  }
}

/// What the kernel does not let masks give to the host because of mediated devices
/// (SimulatedBus documentation, "Masks").
///
/// The older question is put to the masks of each write: is a device assigned a newly set bit together
/// with a bit that is set in the other mask? What a device has is outside the host's pool, or it could
/// not have been assigned. So along `MaskPair.steps(to:absent:)` there is a veto just where some APQN of a
/// device's matrix, present or not, is in the new pool. Newer kernels ask about the new bit alone.
struct MediatedDeviceHold {
  /// APQNs that must stay outside the host's pool.
  private(set) var matrix = APQNSet()
  /// Bits that cannot be set.
  private(set) var bits = MaskPair(adapters: [], domains: [])
  private let devices: [MediatedDevice]
  private let configuration: HostConfiguration

  /// `masks` are those of now; `configuration` knows the devices' names.
  init(on inventory: Inventory, masks: MaskPair, configuration: HostConfiguration) {
    self.configuration = configuration
    // A device without adapters or without domains has no queue and holds up nothing.
    devices = inventory.mediatedDevices.filter { !$0.adapters.isEmpty && !$0.domains.isEmpty }
    for device in devices {
      if inventory.bus.supportsOverride == true {
        bits.adapters.formUnion(device.possibleAdapters.subtracting(masks.adapters))
        bits.domains.formUnion(device.domains.subtracting(masks.domains))
      } else {
        // What is in the host's pool in spite of being assigned needs no new bit to stay there.
        for adapter in device.possibleAdapters {
          matrix[adapter].formUnion(device.domains.subtracting(masks.hostDomains(of: adapter)))
        }
      }
    }
  }

  /// Why a queue cannot be given back at all, if so.
  func refusal(toGiveBack apqn: APQN) -> Refusal.Reason? {
    let adapter = bits.adapters.contains(apqn.adapter) ? apqn.adapter : nil
    let domain = bits.domains.contains(apqn.domain) ? apqn.domain : nil
    guard adapter != nil || domain != nil else { return nil }
    let holder = devices.first { device in
      adapter.map(device.possibleAdapters.contains) == true
        || domain.map(device.domains.contains) == true
    }
    return holder.map(veto)
  }

  /// Why an APQN cannot be let into the host's pool together with what is there, if so.
  func refusal(toTake apqn: APQN) -> Refusal.Reason? {
    devices.first { $0.holds(apqn) }.map(veto)
  }

  private func veto(by device: MediatedDevice) -> Refusal.Reason {
    .vetoed(mediatedDevice: configuration.name(ofMediatedDevice: device.uuid))
  }
}
