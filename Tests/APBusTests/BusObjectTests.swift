import APBus
import Testing

private let queue = APQN(adapter: 0x0a, domain: 0xab)
private let uuid = "11111111-2222-3333-4444-555555555555"

@Suite struct `A place in sysfs` {
  @Test(arguments: [
    (BusObject.bus, "/bus/ap"),
    (.driver("vfio_ap"), "/bus/ap/drivers/vfio_ap"),
    (.root, "/devices/ap"),
    (.card(0x0a), "/devices/ap/card0a"),
    (.queue(queue), "/devices/ap/card0a/0a.00ab"),
    (.matrixRoot, "/devices/vfio_ap"),
    (.matrix, "/devices/vfio_ap/matrix"),
    (.mediatedDeviceType, "/devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"),
    (.mediatedDevice(uuid), "/devices/vfio_ap/matrix/" + uuid),
    (.module("vfio_ap"), "/module/vfio_ap"),
  ])
  func `is read back from its path`(object: BusObject, path: String) {
    #expect(object.path == path)
    #expect(BusObject(path: path) == object)
    #expect(BusObject(path: path.dropFirst()) == object)
  }

  @Test(arguments: [
    "", "/", "/devices/ap/card0A", "/devices/ap/card005", "/devices/ap/card06/05.0004",
    "/devices/ap/card05/05.0004/power", "/devices/ap/../ap", "/devices//ap", "/devices/ap/",
    "/bus/pci", "/bus/ap/drivers/..", "/devices/ap/card05/05.0104", "/devices/ap/card\u{301}05",
  ])
  func `is none where the path is not the kernel's own form`(path: String) {
    #expect(BusObject(path: path) == nil)
  }

  @Test(arguments: [
    ("/sys/bus/ap/apmask", SysfsPath.bus("apmask")),
    ("bus/ap/drivers_probe", .bus("drivers_probe")),
    ("/sys/bus/ap/devices", .bus("devices")),
    ("/sys/bus/ap/drivers/cex4queue/unbind", .driver("cex4queue", "unbind")),
    ("/sys/bus/ap/devices/0a.00ab/driver_override", .queue(queue, "driver_override")),
    ("/sys/devices/ap/card0a/0a.00ab/driver", .queue(queue, "driver")),
    ("/sys/bus/ap/devices/card0a/config", .card(0x0a, "config")),
    ("/sys/bus/ap/devices/card0a/", .card(0x0a, "")),
  ])
  func `has files, also through the bus's links`(text: String, path: SysfsPath) {
    #expect(SysfsPath(text: text) == path)
    #expect(SysfsPath(text: path.description) == path)
  }

  @Test(arguments: [
    "/etc/passwd", "/sys/bus/ap/devices/../x", "/sys/bus/ap/..", "/sys/bus/ap/.",
    "/sys/kernel/debug/aphw/ctl", "",
  ])
  func `is never outside the AP bus`(text: String) {
    #expect(SysfsPath(text: text) == nil)
  }
}
