package import APBus
package import JSONText
package import Reservation
import ReservationRules

/// Queues of a machine as a table, and the requested ones that are missing: who has each, what it does,
/// what the rules want and what has become of that.
package struct QueueList {
  private let assessment: Assessment
  private let queues: APQNSet
  /// The same in the order in which they are shown.
  private let order: [APQN]

  /// The queues of an assessed machine that are selected, in the order of a column.
  package init(
    _ assessment: Assessment, _ selection: QueueSelection = QueueSelection(),
    sortedBy column: QueueColumn = .queue
  ) {
    self.assessment = assessment
    queues = selection.queues(of: assessment)
    guard column != .queue, column != .hmc else {
      order = Array(queues)
      return
    }
    // Sorting is stable, so that queues with the same text stay in their order.
    order = queues.map { (key: column.cell(of: QueueRow($0, in: assessment)).text, apqn: $0) }
      .sorted { Self.isInOrder($0.key, $1.key) }.map(\.apqn)
  }

  /// Whether a text is before another one, numbers in them by their values.
  private static func isInOrder(_ first: String, _ second: String) -> Bool {
    var (left, right) = (Array(first.utf8)[...], Array(second.utf8)[...])
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    while let one = left.first, let other = right.first {
      let numbers = [left, right].map { $0.prefix(while: digits.contains) }
      if !numbers[0].isEmpty, !numbers[1].isEmpty {
        let values = numbers.map { $0.drop { $0 == UInt8(ascii: "0") } }
        if values[0].count != values[1].count { return values[0].count < values[1].count }
        if !values[0].elementsEqual(values[1]) {
          return values[0].lexicographicallyPrecedes(values[1])
        }
        (left, right) = (left.dropFirst(numbers[0].count), right.dropFirst(numbers[1].count))
      } else if one != other {
        return one < other
      } else {
        (left, right) = (left.dropFirst(), right.dropFirst())
      }
    }
    return left.isEmpty && !right.isEmpty
  }

  /// Whether no queue is selected.
  package var isEmpty: Bool { queues.isEmpty }

  /// The adapters of all queues.
  package var adapters: APMask { queues.adapters }

  private func apqns(ofCard adapter: UInt8) -> [APQN] {
    queues[adapter].map { APQN(adapter: adapter, domain: $0) }
  }

  /// How many queues those adapters have.
  package func count(ofCards adapters: [UInt8]) -> Int {
    adapters.reduce(0) { $0 + queues[$1].count }
  }

  /// The table with these columns. Of the usual ones, those for guests and labels are left out where there are none.
  package func text(columns asked: [QueueColumn] = QueueColumn.usual, style: TextStyle) -> String {
    let rows = order.map { QueueRow($0, in: assessment) }
    let columns = asked.filter { column in
      guard asked == QueueColumn.usual, column == .guest || column == .name else { return true }
      return rows.contains { !["", "-"].contains(column.cell(of: $0).text) }
    }
    var (lines, left) = (Self.lines(of: rows, columns: columns, style: style), [QueueColumn]())
    // Of the usual columns, some can be done without on a narrow terminal.
    if asked == QueueColumn.usual, let width = style.width {
      for column in QueueColumn.dispensable where columns.contains(column) {
        let kept = columns.filter { !left.contains($0) }
        guard
          Self.lines(of: rows, columns: kept, style: .plain).contains(where: { $0.count > width })
        else { break }
        left.append(column)
      }
      lines = Self.lines(of: rows, columns: columns.filter { !left.contains($0) }, style: style)
    }
    if !left.isEmpty {
      let names = left.map(\.rawValue).joined(separator: ", ")
      lines +=
        [""] + "the terminal has no room for \(names); -o wide shows all".wrapped(to: style.columns)
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func lines(
    of rows: [QueueRow], columns: [QueueColumn], style: TextStyle
  ) -> [String] {
    var table = TextTable(headings: columns.map(\.heading))
    for row in rows { table.append(columns.map { $0.cell(of: row) }) }
    return table.lines(style: style)
  }

  /// The names of the queues, one a line.
  package var names: String { order.map { "\($0)\n" }.joined() }

  package static let layout = JSONLayout<Headed<QueueList>>.report(
    "list", "Queues of a machine, and requested ones that are missing."
  ) {
    $0.add(
      "queues", .list(of: .object(QueueRow.layout)), "The queues, in the order that was asked for."
    ) {
      list in
      list.report.order.map { QueueRow($0, in: list.report.assessment) }
    }
  }

  package var json: JSONValue { Self.layout.json(Headed(self)) }

  package func json(under heading: MachineHeading?) -> JSONValue {
    Self.layout.json(Headed(self, under: heading))
  }

  /// The queues of a card for programs: values of the type `Queue` (`org.apreserve.varlink`).
  package func json(ofCard adapter: UInt8) -> [JSONValue] {
    apqns(ofCard: adapter).map { QueueRow.layout.json(QueueRow($0, in: assessment)) }
  }
}

/// A column of the list of queues.
package enum QueueColumn: String, CaseIterable, Sendable {
  case queue, hmc, type, mode, owner, state, guest, reserve, request, rule, name
  case driver, override, hwtype, serial, device, pending, keys
  case keysRead = "keys-read"

  /// What is shown if nothing else is asked for.
  package static let usual: [QueueColumn] = [
    .queue, .hmc, .type, .mode, .owner, .state, .guest, .reserve, .request, .rule, .name,
  ]

  /// Those of the usual ones that are left out of a narrow table, the first one first.
  fileprivate static let dispensable: [QueueColumn] = [
    .mode, .hmc, .name, .rule, .type, .guest, .reserve, .request,
  ]

  var heading: String { rawValue.uppercased() }

  fileprivate func cell(of row: QueueRow) -> TextTable.Cell {
    let (card, queue) = (row.card, row.queue)
    switch self {
    case .queue: return .init(row.apqn.description)
    // As the HMC shows it, in decimal.
    case .hmc: return .init("\(row.apqn.adapter).\(row.apqn.domain)", .faint)
    case .type: return .init(card?.typeName ?? "-")
    case .mode: return .init(card?.mode?.rawValue ?? "-")
    case .owner: return queue.map { .init($0.owner.rawValue, Ink($0.owner)) } ?? .init("-")
    case .state:
      let state = row.state
      return .init(state?.rawValue ?? "absent", state?.isProblem ?? true ? .problem : nil)
    // A whole UUID is in the column `device`.
    case .guest:
      let guest = row.virtualMachine ?? row.device.map { String($0.uuid.prefix(8)) }
      return .init(guest?.printable ?? "-")
    case .reserve:
      return .init(row.decision.request, row.decision.reserve == nil ? .problem : nil)
    case .request:
      return .init(row.request?.rawValue ?? "-", row.request?.isStuck == true ? .problem : nil)
    case .rule: return .init(row.decision.rule?.location.shortFileAndLine ?? "-")
    case .name: return .init(row.decision.name?.printable ?? "")
    case .driver: return .init(queue?.driver?.printable ?? "-")
    case .override: return .init(queue?.driverOverride?.printable ?? "-")
    case .hwtype: return .init(card.map { "\($0.hardwareType.rawValue)" } ?? "-")
    case .serial: return .init(card?.attributes["serialnr"]?.printable ?? "-")
    case .device: return .init(row.device?.uuid ?? "-")
    case .pending: return .init(queue?.pendingRequests.map { "\($0)" } ?? "-")
    case .keys: return .init(row.keys.currentText ?? "-")
    case .keysRead: return .init(row.keys.sourceText, row.keys.hasChanged ? .problem : nil)
    }
  }
}

/// What is known of one queue.
struct QueueRow {
  let apqn: APQN
  let card: Card?
  let queue: Queue?
  let state: QueueState?
  let decision: Decision
  let request: Requests.State?
  let device: MediatedDevice?
  /// The virtual machine that uses it.
  let virtualMachine: String?
  /// What is known of its master keys.
  let keys: QueueKeys

  init(_ apqn: APQN, in assessment: Assessment) {
    let inventory = assessment.inventory
    self.apqn = apqn
    card = inventory.card(apqn.adapter)
    queue = inventory.queue(apqn)
    state = queue.map { QueueState($0, in: inventory) }
    decision = assessment.decisions.decision(for: apqn)
    request = assessment.requests.state(of: apqn)
    keys = inventory.keys(of: apqn)
    let device = inventory.mediatedDevice(holding: apqn)
    self.device = device
    virtualMachine = device.flatMap { device in
      assessment.context.configuration.virtualMachines
        .first { $0.mediatedDevices.contains(device.uuid) }?.name
    }
  }

  static let layout = JSONLayout<QueueRow>("Queue", "A queue.") {
    $0.add("name", .queue, "The queue, as sysfs names it.", \.apqn)
    $0.add("adapter", .integer, "Its adapter in decimal, as the HMC shows it.", \.apqn.adapter)
    $0.add("domain", .integer, "Its domain in decimal, as the HMC shows it.", \.apqn.domain)
    $0.add("type", .text, "Product and mode of its card, such as CEX8C.", \.card?.typeName)
    $0.add("hwtype", .integer, "The hardware type.", \.card?.hardwareType.rawValue)
    $0.add("mode", .word, "The mode.", \.card?.mode)
    $0.add("serialnr", .text, "The serial number of its card.") { $0.card?.attributes["serialnr"] }
    $0.add("owner", .word, "Who has it; missing if it is absent.", \.queue?.owner)
    $0.add("driver", .text, "The driver that it is bound to.", \.queue?.driver)
    $0.add("driver_override", .text, "The only driver that may have it.", \.queue?.driverOverride)
    $0.add("state", .text(of: QueueState.words), "What it is doing.") {
      $0.state == .unknown ? nil : $0.state?.rawValue
    }
    $0.add("mediatedDevice", .text, "The UUID of the mediated device that has it.", \.device?.uuid)
    $0.add("virtualMachine", .text, "The virtual machine of that device.", \.virtualMachine)
    $0.include(Decision.layout, \.decision)
    $0.add(
      "request", .word, "The state of its request; missing if no guest is to have it.", \.request)
    $0.add(
      "pending", .count, "How many requests it has not answered yet.", \.queue?.pendingRequests)
    $0.include(MasterKeyPattern.layout, \.queue?.masterKeys)
    $0.add(
      "masterKeys", .list(of: .object(QueueKeys.Register.layout)),
      "What is known of the registers for master keys of its domain; missing if it has none."
    ) { $0.keys.registers.isEmpty ? nil : $0.keys.registers }
    $0.add(
      "unanswered", .text, "The read that its adapter does not answer.",
      \.card?.unanswered?.description)
  }
}

extension QueueState {
  /// Whether the queue cannot be used now.
  fileprivate var isProblem: Bool {
    switch self {
    case .offline, .deconfigured, .checkStopped, .unbound: true
    case .online, .unassigned, .assigned, .inUse, .unknown: false
    }
  }
}

/// What a queue is doing, in one word.
package enum QueueState: String, Hashable, Sendable, CaseIterable {
  /// With the host and usable.
  case online
  /// With the host and switched off.
  case offline
  /// Not configured, on itself or its card.
  case deconfigured = "deconfig"
  /// Check-stopped, on itself or its card.
  case checkStopped = "chkstop"
  /// On `vfio_ap`, in no mediated device.
  case unassigned
  /// In a mediated device.
  case assigned
  /// In use by a running guest.
  case inUse = "in use"
  /// Without a driver.
  case unbound
  /// The kernel does not say.
  case unknown = "-"

  /// The words of documents, which leave out what is unknown.
  fileprivate static let words = allCases.filter { $0 != .unknown }.map(\.rawValue)

  /// The state of a queue in an inventory. What makes it unusable is first.
  package init(_ queue: Queue, in inventory: Inventory) {
    let card = inventory.card(queue.apqn.adapter)
    switch queue.hardwareFault(on: card) {
    case .deconfigured: self = .deconfigured
    case .checkStopped: self = .checkStopped
    case nil: self = Self(working: queue, in: inventory)
    }
  }

  private init(working queue: Queue, in inventory: Inventory) {
    switch (queue.owner, queue.guestStatus) {
    case (.none, _): self = .unbound
    case (.host, _): self = queue.isOnline.map { $0 ? .online : .offline } ?? .unknown
    case (.vfioAP, .inUse): self = .inUse
    case (.vfioAP, .assigned): self = .assigned
    case (.vfioAP, let status):
      if inventory.mediatedDevice(holding: queue.apqn) != nil {
        self = .assigned
      } else {
        self = status == nil ? .unknown : .unassigned
      }
    }
  }
}
