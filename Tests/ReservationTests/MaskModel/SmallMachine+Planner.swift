import APBus
import Reservation
import ReservationRules

/// The machine in the planner's terms.
extension SmallMachine {
  /// Ids with both ends of the range and word borders among them.
  static let adapterIDs: [UInt8] = [0, 0x40, 0xff]
  static let domainIDs: [UInt8] = [4, 0x7f, 0xff]

  func apqn(_ cell: Cell) -> APQN {
    APQN(adapter: Self.adapterIDs[cell.row], domain: Self.domainIDs[cell.column])
  }

  /// The name of a cell, which may be the rest's.
  func apqnText(_ cell: Cell) -> String {
    cell.row < rows && cell.column < columns
      ? apqn(cell).description : "(\(cell.row), \(cell.column))"
  }

  private func mask(_ bits: Int, _ ids: ArraySlice<UInt8>) -> APMask {
    var mask: APMask = bits >> ids.count & 1 == 1 ? .all : []
    for (index, id) in ids.enumerated() {
      if bits >> index & 1 == 1 { mask.insert(id) } else { mask.remove(id) }
    }
    return mask
  }

  func adapterMask(_ bits: Int) -> APMask { mask(bits, Self.adapterIDs.prefix(rows)) }
  func domainMask(_ bits: Int) -> APMask { mask(bits, Self.domainIDs.prefix(columns)) }

  var inventory: Inventory {
    var inventory = Inventory.empty
    inventory.bus.masks = MaskPair(adapters: adapterMask(adapters), domains: domainMask(domains))
    inventory.bus.scans = 1
    inventory.bus.supportsOverride = asksWide
    inventory.bus.drivers =
      [DriverName.cex4card, DriverName.cex4queue] + (hasVfioAP ? [DriverName.vfioAP] : [])
    for (row, type) in types.enumerated() {
      guard let type else { continue }
      let adapter = Self.adapterIDs[row]
      inventory.setCard(
        Card(
          adapter: adapter, hardwareType: HardwareType(rawValue: type),
          functions: QueueMode.cca.functions, driver: type < 10 ? "cex2ccard" : DriverName.cex4card),
        adapter: adapter)
    }
    for cell in queues {
      inventory.setQueue(Queue(apqn: apqn(cell), driver: driver(cell)), apqn: apqn(cell))
    }
    inventory.mediatedDevices = devices.enumerated().map { index, device in
      MediatedDevice(
        uuid: "0000000\(index)-0000-0000-0000-000000000000",
        adapters: APMask(
          Self.adapterIDs.prefix(rows).enumerated().filter {
            device.adapters >> $0.offset & 1 == 1
          }.map(\.element)),
        domains: APMask(
          Self.domainIDs.prefix(columns).enumerated().filter {
            device.domains >> $0.offset & 1 == 1
          }.map(\.element)))
    }
    return inventory
  }

  /// The driver that the kernel has put on a queue (SimulatedBus documentation, "Matching").
  private func driver(_ cell: Cell) -> String? {
    if unbound.contains(cell) { return nil }
    if adapters >> cell.row & 1 == 1, domains >> cell.column & 1 == 1 {
      return isReservable(cell) ? DriverName.cex4queue : "cex2cqueue"
    }
    return isReservable(cell) && hasVfioAP ? DriverName.vfioAP : nil
  }

  var ownership: Ownership {
    Ownership(
      adapters: adapterMask(ourAdapters), domains: domainMask(ourDomains),
      seen: APQNSet(seen.map(apqn)))
  }

  /// The requests as rules: the rest's first, then whole rows and columns, then cell by cell.
  var rules: String {
    func assignment(_ request: Request) -> String {
      request == .accepting
        ? #"RESERVE="vfio_ap", COLLATERAL="accept""# : "RESERVE=\"\(request.rawValue)\""
    }
    var lines = [#"APQN=="*", "# + assignment(requests[rows][columns])]
    for row in 0..<rows {
      lines.append(
        "ADAPTER==\"0x\(Hex.text(Self.adapterIDs[row], digits: 2))\", "
          + assignment(requests[row][columns]))
    }
    for column in 0..<columns {
      lines.append(
        "DOMAIN==\"0x\(Hex.text(Self.domainIDs[column], digits: 4))\", "
          + assignment(requests[rows][column]))
    }
    for cell in cells { lines.append("APQN==\"\(apqn(cell))\", " + assignment(request(cell))) }
    return lines.joined(separator: "\n")
  }
}
