extension Workspace {
  /// Writes `machine.json`, one card with two queues on a kernel without masks, and `rules`.
  func writeMachine(
    rules: String = "APQN==\"05.0004\", RESERVE=\"vfio_ap\", NAME=\"db guests\"\n"
  ) throws {
    try write("rules/50-db.rules", rules)
    try write(
      "machine.json",
      """
      {"apreserve": "snapshot", "version": 1, "bus": {"drivers": ["cex4queue", "vfio_ap"]},
       "cards": [{"name": "card05", "hwtype": 13, "mode": "cca", "driver": "cex4card",
        "attributes": {"serialnr": "93AABEET"},
        "queues": [{"name": "05.0004", "driver": "cex4queue", "online": true},
                   {"name": "05.0047", "driver": "vfio_ap"}]}]}
      """)
  }

  /// Lays the same machine out as a plain directory tree, `sys`.
  func layOutSysfs() throws {
    for driver in ["cex4queue", "vfio_ap"] {
      for file in ["bind", "unbind"] { try write("sys/bus/ap/drivers/\(driver)/\(file)", "") }
    }
    for name in ["card05", "05.0004"] { makeDirectory("sys/bus/ap/devices/\(name)") }
    try write("sys/devices/ap/card05/hwtype", "13\n")
    try write("sys/devices/ap/card05/ap_functions", "0x10000000\n")
    try write("sys/devices/ap/card05/05.0004/config", "1\n")
    try write("sys/devices/ap/card05/05.0004/online", "1\n")
    try link(
      "sys/devices/ap/card05/05.0004/driver", to: "../../../../bus/ap/drivers/cex4queue")
  }
}
