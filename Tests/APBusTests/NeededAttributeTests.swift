import APBus
import Testing

/// What is there must never be taken for absent: a plan would be made around it.
@Suite struct `A file that a decision depends on` {
  @Test(arguments: [
    ("/sys/devices/ap/card05/hwtype", Errno.inputOutput),
    ("/sys/devices/ap/card05/hwtype", .noSuchDevice),
    ("/sys/devices/ap/card05/hwtype", .noSuchFile),
    ("/sys/devices/ap/card05/05.0047/driver", .inputOutput),
    ("/sys/devices/ap/card05/05.0047/driver", .noSuchDevice),
    ("/sys/devices/ap/card05/05.0047/driver_override", .inputOutput),
    ("/sys/bus/ap/apmask", .inputOutput),
    ("/sys/bus/ap/drivers", .inputOutput),
    ("/sys/bus/ap/devices", .noSuchDevice),
  ])
  func `is an error when it cannot be read and its device exists`(path: String, errno: Errno) {
    let tree = TreeSysfs.small()
    tree.failures[path] = errno
    let error = #expect(throws: InventoryReaderError.self) {
      try InventoryReader(sysfs: tree).read()
    }
    #expect("\(error as Any)".contains(errno.name))
  }

  @Test func `does not prove that its device was removed when the list of devices is missing too`()
    throws
  {
    let tree = TreeSysfs.small()
    let reader = InventoryReader(sysfs: tree)
    let queue = "/sys/devices/ap/card05/05.0047"
    for path in [queue + "/config", queue, "/sys/bus/ap/devices"] {
      tree.failures[path] = .noSuchFile
    }
    let error = #expect(throws: InventoryReaderError.self) {
      try reader.readQueue(APQN(adapter: 5, domain: 0x47))
    }
    #expect("\(error as Any)".contains("listing /sys/bus/ap/devices"))
  }
}
