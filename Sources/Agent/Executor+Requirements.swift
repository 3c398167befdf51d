import AdjunctProcessor
import Reservation
import Sysfs

extension Executor {
  /// A mask without any bit takes everything from the host, what is there and what comes; it is
  /// written only where that is what the plan says of every queue that the host has or gets.
  func requireReason(
    for mask: APMask, _ operation: Operation, _ inventory: Inventory
  ) throws(Failure.Cause) {
    guard mask.isEmpty else { return }
    let leaving = Set(operation.changes.filter { $0.to != .host }.map(\.apqn))
    let left = inventory.queues.first { $0.owner == .host && !leaving.contains($0.apqn) }
    let coming = operation.changes.first { $0.to == .host }
    if let apqn = left?.apqn ?? coming?.apqn { throw .wouldTakeEverything(apqn) }
  }

  func requireIdle(_ apqn: APQN) throws(Failure.Cause) {
    let count: Int?
    do throws(InventoryReaderError) {
      count = try reader.readPendingRequests(apqn)
    } catch {
      throw .unreadable("\(error)")
    }
    if let count, count > 0 { throw .busy(apqn, requests: count) }
  }

  /// Older kernels take queues from a guest by masks without a question (ap-bus.md 4.3 step 4), and a
  /// guest can have been given one since the plan was made, also one that came only since.
  func requireUnassigned(
    _ operation: Operation, _ inventory: Inventory
  ) throws(Failure.Cause) {
    let released = operation.changes.filter { $0.from == .vfioAP && $0.to != .vfioAP }
    let entering = APQNSet(enteringHostPoolBy: operation.steps, on: inventory.bus)
    guard !released.isEmpty || !entering.isEmpty else { return }
    let devices: [MediatedDevice]
    var assigned: APQN?
    do throws(InventoryReaderError) {
      devices = try reader.readMediatedDevices()
      for change in released where assigned == nil {
        let status = try reader.readQueue(change.apqn)?.guestStatus
        if status == .assigned || status == .inUse
          || devices.contains(where: { $0.holds(change.apqn) })
        {
          assigned = change.apqn
        }
      }
    } catch {
      throw .unreadable("\(error)")
    }
    for device in devices where assigned == nil {
      for adapter in device.adapters {
        let domain = entering[adapter].intersection(device.domains).first
        assigned = assigned ?? domain.map { APQN(adapter: adapter, domain: $0) }
      }
    }
    if let assigned { throw .assignedMeanwhile(assigned) }
  }

  func requireUnassigned(_ apqn: APQN) throws(Failure.Cause) {
    let status: Queue.GuestStatus?
    let devices: [MediatedDevice]
    do throws(InventoryReaderError) {
      status = try reader.readQueue(apqn)?.guestStatus
      devices = try reader.readMediatedDevices()
    } catch {
      // Who cannot be asked may have the queue.
      throw .unreadable("\(error)")
    }
    if status == .assigned || status == .inUse || devices.contains(where: { $0.holds(apqn) }) {
      throw .assignedMeanwhile(apqn)
    }
  }

  /// Masks are written whole, so they must be what the plan, and what was written since, made them:
  /// otherwise another hand's change would be taken back.
  func require(_ masks: MaskPair?, _ inventory: Inventory) throws(Failure.Cause) {
    let bus: BusState
    do throws(InventoryReaderError) {
      bus = try reader.reread(inventory.bus)
    } catch {
      throw .unreadable("\(error)")
    }
    guard bus.adapterMask == masks?.adapters, bus.domainMask == masks?.domains else {
      throw .changedMeanwhile
    }
  }
}

extension APQNSet {
  /// The APQNs, here or not, that masks let into the host's pool.
  fileprivate init(enteringHostPoolBy steps: [Step], on bus: BusState) {
    self.init()
    guard let adapters = bus.adapterMask, let domains = bus.domainMask else { return }
    let current = MaskPair(adapters: adapters, domains: domains)
    var target = current
    for step in steps {
      switch step {
      case .setAdapterMask(let mask): target.adapters = mask
      case .setDomainMask(let mask): target.domains = mask
      default: continue
      }
    }
    for adapter in target.adapters {
      self[adapter] = target.domains.subtracting(current.hostDomains(of: adapter))
    }
  }
}
