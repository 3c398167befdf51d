package import APBus
package import JSONText
package import Reservation
import ReservationRules

/// A guest's definition in the forms that other tools and apreserve take.
package struct GuestDefinition {
  private let draft: GuestDraft
  private let findings: [GuestFinding]
  private let needs: GuestNeeds

  /// `inventory` is that of the host, whose name is `host`.
  package init(
    _ draft: GuestDraft, findings: [GuestFinding], on inventory: Inventory, host: String?
  ) {
    self.draft = draft
    self.findings = findings
    needs = GuestNeeds(of: draft.device, on: inventory, host: host)
  }

  /// A form of the definition.
  package enum Format: String, CaseIterable, Sendable {
    /// For `mdevctl define --jsonfile`.
    case mdevctl
    /// For `virsh nodedev-define`, with what the virtual machine needs in a comment.
    case libvirt
    /// The line that changes an active device at once.
    case matrix = "ap_config"
    /// Rules that reserve the queues.
    case rules
  }

  package func text(_ format: Format) -> String {
    switch format {
    case .mdevctl: mdevctl.documentText
    case .libvirt:
      nodeDevice + "<!-- In the devices of the virtual machine:\n" + hostDevice + "-->\n"
        + "<!-- In its metadata, so that other hosts can compare what it needs:\n" + needs.xml
        + "-->\n" + autostart
    case .matrix: matrixLine + "\n"
    case .rules: rules
    }
  }

  /// The definition for mdevctl, with numbers as sysfs prints them; the kernel and all callouts read them.
  package var mdevctl: JSONValue { Self.mdevctlLayout.json(self) }

  private static let mdevctlLayout = JSONLayout<GuestDefinition>(
    "MdevctlDefinition", "The definition as mdevctl takes it."
  ) {
    $0.add("mdev_type", constant: "vfio_ap-passthrough", "The type of the device.")
    $0.add("start", .text(of: ["auto", "manual"]), "Whether it is started at boot.", \.start)
    $0.add(
      "attrs", .list(of: .dictionary(of: .text)),
      "What is written to its attributes, in this order."
    ) { definition in definition.attributes.map { [(key: $0.name, value: $0.value)] } }
  }

  private var start: String { draft.startsAutomatically ? "auto" : "manual" }

  /// The attributes in the order in which they are written: a domain is taken with all adapters before it.
  private var attributes: [(name: String, value: String)] {
    [
      ("assign_adapter", draft.device.adapters, 2), ("assign_domain", draft.device.domains, 4),
      ("assign_control_domain", draft.device.controlDomains, 4),
    ].flatMap { name, mask, digits in
      mask.map { (name, "0x" + Hex.text($0, digits: digits)) }
    }
  }

  private var nodeDevice: String {
    let attributes = attributes.map { "    <attr name='\($0.name)' value='\($0.value)'/>\n" }
    return """
      <device>
        <parent>ap_matrix</parent>
        <capability type='mdev'>
          <type id='vfio_ap-passthrough'/>
          <uuid>\(draft.device.uuid)</uuid>

      """ + attributes.joined() + """
          </capability>
        </device>

        """
  }

  /// libvirt has no element for that.
  private var autostart: String {
    guard draft.startsAutomatically else { return "" }
    let uuid = draft.device.uuid.replacing("-", with: "_")
    return "<!-- So that it is started at boot: virsh nodedev-autostart mdev_\(uuid)_matrix -->\n"
  }

  private var hostDevice: String {
    """
    <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-ap'>
      <source>
        <address uuid='\(draft.device.uuid)'/>
      </source>
    </hostdev>

    """
  }

  private var matrixLine: String {
    [draft.device.adapters, draft.device.domains, draft.device.controlDomains]
      .map(\.description).joined(separator: ",")
  }

  private var rules: String {
    """
    # Or, as long as it is defined: GUEST=="\(ruleName)", RESERVE="vfio_ap"
    ADAPTER=="\(draft.device.adapters.ruleNumbers("|"))", DOMAIN=="\(draft.device.domains.ruleNumbers("|"))", \
    RESERVE="vfio_ap", NAME="\(draft.name)"

    """
  }

  /// How rules name the guest: by its label, if that stands for the UUID.
  private var ruleName: String {
    GuestAssignments.uuid(forLabel: draft.name) == draft.device.uuid
      ? draft.name : draft.device.uuid
  }

  package static let layout = JSONLayout<GuestDefinition>.document(
    "guest-definition", "A guest as it is to be defined, in the forms that other tools take."
  ) {
    $0.add("name", .text, "Its name.", \.draft.name)
    $0.add("uuid", .text, "The UUID of the mediated device.", \.draft.device.uuid)
    $0.add("start", .text(of: ["auto", "manual"]), "Whether it is started at boot.", \.start)
    $0.include(Guest.matrixLayout, \.draft.device)
    $0.add("queues", .queues, "The queues that it is to have.", \.draft.device.queues)
    $0.add("mdevctl", .object(mdevctlLayout), "The definition for mdevctl.") { $0 }
    $0.add("nodeDevice", .text, "The node device for libvirt.", \.nodeDevice)
    $0.add("hostDevice", .text, "The element of the virtual machine.", \.hostDevice)
    $0.add(
      "needs", .text,
      "The element for the metadata of the virtual machine, by which the hook of libvirt compares another host.",
      \.needs.xml)
    $0.add("ap_config", .text, "The line for a device that is active.", \.matrixLine)
    $0.add("rules", .text, "Rules that reserve the queues.", \.rules)
    $0.add(
      "findings", .list(of: .object(GuestFinding.layout)), "What is wrong with it.", \.findings)
  }

  package var json: JSONValue { Self.layout.json(self) }
}

extension QueueMatrix {
  /// The adapters and domains as sysfs and the HMC have them: `adapters 05,06 x domains 0004`.
  package var text: String {
    "adapters \(GuestList.hexadecimal(adapters, digits: 2)) x domains "
      + GuestList.hexadecimal(domains, digits: 4)
  }

  /// Why these queues are no matrix, with the nearest ones; a sentence.
  package static func refusal(of queues: APQNSet) -> String {
    let around = QueueMatrix(around: queues)
    let within = QueueMatrix(within: queues)
    let others = around.queues.filter { !queues.contains($0) }
    let rest = queues.filter { !within.queues.contains($0) }
    return
      "a mediated device has all queues of its adapters in its domains, and these are none such: "
      + "\(around.text) would also have \(others.shortList()); \(within.text) would lack "
      + rest.shortList()
  }
}
