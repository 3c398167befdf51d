import TestSupport

/// Small machines, rules and captures.
enum Sample {
  private static let all = "0x" + String(repeating: "f", count: 64)

  /// A kernel with masks, card01 with two queues and card02 with one, all with the host.
  static let machine = """
    {
      "apreserve": "snapshot",
      "version": 1,
      "host": {"name": "lnx01", "lpar": "PROD1"},
      "bus": {
        "apmask": "\(all)",
        "aqmask": "\(all)",
        "scans": 2,
        "drivers": ["cex4card", "cex4queue", "vfio_ap"]
      },
      "cards": [
        {
          "name": "card01",
          "hwtype": 13,
          "ap_functions": "0x92000000",
          "driver": "cex4card",
          "config": true,
          "attributes": {"serialnr": "93AABBCC"},
          "queues": [{"name": "01.0004", "driver": "cex4queue", "online": true}, {"name": "01.0005", "driver": "cex4queue", "online": true}]
        },
        {
          "name": "card02",
          "hwtype": 14,
          "ap_functions": "0x04000000",
          "driver": "cex4card",
          "config": true,
          "attributes": {"serialnr": "93AABBCC"},
          "queues": [{"name": "02.0004", "driver": "cex4queue", "online": true}]
        }
      ],
      "mediatedDevices": []
    }

    """

  /// The same machine with two definitions that share 01.0005, one of them of the virtual machine db1.
  static let defined = machine.replacing(
    "\"mediatedDevices\"",
    with: """
      "configuration": {
        "definitions": [
          {"uuid": "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e", "adapters": [1], "domains": [4, 5], "start": "auto"},
          {"uuid": "11111111-2222-4333-8444-555555555555", "adapters": [1, 2], "domains": [5], "start": "auto"}
        ],
        "virtualMachines": [
          {"name": "db1", "mediatedDevices": ["34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"]}
        ]
      },
      "mediatedDevices"
      """)

  /// Wants what masks can express on the machine.
  static let guests = "ADAPTER==\"1\", RESERVE=\"vfio_ap\", NAME=\"db guests\"\n"

  /// Wants one queue alone, which masks cannot give on the machine.
  static let alone = "APQN==\"01.0004\", RESERVE=\"vfio_ap\"\n"

  /// The whole machine, each of the rules in a directory, and a capture.
  static func bench() throws -> Workbench {
    try Workbench([
      "machine.json": machine, "defined.json": defined, "guests/50-guests.rules": guests,
      "alone/50.rules": alone,
      "none/50.rules": "# nothing\n", "boot.events": boot, "queue.events": queue,
    ])
  }

  /// An event that brings card01.
  static let card = """
    KERNEL[1.000000] add      /devices/ap/card01 (ap)
    ACTION=add
    DEVPATH=/devices/ap/card01
    SUBSYSTEM=ap
    DEVTYPE=ap_card
    DEV_TYPE=000D
    MODALIAS=ap:t0D
    MODE=cca
    SEQNUM=10


    """

  /// An event that brings its queue 01.0004.
  static let queue = """
    KERNEL[1.100000] add      /devices/ap/card01/01.0004 (ap)
    ACTION=add
    DEVPATH=/devices/ap/card01/01.0004
    SUBSYSTEM=ap
    DEVTYPE=ap_queue
    MODE=cca
    SEQNUM=11


    """

  /// Both.
  static let boot = card + queue

  /// Both as the kernel sends them.
  static let messages =
    "add@/devices/ap/card01\0ACTION=add\0DEVPATH=/devices/ap/card01\0SUBSYSTEM=ap\0"
    + "DEVTYPE=ap_card\0DEV_TYPE=000D\0MODALIAS=ap:t0D\0MODE=cca\0SEQNUM=10\0"
    + "add@/devices/ap/card01/01.0004\0ACTION=add\0DEVPATH=/devices/ap/card01/01.0004\0"
    + "SUBSYSTEM=ap\0DEVTYPE=ap_queue\0MODE=cca\0SEQNUM=11\0"

  /// Both in udev's database.
  static let database = """
    P: /devices/ap/card01
    E: DEVPATH=/devices/ap/card01
    E: SUBSYSTEM=ap
    E: DEVTYPE=ap_card
    E: DRIVER=cex4card
    E: DEV_TYPE=000D
    E: MODE=cca

    P: /devices/ap/card01/01.0004
    E: DEVPATH=/devices/ap/card01/01.0004
    E: SUBSYSTEM=ap
    E: DEVTYPE=ap_queue
    E: DRIVER=cex4queue


    """

  /// Both as umockdev-record describes them.
  static let mock = """
    P: /devices/ap/card01
    E: SUBSYSTEM=ap
    E: DEVTYPE=ap_card
    E: DRIVER=cex4card
    A: hwtype=13\\n
    A: ap_functions=0x92000000\\n

    P: /devices/ap/card01/01.0004
    E: SUBSYSTEM=ap
    E: DEVTYPE=ap_queue
    L: driver=../../../../bus/ap/drivers/cex4queue


    """
}
