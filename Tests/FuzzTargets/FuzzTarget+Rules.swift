import APBus
import ReservationRules

extension FuzzTarget {
  /// Rule files: each mistake has a place in the file, and what is left decides any machine.
  static let rules = FuzzTarget("rules") { bytes in
    let (rules, diagnostics) = RuleSet.parse(files: [RuleFile(path: "f.rules", bytes: bytes)])
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for diagnostic in diagnostics {
      let location = diagnostic.location
      try hold(location.line >= 1 && location.line <= lines.count, "line \(location.line)")
      let width = lines[location.line - 1].count
      try hold(
        location.column >= 1 && location.column <= width + 1,
        "column \(location.column) of \(width)")
      try hold(!diagnostic.description.isEmpty, "a diagnostic without text")
    }
    // Deciding all 65,536 queues takes far longer than reading, so it is done for some only.
    guard !rules.rules.isEmpty, bytes.count.isMultiple(of: 8) else { return }
    let table = DecisionTable(rules: rules, inventory: machine, host: HostIdentity(name: "h"))
    for apqn in [APQN(adapter: 0, domain: 0), APQN(adapter: 5, domain: 4)] {
      let decision = table.decision(for: apqn)
      let row = table.row(apqn.adapter)
      try hold(
        (decision.reserve == .vfioAP) == row.vfioAP.contains(apqn.domain),
        "\(apqn) is decided in two ways")
    }
  }

  /// The text in which rules are kept: it gives back what was put into it, or nothing.
  static let archive = FuzzTarget("archive") { bytes in
    guard let files = RuleArchive.decode(bytes) else { return }
    try hold(
      RuleArchive.decode(RuleArchive.encode(files)) == files,
      "\(files.count) files come back otherwise")
    let text = files.reduce(0) { $0 + $1.bytes.count }
    try hold(text <= bytes.count, "\(text) bytes of files in \(bytes.count)")
    _ = RuleSet.parse(files: files)
  }

  private static let machine: Inventory = {
    var inventory = Inventory.empty
    inventory.setCard(
      Card(
        adapter: 5, hardwareType: HardwareType(rawValue: 13), functions: QueueMode.cca.functions,
        driver: DriverName.cex4card, attributes: ["serialnr": "93AA0005"]), adapter: 5)
    let apqn = APQN(adapter: 5, domain: 4)
    inventory.setQueue(Queue(apqn: apqn, driver: DriverName.cex4queue), apqn: apqn)
    return inventory
  }()
}
