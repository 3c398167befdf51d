public import APBus
import Uevents

/// Mediated devices: creating, assigning, removing (SimulatedBus documentation, "Mediated devices").
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
    matrix.mediatedDevices[uuid] = SimulatedMediatedDevice(device: MediatedDevice(uuid: uuid))
    send(.add, .mediatedDevice(uuid))
    matrix.mediatedDevices[uuid]?.isBound = true
    send(.bind, .mediatedDevice(uuid))
  }

  /// A write to `remove`. Where a guest has the device, older kernels refuse. Newer ones ask for it and
  /// wait; what cannot wait, such as a call here, is answered as a call that a signal ends. The removal
  /// has begun then, and is done when the guest stops.
  func removeMediatedDevice(_ text: String, uuid: String) throws(Errno) {
    guard try AttributeInput.unsigned(text) != 0 else { return }
    guard matrix?.mediatedDevices[uuid]?.hasGuest == true else {
      remove(mediatedDevice: uuid)
      return
    }
    guard behavior.removalWaitsForGuest else { throw .busy }
    matrix?.mediatedDevices[uuid]?.isLeaving = true
    onGuestRequest?(uuid)
    guard !isWaitingForGuest(uuid) else { throw .interrupted }
  }

  /// Whether the removal of a mediated device has begun and waits for its guest.
  public func isWaitingForGuest(_ uuid: String) -> Bool {
    matrix?.mediatedDevices[uuid]?.isLeaving == true
  }

  /// Removes a mediated device.
  func remove(mediatedDevice uuid: String) {
    matrix?.mediatedDevices[uuid]?.isBound = false
    send(.unbind, .mediatedDevice(uuid))
    send(.remove, .mediatedDevice(uuid))
    matrix?.mediatedDevices[uuid] = nil
  }

  /// What an assignment changes.
  enum AssignmentAxis {
    /// `assign_adapter`, `unassign_adapter`.
    case adapter
    /// `assign_domain`, `unassign_domain`.
    case domain
    /// `assign_control_domain`, `unassign_control_domain`.
    case controlDomain

    /// The numbers of that kind.
    var mask: WritableKeyPath<MediatedDevice, APMask> {
      switch self {
      case .adapter: \.adapters
      case .domain: \.domains
      case .controlDomain: \.controlDomains
      }
    }
  }

  /// A write to one of the assign and unassign files.
  func assign(
    _ axis: AssignmentAxis, _ text: String, isUnassigning: Bool, uuid: String,
    in matrix: MatrixDevice
  ) throws(Errno) {
    guard let mediated = matrix.mediatedDevices[uuid] else { throw .noSuchDevice }
    if behavior.assignment == .boundQueues, mediated.hasGuest { throw .busy }
    guard let number = UInt8(exactly: try AttributeInput.unsigned(text)) else {
      throw .noSuchDevice
    }
    var device = mediated.device
    if isUnassigning {
      device[keyPath: axis.mask].remove(number)
    } else {
      guard device[keyPath: axis.mask].insert(number).inserted else { return }
      if axis != .controlDomain { try validate(device, in: matrix) }
    }
    matrix.mediatedDevices[uuid]?.device = device
  }

  /// A write to `ap_config`: three whole masks, taken at once or not at all.
  func configure(_ text: String, uuid: String, in matrix: MatrixDevice) throws(Errno) {
    let parts = AttributeInput.name(text).split(separator: ",", omittingEmptySubsequences: false)
    let masks = parts.compactMap { part in
      part.utf8.starts(with: "0x".utf8) ? APMask().writing(part.utf8) : nil
    }
    guard parts.count == 3, masks.count == 3 else { throw .invalidArgument }
    let device = MediatedDevice(
      uuid: uuid, adapters: masks[0], domains: masks[1], controlDomains: masks[2])
    try validate(device, in: matrix)
    matrix.mediatedDevices[uuid]?.device = device
  }

  /// Refuses a matrix with a queue of the host or of another mediated device.
  private func validate(_ device: MediatedDevice, in matrix: MatrixDevice) throws(Errno) {
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

  /// Starts a guest on a mediated device: what of its matrix is there is in use from then on. ENODEV
  /// without such a device, EBUSY if it has a guest already.
  public func startGuest(_ uuid: String) throws(Errno) {
    guard let mediated = matrix?.mediatedDevices[uuid], !mediated.isLeaving else {
      throw .noSuchDevice
    }
    guard !mediated.hasGuest else { throw .busy }
    matrix?.mediatedDevices[uuid]?.hasGuest = true
  }

  /// Stops the guest of a mediated device, if it has one. A removal that waits for it is done then.
  public func stopGuest(_ uuid: String) {
    matrix?.mediatedDevices[uuid]?.hasGuest = false
    if isWaitingForGuest(uuid) { remove(mediatedDevice: uuid) }
  }

  /// What a guest of the device gets of its matrix.
  func effectiveMatrix(of device: MediatedDevice, in matrix: MatrixDevice) -> MediatedDevice {
    matrix.effectiveMatrix(of: device, adapters: guestAdapters, domains: guestDomains)
  }
}
