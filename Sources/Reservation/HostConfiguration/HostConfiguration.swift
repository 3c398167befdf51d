package import APBus
package import ReservationRules

/// What a host's other files say of its crypto queues: masks that take effect at the next boot,
/// overrides that another tool sets, what mediated devices are defined as, which virtual machines have
/// them, and who on the host itself needs a queue.
///
/// All of it is the configuration of other tools: it is read to decide well and to name things, and never
/// written.
package struct HostConfiguration: Equatable, Sendable {
  /// `ap.apmask=` and `ap.aqmask=` of the kernel's command line.
  package var bootMasks: ConfiguredMasks?
  /// What chzdev sets at every boot, in its own udev rule.
  package var persistentMasks: ConfiguredMasks?
  /// The overrides that driverctl sets when a queue is added, by queue.
  package var overrides: [ConfiguredOverride]
  /// What mdevctl defines for the matrix device.
  package var definitions: [MediatedDeviceDefinition]
  /// The virtual machines that have mediated devices, as libvirt defines them.
  package var virtualMachines: [VirtualMachine]
  /// Definitions of guests that cannot be read, beside those in `definitions` that have problems.
  package var unreadable: [UnreadableDefinitions]
  /// Where s390-tools' ap-check callout is installed and mdevctl uses it, which refuses to start a mediated device
  /// whose queues are reserved by override (SimulatedBus documentation, "s390-tools"); nil where it does not.
  package var callout: String?
  /// Who on the host itself has secure keys, which only queues of the host can use, and which queues.
  package var secureKeyUsers: [SecureKeyUser]
  /// Other programs on the host that assign crypto queues by themselves.
  package var managers: [QueueManager]

  /// What is found; a new one has found nothing.
  package init(
    bootMasks: ConfiguredMasks? = nil, persistentMasks: ConfiguredMasks? = nil,
    overrides: [ConfiguredOverride] = [], definitions: [MediatedDeviceDefinition] = [],
    virtualMachines: [VirtualMachine] = [], unreadable: [UnreadableDefinitions] = [],
    callout: String? = nil, secureKeyUsers: [SecureKeyUser] = [], managers: [QueueManager] = []
  ) {
    self.bootMasks = bootMasks
    self.persistentMasks = persistentMasks
    self.overrides = overrides
    self.definitions = definitions
    self.virtualMachines = virtualMachines
    self.unreadable = unreadable
    self.callout = callout
    self.secureKeyUsers = secureKeyUsers
    self.managers = managers
  }

  /// A mediated device as a sentence names it: its UUID, and its virtual machine where one is known.
  package func name(ofMediatedDevice uuid: String) -> String {
    mediatedDeviceName(of: uuid).description
  }

  /// The names of a mediated device.
  package func mediatedDeviceName(of uuid: String) -> MediatedDeviceName {
    MediatedDeviceName(
      uuid: uuid,
      virtualMachine: virtualMachines.first { $0.mediatedDevices.contains(uuid) }?.name)
  }
}

/// How sentences and rules name a mediated device.
package struct MediatedDeviceName: Hashable, Sendable {
  package var uuid: String
  /// The virtual machine that uses it, where one is known.
  package var virtualMachine: String?

  package init(uuid: String, virtualMachine: String?) {
    self.uuid = uuid
    self.virtualMachine = virtualMachine
  }

  /// A rule that reserves its queues. The value of a key is a pattern, so that a virtual machine with another character
  /// in its name than a pattern takes literally is named by the UUID.
  package var rule: String {
    let value = virtualMachine.flatMap { Self.isPlain($0) ? $0 : nil } ?? uuid
    return "GUEST==\"\(value.printable)\", RESERVE=\"vfio_ap\""
  }

  /// Whether a name has only characters that rules, shells and XML take literally.
  package static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name.first != " " && name.last != " "
      && name.unicodeScalars.allSatisfy { scalar in
        scalar.properties.isAlphabetic || scalar.properties.numericType != nil
          || " ._+@:-".unicodeScalars.contains(scalar)
      }
  }
}

extension MediatedDeviceName: CustomStringConvertible {
  package var description: String {
    uuid + (virtualMachine.map { " (virtual machine \($0.printable))" } ?? "")
  }
}

