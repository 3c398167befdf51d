import APBus
import Testing

@Suite struct `Reading mediated devices` {
  private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"
  private var directory: String { "/sys/devices/vfio_ap/matrix/" + uuid }

  private func read(_ files: [String: String]) throws -> [MediatedDevice] {
    var tree = ["/sys/devices/vfio_ap/matrix/mdev_supported_types/x": ""]
    for (name, text) in files { tree["\(directory)/\(name)"] = text }
    return try InventoryReader(sysfs: TreeSysfs(files: tree)).readMediatedDevices()
  }

  @Test(
    arguments: [
      ("", [], []),
      ("05.\n0a.\n", [5, 10], []),
      (".0004\n.00ab\n", [], [4, 0xab]),
      ("05.0004\n05.00ab\n06.0004\n06.00ab\n", [5, 6], [4, 0xab]),
    ] as [(String, APMask, APMask)])
  func `takes every form of the matrix`(text: String, adapters: APMask, domains: APMask) throws {
    let device = MediatedDevice(uuid: uuid, adapters: adapters, domains: domains)
    #expect(try read(["matrix": text, "control_domains": ""]) == [device])
  }

  @Test func `prefers ap_config, which is never cut off`() throws {
    let config = "\(APMask(0...99)),\(APMask(4...5)),\(APMask(7...7))\n"
    #expect(
      try read(["ap_config": config, "matrix": "00.0004\n", "control_domains": ""]) == [
        MediatedDevice(uuid: uuid, adapters: APMask(0...99), domains: [4, 5], controlDomains: [7])
      ])
  }

  @Test func `may have any later adapter where the kernel cut its matrix at the page's end`() throws
  {
    var text = ""
    for adapter in 0..<16 {
      for domain in 0..<85 { text += "\(APQN(adapter: UInt8(adapter), domain: UInt8(domain)))\n" }
    }
    let devices = try read(["matrix": String(text.prefix(4095)), "control_domains": ""])
    #expect(devices.map(\.domains) == [APMask(0...84)])
    #expect(devices.map(\.adapters) == [APMask(0...6)])
    #expect(devices.map(\.possibleAdapters) == [.all])
    #expect(devices.first?.holds(APQN(adapter: 15, domain: 84)) == true)
    #expect(devices.first?.holds(APQN(adapter: 15, domain: 85)) == false)
  }

  @Test func `has no other adapter where its matrix just fills the page`() throws {
    var text = ""
    for adapter in UInt8(0)..<7 {
      for domain in UInt8(0)..<73 { text += "\(APQN(adapter: adapter, domain: domain))\n" }
    }
    #expect(text.utf8.count == 4088)
    let devices = try read(["matrix": text, "control_domains": ""])
    #expect(devices.map(\.possibleAdapters) == [APMask(0...6)])
  }

  @Test func `leaves out a device that was just removed`() throws {
    #expect(try read(["remove": ""]) == [])
    #expect(try read(["matrix": ""]) == [])
  }

  @Test(arguments: [
    "05", ".", "5.0004", "05.004", "05.0100", "05.0004.0005", "05.000G", "05.0004 ", "+5.0004",
  ])
  func `refuses a line that is not a queue`(line: String) throws {
    let error = try #require(throws: InventoryReaderError.self) {
      try read(["matrix": line + "\n", "control_domains": ""])
    }
    #expect(
      error.description
        == "\(directory)/matrix reads \"\(line)\\n\", which is not a list of queues, one a line")
  }

  @Test func `refuses odd masks and control domains`() {
    #expect(throws: InventoryReaderError.self) { try read(["ap_config": "0x0,0x0,0x0\n"]) }
    #expect(throws: InventoryReaderError.self) { try read(["ap_config": "\(APMask.all)\n"]) }
    #expect(throws: InventoryReaderError.self) {
      try read(["matrix": "", "control_domains": "0100\n"])
    }
  }
}
