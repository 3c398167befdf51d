import Reservation
import APBus
import Reports
import ReservationRules
import Snapshots
import Testing

/// A machine of three unequal cards, and rules for it.
enum Example {
  static let mask = "0x" + String(repeating: "f", count: 64)

  static let description = """
    {"apreserve": "snapshot", "version": 1,
     "bus": {"apmask": "\(mask)", "aqmask": "\(mask)", "scans": 1, "driverOverride": true,
       "drivers": ["cex4card", "cex4queue", "vfio_ap"]},
     "cards": [
      {"name": "card02", "hwtype": 9, "mode": "accel", "driver": "cex2card", "queues": [
        {"name": "02.0004", "driver": "cex2queue", "online": true}]},
      {"name": "card05", "hwtype": 13, "mode": "cca", "driver": "cex4card", "queues": [
        {"name": "05.0004", "driver": "cex4queue", "online": true},
        {"name": "05.0047", "driver": "cex4queue", "online": false}]},
      {"name": "card0a", "hwtype": 14, "mode": "ep11", "driver": "cex4card", "queues": [
        {"name": "0a.0004", "driver": "vfio_ap", "driver_override": "vfio_ap",
         "status": "assigned"},
        {"name": "0a.0047"}]}],
     "mediatedDevices": [{"uuid": "11111111-2222-3333-4444-555555555555", "adapters": ["0x0a"],
       "domains": ["0x0004"], "controlDomains": []}]}
    """

  static let rules = """
    HWTYPE=="13-", DOMAIN=="4", RESERVE="vfio_ap", NAME="db guests"
    ADAPTER=="2", RESERVE="vfio_ap"
    """

  static func inventory() throws -> Inventory {
    try Snapshot.decode(Array(description.utf8), file: "example.json").inventory
  }

  static func ruleSet(_ text: String = rules) throws -> RuleSet {
    let (set, diagnostics) = RuleSet.parse(files: [RuleFile(path: "/etc/r/50-db.rules", text: text)]
    )
    try #require(diagnostics.isEmpty, "\(diagnostics)")
    return set
  }

  static func assessment(_ rules: String = rules) throws -> Assessment {
    try Assessment(inventory: inventory(), rules: ruleSet(rules))
  }

  /// Cards of type 13 on which every domain of a range is with the host.
  static func grid(adapters: ClosedRange<UInt8>, domains: ClosedRange<UInt8>) -> Inventory {
    var inventory = Inventory.empty
    inventory.bus.drivers = [DriverName.cex4card, DriverName.cex4queue, DriverName.vfioAP]
    for adapter in adapters {
      inventory.setCard(
        Card(
          adapter: adapter, hardwareType: HardwareType(rawValue: 13),
          functions: QueueMode.cca.functions, driver: DriverName.cex4card), adapter: adapter)
      for domain in domains {
        let apqn = APQN(adapter: adapter, domain: domain)
        inventory.setQueue(Queue(apqn: apqn, driver: DriverName.cex4queue), apqn: apqn)
      }
    }
    return inventory
  }
}
