public import APBus
import Uevents

/// Mediated devices: creating, assigning, removing, and the guests that have them (SimulatedBus
/// documentation, "Mediated devices" and "Guests").
extension SimulatedBus {
  /// How many mediated devices there can be.
  static let mediatedDeviceLimit = 65_536

  /// A write to `create`. The kernel names the device in lower case, however it was written.
  func createMediatedDevice(_ text: String, in matrix: MatrixDevice) throws(Errno) {
    let name = AttributeInput.name(text)
    guard BusObject.isUUID(name) else { throw .invalidArgument }
    let uuid = name.lowercased()
    guard matrix.mediatedDevices[uuid] == nil else { throw .exists }
    guard matrix.mediatedDevices.count < Self.mediatedDeviceLimit else {
      throw behavior.hasGuestMatrix ? .tooManyUsers : .notPermitted
    }
    let mediated = SimulatedMediatedDevice(MediatedDevice(uuid: uuid))
    matrix.mediatedDevices[uuid] = mediated
    send(.add, of: .mediatedDevice(uuid))
    mediated.isBound = true
    send(.bind, of: .mediatedDevice(uuid))
  }

  /// A write to `remove`. If a guest has the device, older kernels refuse. Newer ones ask for it and wait.
  /// A call here cannot wait: it ends as if by a signal; the removal has begun, and is completed when the
  /// guest stops.
  func remove(_ mediated: SimulatedMediatedDevice, text: String) throws(Errno) {
    guard try AttributeInput.unsigned(text) != 0 else { return }
    let uuid = mediated.device.uuid
    guard mediated.hasGuest else { return remove(mediatedDevice: uuid) }
    guard behavior.removalWaitsForGuest else { throw .busy }
    mediated.isLeaving = true
    onGuestRequest?(uuid)
    guard !isWaitingForGuest(uuid) else { throw .interrupted }
  }

  /// Whether the removal of a mediated device has begun and waits for its guest.
  ///
  /// - Parameter uuid: The mediated device.
  /// - Returns: False also for a device that does not exist.
  public func isWaitingForGuest(_ uuid: String) -> Bool {
    matrix?.mediatedDevices[uuid]?.isLeaving == true
  }

  func remove(mediatedDevice uuid: String) {
    matrix?.mediatedDevices[uuid]?.isBound = false
    send(.unbind, of: .mediatedDevice(uuid))
    send(.remove, of: .mediatedDevice(uuid))
    matrix?.mediatedDevices[uuid] = nil
  }

  /// A write to one of the assign files.
  func assign(
    _ text: String, as axis: WritableKeyPath<MediatedDevice, APMask>,
    to mediated: SimulatedMediatedDevice
  ) throws(Errno) {
    var device = mediated.device
    guard device[keyPath: axis].insert(try number(text, for: mediated)).inserted else { return }
    // Control domains have no queues that another could have.
    if axis != \.controlDomains { try validate(device) }
    mediated.device = device
  }

  /// A write to one of the unassign files.
  func unassign(
    _ text: String, as axis: WritableKeyPath<MediatedDevice, APMask>,
    from mediated: SimulatedMediatedDevice
  ) throws(Errno) {
    mediated.device[keyPath: axis].remove(try number(text, for: mediated))
  }

  /// The number of an adapter or domain; older kernels change nothing while a guest runs.
  private func number(
    _ text: String, for mediated: SimulatedMediatedDevice
  ) throws(Errno) -> UInt8 {
    if behavior.assignment == .boundQueues, mediated.hasGuest { throw .busy }
    guard let number = UInt8(exactly: try AttributeInput.unsigned(text)) else {
      throw .noSuchDevice
    }
    return number
  }

  /// A write to `ap_config`: three whole masks, taken at once or not at all.
  func configure(_ mediated: SimulatedMediatedDevice, text: String) throws(Errno) {
    let parts = AttributeInput.name(text).split(separator: ",", omittingEmptySubsequences: false)
    let masks = parts.compactMap { part in
      part.utf8.starts(with: "0x".utf8) ? APMask().writing(part.utf8) : nil
    }
    guard parts.count == 3, masks.count == 3 else { throw .invalidArgument }
    let device = MediatedDevice(
      uuid: mediated.device.uuid, adapters: masks[0], domains: masks[1], controlDomains: masks[2])
    try validate(device)
    mediated.device = device
  }

  /// Refuses a matrix with a queue of the host or of another mediated device.
  private func validate(_ device: MediatedDevice) throws(Errno) {
    guard let matrix else { throw .noSuchDevice }
    switch behavior.assignment {
    case .pools:
      for adapter in device.adapters {
        for domain in device.domains
        where isHostOwned(APQN(adapter: adapter, domain: domain)) {
          throw .addressNotAvailable
        }
      }
    case .boundQueues: try validateBound(device, in: matrix)
    }
    for other in matrix.mediatedDevices.values where other.device.uuid != device.uuid {
      guard
        other.device.adapters.isDisjoint(with: device.adapters)
          || other.device.domains.isDisjoint(with: device.domains)
      else { throw .addressInUse }
    }
  }

