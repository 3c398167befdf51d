import APBus
import Reservation

extension Executor {
  func requireCurrent(_ operation: Operation) throws(Failure.Cause) {
    let isCurrent: Bool
    do throws(InventoryReaderError) {
      isCurrent = try self.isCurrent(operation)
    } catch {
      throw .unreadable("\(error)")
    }
    if !isCurrent { throw .outdated }
  }

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

  func requireUnassigned(_ apqn: APQN) throws(Failure.Cause) {
    let isAssigned: Bool
    let devices: [MediatedDevice]
    do throws(InventoryReaderError) {
      isAssigned = try reader.readQueue(apqn)?.isAssigned == true
      devices = try reader.readMediatedDevices()
    } catch {
      // Who cannot be asked may have the queue.
      throw .unreadable("\(error)")
    }
    if isAssigned || devices.contains(where: { $0.holds(apqn) }) {
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
    guard bus.masks == masks else { throw .changedMeanwhile }
  }
}
