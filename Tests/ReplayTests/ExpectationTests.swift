import APBus
import Replay
import Testing

@Suite struct `An expectation file` {
  private func mismatches(_ text: String) throws -> [String] {
    var inventory = Inventory.empty
    inventory.setCard(
      Card(adapter: 1, hardwareType: HardwareType(rawValue: 13), functions: 0), adapter: 1)
    for (domain, driver) in [(UInt8(0), "vfio_ap"), (1, "cex4queue"), (2, nil)] {
      let apqn = APQN(adapter: 1, domain: domain)
      inventory.setQueue(Queue(apqn: apqn, driver: driver), apqn: apqn)
    }
    return try Expectation(Array(text.utf8), file: "e.txt")
      .mismatches(with: inventory, counts: [.writes: 3])
  }

  @Test func `holds when every line does`() throws {
    let text = """
      # comment
      01.0000   vfio_ap

      01.0001\thost
      01.0002|01.0002 none
      02.* absent
      writes 3
      refused 0
      """
    #expect(try mismatches(text) == [])
  }

  @Test(arguments: [
    (
      "\n01.* host",
      ["01.* host, but 01.0000 is with vfio_ap", "01.* host, but 01.0002 is with none"]
    ),
    ("\n02.* host", ["02.* host, but no such queue is there"]),
    ("\n01.0001 absent", ["01.0001 absent, but 01.0001 is there, with host"]),
    ("\nwrites 4", ["writes 4, but counted 3"]),
  ])
  func `reports each line that does not hold`(text: String, expected: [String]) throws {
    #expect(try mismatches(text) == expected.map { "e.txt:2: expected " + $0 })
  }

  @Test(arguments: [
    ("", "e.txt:1: the file expects nothing; write at least one line"),
    (
      "01.* vfio",
      "e.txt:1: unknown owner \"vfio\"; write vfio_ap, host, none or absent"
    ),
    ("writes many", "e.txt:1: unknown count \"many\"; write a decimal number"),
    ("writes -1", "e.txt:1: unknown count \"-1\"; write a decimal number"),
    (
      "# a\nhost",
      "e.txt:2: \"host\" is not two words; write queues and who has them, as \"01.* vfio_ap\", or a "
        + "count, as \"writes 3\""
    ),
  ])
  func `is refused with its line`(text: String, message: String) {
    #expect {
      try mismatches(text)
    } throws: {
      "\($0)" == message
    }
  }

  @Test func `names a subject that is neither queues nor a count`() {
    #expect {
      try mismatches("write 3")
    } throws: { error in
      "\(error)".hasPrefix("e.txt:1: ")
        && "\(error)".hasSuffix("or one of writes, reserved, refused, undecidable")
    }
  }
}