  /// Every queue of the matrix must be bound to `vfio_ap`; with nothing on the other axis yet, some
  /// queue of that adapter or domain must be.
  private func validateBound(_ device: MediatedDevice, in matrix: MatrixDevice) throws(Errno) {
    let adapters = device.adapters.isEmpty ? APMask.all : device.adapters
    if device.domains.isEmpty {
      guard device.adapters.allSatisfy({ !matrix.queues[$0].isEmpty }) else {
        throw .addressNotAvailable
      }
    } else if device.adapters.isEmpty {
      let bound = adapters.reduce(into: APMask()) { $0.formUnion(matrix.queues[$1]) }
      guard device.domains.isSubset(of: bound) else { throw .addressNotAvailable }
    } else {
      guard adapters.allSatisfy({ device.domains.isSubset(of: matrix.queues[$0]) }) else {
        throw .addressNotAvailable
      }
    }
  }

  /// Whether a queue belongs to the host: an override decides for a bound queue that has one, else
  /// the masks do, whether or not the queue exists (`ap_apqn_in_matrix_owned_by_def_drv`).
  private func isHostOwned(_ apqn: APQN) -> Bool {
    if let queue = queue(apqn), queue.driverOverride != nil, let driver = queue.driver {
      return driver.isDefault
    }
    return masks.isInHostPool(apqn)
  }

  /// Starts a guest with a mediated device: the queues that it gets are in use from then on.
  ///
  /// - Parameter uuid: The mediated device.
  /// - Throws: ENODEV for an unknown device, EBUSY for one that has a guest.
  public func startGuest(_ uuid: String) throws(Errno) {
    guard let mediated = matrix?.mediatedDevices[uuid], !mediated.isLeaving else {
      throw .noSuchDevice
    }
    guard !mediated.hasGuest else { throw .busy }
    mediated.hasGuest = true
  }

  /// Stops the guest of a mediated device, if it has one. A removal that waits for it is completed.
  ///
  /// - Parameter uuid: The mediated device.
  public func stopGuest(_ uuid: String) {
    matrix?.mediatedDevices[uuid]?.hasGuest = false
    if isWaitingForGuest(uuid) { remove(mediatedDevice: uuid) }
  }

  /// What a guest of the device gets of its matrix.
  func effectiveMatrix(of device: MediatedDevice, in matrix: MatrixDevice) -> MediatedDevice {
    matrix.effectiveMatrix(of: device, adapters: guestAdapters, domains: guestDomains)
  }
}

/// `/sys/devices/vfio_ap/matrix`: exists while the module `vfio_ap` is loaded, and holds the APQNs of
/// the queues that `vfio_ap` has taken.
final class MatrixDevice {
  /// The queues that `vfio_ap` has.
  var queues = APQNSet()
  /// Whether it is bound to the driver on its own bus.
  var isBound = false
  /// The mediated devices, by UUID.
  var mediatedDevices: [String: SimulatedMediatedDevice] = [:]

  /// The mediated device in whose matrix the queue is; at most one is.
  func mediatedDevice(holding apqn: APQN) -> SimulatedMediatedDevice? {
    mediatedDevices.values.first { $0.device.holds(apqn) }
  }

  /// What a guest of the device gets of its matrix: an adapter is left out whole where one of its
  /// queues is not bound to `vfio_ap` (`vfio_ap_mdev_filter_matrix`).
  /// `adapters` and `domains` are those that guests may have now.
  func effectiveMatrix(
    of device: MediatedDevice, adapters: APMask, domains: APMask
  ) -> MediatedDevice {
    var effective = device
    effective.domains.formIntersection(domains)
    effective.adapters.formIntersection(adapters)
    for adapter in effective.adapters
    where !effective.domains.isSubset(of: queues[adapter]) {
      effective.adapters.remove(adapter)
    }
    return effective
  }
}

/// A mediated device and whether a guest has it open.
final class SimulatedMediatedDevice {
  /// What is assigned to it.
  var device: MediatedDevice
  /// Whether it is bound to its driver.
  var isBound = false
  /// Whether a guest runs with it.
  var hasGuest = false
  /// Whether its removal has begun and waits for the guest: its files are removed, and what is assigned to
  /// it is assigned still (`mdev_device_remove` in drivers/vfio/mdev/mdev_core.c).
  var isLeaving = false

  init(_ device: MediatedDevice) {
    self.device = device
  }
}
