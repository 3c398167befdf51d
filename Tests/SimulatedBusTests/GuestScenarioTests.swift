import SimulatedBus
import Testing

/// The life of a guest with its queues (SimulatedBus documentation, "Guests"), as scenarios on kernels
/// whose `vfio_ap` plugs and unplugs guests.
@Suite struct `A guest of a scenario` {
  static let device = "11111111-2222-3333-4444-555555555555"
  static let files = "/sys/devices/vfio_ap/matrix/\(device)"
  static let other = "22222222-2222-3333-4444-555555555555"
  static let create = "/sys/devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough/create"

  /// Adapters 5 and 6 outside the host's pool, with the queues of domains 4 and 47; a mediated device with
  /// all of adapter 5, and a guest on it.
  static let start = """
    domain add 4,47
    card add 5-6
    load zcrypt_cex4
    load vfio_ap
    write -5-7 > /sys/bus/ap/apmask
    write \(device) > \(create)
      event add@/devices/vfio_ap/matrix/\(device)
      event bind@/devices/vfio_ap/matrix/\(device) DRIVER=vfio_ap_mdev
    write 5 > \(files)/assign_adapter
      \(files)/matrix = 05.
    write 4 > \(files)/assign_domain
    write 0x47 > \(files)/assign_domain
    guest start \(device)
      \(files)/guest_matrix = 05.0004\\n05.0047
      /sys/bus/ap/devices/05.0004/status = in use
      /sys/bus/ap/devices/06.0004/status = unassigned

    """

  private func expect(_ lines: String, on kernel: KernelBehavior) throws {
    let scenario = try Scenario(text: Self.start + lines, name: "guest")
    let failures = scenario.run(on: SimulatedBus(behavior: kernel))
    #expect(failures == [])
  }

  static let kernels = [KernelBehavior.mask61, .override72]

  @Test(arguments: kernels)
  func `loses a whole adapter when one of its queues is unbound, and gets it back`(
    kernel: KernelBehavior
  ) throws {
    try expect(
      """
      write 05.0047 > /sys/bus/ap/drivers/vfio_ap/unbind
        \(Self.files)/matrix = 05.0004\\n05.0047
        \(Self.files)/guest_matrix = .0004\\n.0047
        /sys/bus/ap/devices/05.0004/status = assigned
        05.0004 driver: vfio_ap
        05.0047 driver:
      write 05.0047 > /sys/bus/ap/drivers/vfio_ap/bind
        /sys/bus/ap/devices/05.0004/status = in use
        /sys/bus/ap/devices/05.0047/status = in use
      """, on: kernel)
  }

  @Test(arguments: kernels)
  func `gets adapters that are added later, without further action`(kernel: KernelBehavior)
    throws
  {
    try expect(
      """
      write 7 > \(Self.files)/assign_adapter
        \(Self.files)/guest_matrix = 05.0004\\n05.0047
      card add 7
        07.0004 driver: vfio_ap
        /sys/bus/ap/devices/07.0047/status = in use
        \(Self.files)/guest_matrix = 05.0004\\n05.0047\\n07.0004\\n07.0047
      card del 7
        \(Self.files)/guest_matrix = 05.0004\\n05.0047
        \(Self.files)/matrix = 05.0004\\n05.0047\\n07.0004\\n07.0047
      """, on: kernel)
  }

  @Test(arguments: kernels)
  func `keeps its adapter against a mask until it is unassigned (T7)`(kernel: KernelBehavior)
    throws
  {
    try expect(
      """
      write +5 > /sys/bus/ap/apmask
        write: EBUSY
        no events
      write 5 > \(Self.files)/unassign_adapter
        no events
        /sys/bus/ap/devices/05.0004/status = unassigned
      write +5 > /sys/bus/ap/apmask
        05.0004 driver: cex4queue
        /sys/bus/ap/devices/05.0004/online = 1
      """, on: kernel)
  }

  @Test(arguments: kernels)
  func `is changed while it runs, but not with queues of the host or of another guest`(
    kernel: KernelBehavior
  ) throws {
    try expect(
      """
      write 6 > \(Self.files)/assign_adapter
        /sys/bus/ap/devices/06.0004/status = in use
      write 8 > \(Self.files)/assign_adapter
        EADDRNOTAVAIL
      write 256 > \(Self.files)/assign_adapter
        ENODEV
      write 08 > \(Self.files)/assign_domain
        EINVAL
      write 6 > \(Self.files)/assign_adapter
      write \(Self.other) > \(Self.create)
      write 6 > /sys/devices/vfio_ap/matrix/\(Self.other)/assign_adapter
      write 4 > /sys/devices/vfio_ap/matrix/\(Self.other)/assign_domain
        EADDRINUSE
      write 6 > \(Self.files)/unassign_adapter
      write 4 > /sys/devices/vfio_ap/matrix/\(Self.other)/assign_domain
        /sys/bus/ap/devices/06.0004/status = assigned
      """, on: kernel)
  }

  @Test(arguments: kernels)
  func `holds its device and the module until it stops (T10)`(kernel: KernelBehavior) throws {
    try expect(
      """
      write 1 > \(Self.files)/remove
        EINTR
        no events
        \(Self.files)/matrix = (absent)
        /sys/bus/ap/devices/05.0004/status = in use
      guest stop \(Self.device)
        event unbind@/devices/vfio_ap/matrix/\(Self.device)
        event remove@/devices/vfio_ap/matrix/\(Self.device)
        /sys/bus/ap/devices/05.0004/status = unassigned
      unload vfio_ap
        05.0004 driver:
      """, on: kernel)
  }

  @Test(arguments: kernels)
  func `does not notice a card that is set on standby, which keeps its driver (T8)`(
    kernel: KernelBehavior
  ) throws {
    try expect(
      """
      card config 5 0
        event change@/devices/ap/card05 CONFIG=0
        event change@/devices/ap/card05/05.0004 CONFIG=0 DRIVER=vfio_ap
        05.0004 driver: vfio_ap
        /sys/bus/ap/devices/05.0004/config = 0
        /sys/bus/ap/devices/05.0004/online = (absent)
      """, on: kernel)
  }
}
