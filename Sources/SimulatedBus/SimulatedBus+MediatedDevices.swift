public import APBus
import Uevents

/// Mediated devices: creating, assigning, removing, and the guests that have them (SimulatedBus
/// documentation, "Mediated devices" and "Guests").
extension SimulatedBus {
  /// How many mediated devices there can be.
  static let mediatedDeviceLimit = 65_536

  /// How much of a text `ap_config` looks at, `AP_CONFIG_STRLEN`.
  private static let longestConfiguration = 201

  /// A write to `create`. The kernel names the device in lower case, however it was written.
  func createMediatedDevice(_ text: String, in matrix: MatrixDevice) throws(Errno) {
    let name = AttributeInput.name(text)
    guard BusObject.isUUID(name) else { throw .invalidArgument }
    let uuid = name.lowercased()
    guard matrix.mediatedDevices[uuid] == nil else { throw .exists }
    guard matrix.mediatedDevices.count < Self.mediatedDeviceLimit else {
      throw behavior.hasGuestMatrix ? .tooManyUsers : .notPermitted
    }
    matrix.add(MediatedDevice(uuid: uuid))
    send(.add, of: .mediatedDevice(uuid))
    matrix.mediatedDevices[uuid]?.isBound = true
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
    matrix?.filter(mediated)
  }

  /// A write to one of the unassign files.
  func unassign(
    _ text: String, as axis: WritableKeyPath<MediatedDevice, APMask>,
    from mediated: SimulatedMediatedDevice
  ) throws(Errno) {
    let number = try number(text, for: mediated)
    mediated.device[keyPath: axis].remove(number)
    // What was left out because of it is not looked at again.
    mediated.guestMatrix[keyPath: axis].remove(number)
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

  /// A write to `ap_config`: three whole masks, taken at once or not at all. Newlines count as commas, an empty mask
  /// is one of zeros, and a fourth is ignored (`parse_bitmap` in vfio_ap_ops.c).
  func configure(_ mediated: SimulatedMediatedDevice, text: String) throws(Errno) {
    let parts = text.utf8.prefix(Self.longestConfiguration).split(
      omittingEmptySubsequences: false
    ) { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\n") }
    let masks = parts.prefix(3).compactMap { part in
      part.first == UInt8(ascii: "+") || part.first == UInt8(ascii: "-")
        ? nil : APMask().writing(part)
    }
    guard masks.count == 3 else { throw .invalidArgument }
    let device = MediatedDevice(
      uuid: mediated.device.uuid, adapters: masks[0], domains: masks[1], controlDomains: masks[2])
    try validate(device)
    mediated.device = device
    matrix?.filter(mediated)
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
  /// How many mediated devices there ever were.
  private var creations = 0
  /// The adapters of this system, as of the last scan that found another configuration.
  private var adapters: APMask
  /// The usage domains of this system.
  private var domains: APMask

  /// The device on a system with these adapters and usage domains.
  init(adapters: APMask, domains: APMask) {
    self.adapters = adapters
    self.domains = domains
  }

  /// The mediated device in whose matrix the queue is; at most one is.
  func mediatedDevice(holding apqn: APQN) -> SimulatedMediatedDevice? {
    mediatedDevices.values.first { $0.device.holds(apqn) }
  }

  /// The mediated devices in the order of their creation.
  var mediatedDevicesByAge: [SimulatedMediatedDevice] {
    mediatedDevices.values.sorted { $0.number < $1.number }
  }

  /// Adds a mediated device.
  @discardableResult
  func add(_ device: MediatedDevice) -> SimulatedMediatedDevice {
    creations += 1
    let mediated = SimulatedMediatedDevice(device, number: creations)
    mediatedDevices[device.uuid] = mediated
    return mediated
  }

  /// `vfio_ap` takes a queue, and plugs its adapter into the guest that has it (`vfio_ap_mdev_probe_queue`).
  func take(_ apqn: APQN) {
    queues.insert(apqn)
    // What is new with a scan is plugged when all its devices are there.
    guard let mediated = mediatedDevice(holding: apqn), !mediated.waitsForScan else { return }
    filter(mediated)
  }

  /// A queue leaves `vfio_ap`, and its adapter the guest that has it (`vfio_ap_mdev_remove_queue`).
  func release(_ apqn: APQN) {
    queues.remove(apqn)
    guard let mediated = mediatedDevice(holding: apqn), mediated.guestMatrix.holds(apqn) else {
      return
    }
    mediated.guestMatrix.adapters.remove(apqn.adapter)
  }

  /// Decides what a guest of the device gets of its matrix: an adapter is left out whole where one of its queues
  /// is not bound to `vfio_ap` (`vfio_ap_mdev_filter_matrix`).
  func filter(_ mediated: SimulatedMediatedDevice) {
    var guestMatrix = mediated.device
    guestMatrix.domains.formIntersection(domains)
    guestMatrix.adapters.formIntersection(adapters)
    for adapter in guestMatrix.adapters
    where !guestMatrix.domains.isSubset(of: queues[adapter]) {
      guestMatrix.adapters.remove(adapter)
    }
    mediated.guestMatrix = guestMatrix
  }

  /// A scan begins that has found another configuration: guests lose what is not there any more, before its
  /// devices are removed (`vfio_ap_on_cfg_changed`).
  func beginScan(adapters: APMask, domains: APMask) {
    let newAdapters = adapters.subtracting(self.adapters)
    let newDomains = domains.subtracting(self.domains)
    for mediated in mediatedDevices.values {
      mediated.guestMatrix.adapters.formIntersection(adapters)
      mediated.guestMatrix.domains.formIntersection(domains)
      mediated.waitsForScan =
        !mediated.device.adapters.isDisjoint(with: newAdapters)
        || !mediated.device.domains.isDisjoint(with: newDomains)
    }
    self.adapters = adapters
    self.domains = domains
  }

  /// The scan ends: guests get what is new (`vfio_ap_on_scan_complete`).
  func endScan() {
    for mediated in mediatedDevices.values where mediated.waitsForScan {
      mediated.waitsForScan = false
      filter(mediated)
    }
  }
}

/// A mediated device and whether a guest has it open.
final class SimulatedMediatedDevice {
  /// What is assigned to it.
  var device: MediatedDevice
  /// What a guest gets of that, whether or not there is one (`shadow_apcb` in vfio_ap_private.h). Only some events
  /// decide it again, so it may be less than the present queues would allow.
  var guestMatrix: MediatedDevice
  /// Its place in the order of creation.
  let number: Int
  /// Whether something of it is new with the scan that is running.
  var waitsForScan = false
  /// Whether it is bound to its driver.
  var isBound = false
  /// Whether a guest runs with it.
  var hasGuest = false
  /// Whether its removal has begun and waits for the guest: its files are removed, and what is assigned to
  /// it is assigned still (`mdev_device_remove` in drivers/vfio/mdev/mdev_core.c).
  var isLeaving = false

  init(_ device: MediatedDevice, number: Int) {
    self.device = device
    self.number = number
    guestMatrix = MediatedDevice(uuid: device.uuid)
  }
}