/// A program other than apreserve that assigns crypto queues, known by what it leaves on the host.
package enum QueueManager: String, Hashable, Sendable, CaseIterable {
  /// Kubernetes' DRA driver for Crypto Express: writes `driver_override` and binds single queues.
  case kubernetesDriver = "cex-dra-driver"
  /// Kubernetes' device plugin for Crypto Express: gives queues of the host to containers.
  case kubernetesPlugin = "cex-device-plugin"
  /// KubeVirt's virt-handler: removes mediated devices whose type its configuration does not list.
  case kubeVirt = "kubevirt"

  /// Where it is found, what to call it, and what it does against a reservation.
  private struct Definition {
    /// The path of its files begins with that.
    var path: String
    var name: String
    var movesQueues = false
    var removesMediatedDevices = false
  }

  // Sources: k8s-cex-dra-driver (docs/reference/driver-options.md); the resource name of k8s-cex-dev-plugin and the
  // sockets of kubevirt/device-plugin-manager (`newDevicePlugin`); KubeVirt 1.9, of which pull request 19099
  // describes what it removes.
  private var definition: Definition {
    switch self {
    case .kubernetesDriver:
      Definition(
        path: "/var/lib/kubelet/plugins/cex-driver.ibm.com", name: "the CEX driver of Kubernetes",
        movesQueues: true)
    case .kubernetesPlugin:
      Definition(
        path: "/var/lib/kubelet/device-plugins/cex.s390.ibm.com_",
        name: "the CEX device plugin of Kubernetes")
    case .kubeVirt:
      Definition(
        path: "/var/lib/kubelet/device-plugins/kubevirt-", name: "virt-handler of KubeVirt",
        removesMediatedDevices: true)
    }
  }

  /// The beginning of the paths of what it leaves.
  package var path: String { definition.path }
  /// Whether it moves queues between drivers.
  package var movesQueues: Bool { definition.movesQueues }
  /// Whether it removes mediated devices that are not its own.
  package var removesMediatedDevices: Bool { definition.removesMediatedDevices }
}

extension QueueManager: CustomStringConvertible {
  /// Its name, and where it was found.
  package var description: String { "\(definition.name) (\(definition.path))" }
}

extension HostConfiguration {
  /// Who may be moving this queue away from guests, as far as files show.
  package func suspect(ofMoving apqn: APQN) -> String? {
    let override = overrides.first { $0.apqn == apqn && $0.driver != DriverName.vfioAP }
    return override.map { "driverctl (\($0.source))" }
      ?? managers.first(where: \.movesQueues).map { "\($0)" }
  }
}

/// A file or a directory with definitions of guests that cannot be read, so that it is unknown what it defines.
package struct UnreadableDefinitions: Equatable, Sendable {
  package enum Subject: String, Equatable, Sendable, CaseIterable {
    /// Mediated devices, as mdevctl defines them.
    case mediatedDevices
    /// Which virtual machines use them.
    case virtualMachines
  }

  package var subject: Subject
  /// The file or directory, with a line where there is one.
  package var place: String
  /// Why it cannot be read.
  package var reason: String

  package init(_ subject: Subject, place: String, reason: String) {
    self.subject = subject
    self.place = place
    self.reason = reason
  }

  /// A clause.
  package var sentence: String { place.isEmpty ? reason : "\(place) cannot be read: \(reason)" }
}

extension HostConfiguration {
  /// That of a machine of which no file is known: it says nothing, and unknown is which guests there are.
  package static let unread = HostConfiguration(
    unreadable: UnreadableDefinitions.Subject.allCases.map {
      UnreadableDefinitions(
        $0, place: "", reason: "it is not known which guests are defined on this machine")
    })

  /// What the definitions assign, for rules that name guests.
  package var guests: GuestAssignments {
    func missing(_ subject: UnreadableDefinitions.Subject) -> String? {
      unreadable.first { $0.subject == subject }?.sentence
    }
    return GuestAssignments(
      definitions: definitions.map { definition in
        let device = definition.device
        return GuestAssignments.Definition(
          uuid: device.uuid,
          virtualMachines: virtualMachines.filter { $0.mediatedDevices.contains(device.uuid) }
            .map(\.name),
          contents: definition.problems.isEmpty
            ? GuestAssignments.Contents(
              adapters: device.adapters, domains: device.domains,
              startsAutomatically: definition.startsAutomatically) : nil)
      }, missingDefinitions: missing(.mediatedDevices), missingMachines: missing(.virtualMachines))
  }
}

/// An override that driverctl sets whenever the queue is added.
package struct ConfiguredOverride: Equatable, Sendable {
  package var apqn: APQN
  /// The driver that it is to have.
  package var driver: String
  /// The file that says so.
  package var source: String

  package init(apqn: APQN, driver: String, source: String) {
    self.apqn = apqn
    self.driver = driver
    self.source = source
  }

  /// The file `ap-05.0004` of driverctl's directory, whose text is a driver's name; nil for a file
  /// of another bus or without a name.
  package init?(fileName: String, text: String, source: String) {
    guard fileName.hasPrefix("ap-"), let apqn = APQN(String(fileName.dropFirst(3))),
      let driver = text.split(whereSeparator: \.isWhitespace).first
    else { return nil }
    self.init(apqn: apqn, driver: String(driver), source: source)
  }
}
