import APBus
import Reservation
import JSONText
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

@Suite struct `A definition of mdevctl` {
  private func definition(_ text: String, name: String = uuid) throws -> MediatedDeviceDefinition? {
    MediatedDeviceDefinition(fileName: name, json: try JSONParser.parse(Array(text.utf8)))
  }

  @Test func `has its attributes applied in order`() throws {
    let definition = try #require(
      try definition(
        """
        {"mdev_type": "vfio_ap-passthrough", "start": "auto", "attrs": [
          {"assign_adapter": "5"}, {"assign_adapter": "0x0a\\n"}, {"assign_domain": "0x47"},
          {"assign_domain": "010"}, {"unassign_adapter": "5"}, {"assign_control_domain": "3,4"},
          {"assign_domain": "9"}, {"unassign_domain": "9"},
          {"assign_control_domain": "7"}, {"unassign_control_domain": "7"},
          {"assign_control_domain": "9,\\n10"}]}
        """))
    #expect(definition.startsAutomatically)
    #expect(definition.device.uuid == uuid)
    #expect(definition.device.adapters == [10])
    #expect(definition.device.domains == [8, 0x47])
    #expect(definition.device.controlDomains == [3, 4, 9, 10])
    #expect(definition.problems == [])
  }

  @Test func `can have all three masks at once`() throws {
    let definition = try #require(
      try definition(#"{"attrs": [{"ap_config": "0x04,0x8,0x2"}]}"#))
    #expect(!definition.startsAutomatically)
    #expect(definition.device.adapters == [5])
    #expect(definition.device.domains == [0])
    #expect(definition.device.controlDomains == [2])
  }

  @Test(arguments: ["999", "-1", "1-3", "+5", "", "five", "0x", "5 6"])
  func `loses a number that the kernel would refuse, and reports it`(number: String) throws {
    let text = "{\"attrs\": [{\"assign_adapter\": \"\(number)\"}]}"
    let definition = try #require(try definition(text))
    #expect(definition.device.adapters == [])
    #expect(definition.problems == ["an invalid attribute, assign_adapter=\"\(number)\""])
  }

  @Test(arguments: [
    (#"{"assign_adapter": 7}"#, "assign_adapter=7"),
    (#"{"assign_adaptor": "7"}"#, "assign_adaptor=\"7\""),
    (#"{"assign_domain": "0x100"}"#, "assign_domain=\"0x100\""),
    (#"{"unassign_adapter": "x"}"#, "unassign_adapter=\"x\""),
    (#"{"assign_domain": "6,x"}"#, "assign_domain=\"6,x\""),
    (#"{"ap_config": "0x04,0x8"}"#, "ap_config=\"0x04,0x8\""),
  ])
  func `reports an attribute that is none`(attribute: String, text: String) throws {
    let definition = try #require(
      try definition("{\"attrs\": [{\"assign_adapter\": \"5\"}, \(attribute)]}"))
    #expect(definition.device.adapters == [5])
    #expect(definition.problems == ["an invalid attribute, \(text)"])
  }

  @Test func `reports an attribute that is no object`() throws {
    #expect(
      try definition(#"{"attrs": ["assign_adapter"]}"#)?.problems == [
        "an attribute that is not an object"
      ])
  }

  @Test(arguments: ["[]", "3", "\"x\"", "null"])
  func `reports that it is no object`(text: String) throws {
    #expect(try definition(text)?.problems == ["a file that cannot be read as JSON"])
  }

  @Test func `reports that it is no JSON`() {
    let definition = MediatedDeviceDefinition(fileName: uuid, json: nil)
    #expect(definition?.problems == ["a file that cannot be read as JSON"])
    #expect(definition?.startsAutomatically == false)
  }

  @Test func `has the UUID in lower case, as sysfs`() throws {
    #expect(try definition("{}", name: uuid.uppercased())?.device.uuid == uuid.lowercased())
  }

  @Test func `has a UUID for a name`() throws {
    #expect(try definition("{}", name: "scripts.d") == nil)
  }
}

@Suite struct `A file of driverctl` {
  @Test func `names queue and driver`() throws {
    let override = try #require(
      ConfiguredOverride(fileName: "ap-05.0004", text: "vfio_ap\n", source: "f"))
    #expect(override.apqn == APQN(adapter: 5, domain: 4))
    #expect(override.driver == "vfio_ap")
    #expect(
      ConfiguredOverride(fileName: "ap-05.0004", text: "vfio_ap\nold\n", source: "f")?.driver
        == "vfio_ap")
  }

  @Test(arguments: [
    ("pci-0000:00:01.0", "x"), ("ap-card05", "x"), ("ap-05.0004", "\n"), ("ap-5.4", "x"),
    ("pc-05.0004", "x"),
  ])
  func `is none`(name: String, text: String) {
    #expect(ConfiguredOverride(fileName: name, text: text, source: "f") == nil)
  }
}

@Suite struct `A virtual machine's definition` {
  @Test func `gives its name and its mediated devices`() throws {
    let xml = """
      <!-- <name>not this</name> -->
      <!-- libvirt > 5: <name>nor this</name> -->
      <domain type='kvm'>
        <name>db &amp; &lt;web&gt;</name>
        <devices>
          <interface type='network'><address type='pci' uuid='no'/></interface>
          <hostdev mode='subsystem' type='mdev' managed='no' model='vfio-ap'>
            <source><address uuid='34A349BA-2C0D-4AB5-9F6B-0D1E5B1F0F0E'/></source>
          </hostdev>
          <hostdev mode='subsystem' type='pci'><source><address uuid="no"/></source></hostdev>
          <hostdev mode="subsystem" managed="no" type="mdev"><source><address uuid="11111111-2222-3333-4444-555555555555"/>
          </source></hostdev>
          <memory model='nvdimm'><address type='dimm' uuid='no'/></memory>
        </devices>
      </domain>
      """
    let machine = try #require(VirtualMachine(domainXML: xml))
    #expect(machine.name == "db & <web>")
    #expect(machine.mediatedDevices == [uuid, "11111111-2222-3333-4444-555555555555"])
  }

  @Test(arguments: [
    "", "<", "<name>", "<name>a</name>", "<hostdev type='mdev'><address uuid='x'/>", "<!-- <name>",
    "<name>a</name><hostdev type='mdev'><address uuid=x></hostdev>",
  ])
  func `without them is none`(xml: String) {
    #expect(VirtualMachine(domainXML: xml) == nil)
  }

  @Test func `has a name as it is where an entity is none of XML's own`() {
    let xml = """
      <name>a&#38;b & c</name>
      <hostdev type='mdev'><source><address uuid='x'/></source></hostdev>
      """
    #expect(VirtualMachine(domainXML: xml)?.name == "a&#38;b & c")
  }

  @Test func `follows the UUID where a mediated device is named`() {
    let configuration = HostConfiguration(
      virtualMachines: [VirtualMachine(name: "db1", mediatedDevices: [uuid])])
    #expect(configuration.name(ofMediatedDevice: uuid) == "\(uuid) (virtual machine db1)")
    #expect(configuration.name(ofMediatedDevice: "x") == "x")
  }
}
