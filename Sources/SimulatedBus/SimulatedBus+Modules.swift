public import APBus
import Uevents

/// Loading and unloading the modules that bring AP drivers (SimulatedBus documentation, "Causes").
extension SimulatedBus {
  /// A module that brings AP drivers.
  public enum Module: String, Sendable, CaseIterable {
    /// The host's drivers of type 10 and newer, `cex4card` and `cex4queue`.
    case zcryptCex4 = "zcrypt_cex4"
    /// The driver of queues for guests, and the matrix device.
    case vfioAP = "vfio_ap"
  }

  /// The modules that are loaded, in the order of loading.
  public var loadedModules: [Module] { modules }

  /// Loads a module.
  ///
  /// - Parameter module: The module; one that is loaded already stays as it is.
  public func loadModule(_ module: Module) {
    guard !modules.contains(module) else { return }
    modules.append(module)
    if !behavior.announcesModulesLast { send(.add, of: .module(module.rawValue)) }
    switch module {
    case .zcryptCex4:
      for driver in Self.hostDrivers { register(driver) }
    case .vfioAP:
      let matrix = createMatrix()
      register(PassthroughDriver(matrix: matrix))
      registerMatrix()
    }
    if behavior.announcesModulesLast { send(.add, of: .module(module.rawValue)) }
  }

  /// Unloads a module. Its queues stay unbound.
  ///
  /// - Parameter module: The module.
  /// - Throws: ENOENT for one that is not loaded; EAGAIN while a guest has a mediated device open, since
  ///   `rmmod` does not wait (delete_module(2)).
  public func unloadModule(_ module: Module) throws(Errno) {
    guard let index = modules.firstIndex(of: module) else { throw .noSuchFile }
    if module == .vfioAP {
      guard matrix?.mediatedDevices.values.contains(where: \.hasGuest) != true else {
        throw .tryAgain
      }
      unregisterMatrix()
    }
    for driver in drivers.reversed() where driver.module == module { unregister(driver) }
    if module == .vfioAP { destroyMatrix() }
    modules.remove(at: index)
    send(.remove, of: .module(module.rawValue))
  }

  /// The drivers of `zcrypt_cex4`, the cards' first.
  private static var hostDrivers: [any Driver] {
    let types = HardwareType.oldestReservable.rawValue...UInt8.max
    return [
      HostCardDriver(name: DriverName.cex4card, module: .zcryptCex4, hardwareTypes: types),
      HostQueueDriver(name: DriverName.cex4queue, module: .zcryptCex4, hardwareTypes: types),
    ]
  }

  /// Registers a driver: it is offered every unbound device, and announced afterwards.
  private func register(_ driver: any Driver) {
    drivers.append(driver)
    if autoprobes {
      for device in devices() where device.driver == nil && driver.matches(device) {
        _ = try? probe(device, by: driver)
      }
    }
    send(.add, of: .driver(driver.name))
    if behavior.completionEvents == .endOfScan { sendCompletion() }
  }

  /// Unregisters a driver: its devices are taken from it, the last bound first, and stay unbound.
  private func unregister(_ driver: any Driver) {
    let bound = devices().filter { $0.driver === driver }
    for device in bound.sorted(by: { $0.bindNumber > $1.bindNumber }) { detach(device) }
    drivers.removeAll { $0 === driver }
    send(.remove, of: .driver(driver.name))
  }

  /// Creates `/sys/devices/vfio_ap` and the matrix device in it: the first that `vfio_ap` does.
  private func createMatrix() -> MatrixDevice {
    let matrix = MatrixDevice(
      adapters: hardware.configuredAdapters, domains: hardware.usageDomains)
    self.matrix = matrix
    // A device without a bus has no events (`dev_uevent_filter` in drivers/base/core.c).
    guard behavior.hasMatrixBus else { return matrix }
    send(.add, path: "/bus/matrix", subsystem: "bus")
    send(.add, of: .matrix)
    matrix.isBound = true
    send(.bind, of: .matrix)
    send(.add, path: "/bus/matrix/drivers/vfio_ap", subsystem: "drivers")
    return matrix
  }

  /// Registers the matrix device as a parent of mediated devices.
  private func registerMatrix() {
    guard behavior.hasMatrixBus else { return }
    if behavior.hasMediatedDriver {
      send(.add, path: "/bus/mdev/drivers/vfio_ap_mdev", subsystem: "drivers")
    }
    send(.change, of: .matrix, .init("MDEV_STATE", "registered"))
  }

  private func unregisterMatrix() {
    guard let matrix else { return }
    for mediated in matrix.mediatedDevicesByAge { remove(mediatedDevice: mediated.device.uuid) }
    guard behavior.hasMatrixBus else { return }
    send(.change, of: .matrix, .init("MDEV_STATE", "unregistered"))
    if behavior.hasMediatedDriver {
      send(.remove, path: "/bus/mdev/drivers/vfio_ap_mdev", subsystem: "drivers")
    }
  }

  private func destroyMatrix() {
    if behavior.hasMatrixBus {
      matrix?.isBound = false
      send(.unbind, of: .matrix)
      send(.remove, path: "/bus/matrix/drivers/vfio_ap", subsystem: "drivers")
      send(.remove, of: .matrix)
      send(.remove, path: "/bus/matrix", subsystem: "bus")
    }
    matrix = nil
  }
}
