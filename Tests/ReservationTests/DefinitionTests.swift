import APBus
import Reservation
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

@Suite struct `A definition of mdevctl` {
  private func read(_ text: String, name: String = uuid) -> MediatedDeviceDefinition? {
    MediatedDeviceDefinition(fileName: name, bytes: Array(text.utf8))
  }

  @Test func `has its attributes applied in order`() throws {
    let definition = try #require(
      read(
        """
        {"mdev_type": "vfio_ap-passthrough", "start": "auto", "attrs": [
          {"assign_adapter": "5"}, {"assign_adapter": "0x0a\\n"}, {"assign_domain": "0x47"},
          {"assign_domain": "010"}, {"unassign_adapter": "5"}, {"assign_control_domain": "3"},
          {"assign_domain": "9"}, {"unassign_domain": "9"},
          {"assign_control_domain": "7"}, {"unassign_control_domain": "7"},
          {"assign_control_domain": "9"}]}
        """))
    #expect(definition.startsAutomatically)
    #expect(definition.device.uuid == uuid)
    #expect(definition.device.adapters == [10])
    #expect(definition.device.domains == [8, 0x47])
    #expect(definition.device.controlDomains == [3, 9])
    #expect(definition.problems == [])
  }

  @Test func `can have all three masks at once`() throws {
    let definition = try #require(
      read(#"{"attrs": [{"ap_config": "0x04,0x8,0x2"}]}"#))
    #expect(!definition.startsAutomatically)
    #expect(definition.device.adapters == [5])
    #expect(definition.device.domains == [0])
    #expect(definition.device.controlDomains == [2])
  }

  @Test(arguments: ["999", "-1", "1-3", "+5", "", "five", "0x", "5 6"])
  func `loses a number that the kernel would refuse, and reports it`(number: String) throws {
    let text = "{\"attrs\": [{\"assign_adapter\": \"\(number)\"}]}"
    let definition = try #require(read(text))
    #expect(definition.device.adapters == [])
    #expect(
      definition.problems == [.init("an invalid attribute, assign_adapter=\"\(number)\"", line: 1)])
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
      read("{\"attrs\": [{\"assign_adapter\": \"5\"}, \(attribute)]}"))
    #expect(definition.device.adapters == [5])
    #expect(definition.problems == [.init("an invalid attribute, \(text)", line: 1)])
  }

  @Test func `keeps what one attribute assigns that the kernel refuses to read as several`() throws
  {
    let definition = try #require(read(#"{"attrs": [{"assign_adapter": "5,6"}]}"#))
    #expect(definition.device.adapters == [5, 6])
    #expect(
      definition.problems == [.init("an invalid attribute, assign_adapter=\"5,6\"", line: 1)])
  }

  @Test func `reports an attribute that is no object`() throws {
    #expect(
      read(#"{"attrs": ["assign_adapter"]}"#)?.problems == [
        .init("an attribute that is not an object")
      ])
  }

  @Test(arguments: [
    ("[]", 1, "an array where an object should be"), ("3", 1, "a number where an object should be"),
    ("", 1, "a file that is not JSON: expected a value, but the file ends here"),
    (
      "{\n \"start\": \"auto\",\n \"att", 3,
      "a file that is not JSON: this string has no closing quote"
    ),
    ("{\"attrs\":\n 3}", 1, "a number where its attributes should be"),
    (
      "{\"attrs\": [\n{\"assign_domain\": \"4\"},\n{\"assign_domain\": \"4x\"}]}", 3,
      "an invalid attribute, assign_domain=\"4x\""
    ),
  ])
  func `reports with its line what is wrong with it`(text: String, line: Int, problem: String) {
    let definition = read(text)
    #expect(definition?.problems == [.init(problem, line: line)])
    #expect(
      definition?.problems.first.map { definition?.place(of: $0) }
        == "/etc/mdevctl.d/matrix/\(uuid):\(line)")
  }

  @Test func `has the UUID in lower case, as sysfs`() throws {
    #expect(read("{}", name: uuid.uppercased())?.device.uuid == uuid.lowercased())
  }

  @Test func `has a UUID for a name`() throws {
    #expect(read("{}", name: "scripts.d") == nil)
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
    let machine = try #require(try DomainDescription(xml: Array(xml.utf8)))
    #expect(machine.name == "db & <web>")
    #expect(machine.mediatedDevices == [uuid, "11111111-2222-3333-4444-555555555555"])
  }

  @Test func `of a machine that runs is one element of its state`() throws {
    let xml = """
      <?xml version='1.0'?>
      <domstatus state='running'><name>not this</name><monitor path='/x'/>
      <domain type='kvm' id='3'>
        <name>a&#38;b &#x2603; c</name><metadata><x:name xmlns:x='y'><![CDATA[<name>]]></x:name></metadata>
        <devices><hostdev type='mdev' model='vfio-ap'><source>
          <address uuid='\(uuid)'/></source></hostdev>
          <hostdev type='mdev' model='vfio-ccw'><source><address uuid='no'/></source></hostdev>
        </devices>
      </domain></domstatus>
      """
    let machine = try #require(try DomainDescription(xml: Array(xml.utf8)))
    #expect(machine.name == "a&b \u{2603} c")
    #expect(machine.mediatedDevices == [uuid])
  }

  @Test(arguments: [
    "<network><name>default</name></network>", "<domain/>", "<domain><name/></domain>",
  ])
  func `is none where there is no domain with a name`(xml: String) throws {
    #expect(try DomainDescription(xml: Array(xml.utf8)) == nil)
  }

  @Test(arguments: [
    ("", 1, "there is no element in it"), (" \n", 2, "there is no element in it"),
    ("name", 1, "there is text outside of an element"),
    ("<", 1, "a < is not the beginning of a tag"),
    ("<domain>\n<name>a</name>", 2, "the text ends before </domain>"),
    ("<domain>\n<name>a</domain>", 2, "</domain> closes another element"),
    (
      "<domain><name>a</name></domain>\n<domain/>", 2,
      "there is an element after the end of the first"
    ),
    ("<domain\n", 1, "the tag <domain is not closed"),
    ("<domain type>", 1, "the tag <domain is not closed"),
    ("<a b=c/>", 1, "the value of b has no quotes"),
    ("<a b='c/>", 1, "the value of b has no closing quote"),
    ("<a>\n&nbsp;</a>", 2, "an & is not the beginning of an entity of XML"),
    ("<a b='&#xd800;'/>", 1, "an & is not the beginning of an entity of XML"),
    ("<!-- <domain>", 1, "this comment does not end"),
    ("<a><![CDATA[</a>", 1, "this CDATA section does not end"),
    (
      "<!DOCTYPE d [<!ENTITY x 'y'>]><a>&x;</a>", 1,
      "it has a document type or another declaration, which libvirt does not write"
    ),
  ])
  func `that is no whole XML is an error with its line`(xml: String, line: Int, problem: String) {
    #expect(throws: XMLError(line: line, problem: problem)) {
      try DomainDescription(xml: Array(xml.utf8))
    }
  }

  @Test func `nests only so deep`() {
    let xml = String(repeating: "<a>", count: 300)
    #expect(throws: XMLError(line: 1, problem: "elements are nested deeper than 256")) {
      try DomainDescription(xml: Array(xml.utf8))
    }
  }

  @Test func `follows the UUID where a mediated device is named`() {
    let configuration = HostConfiguration(
      virtualMachines: [VirtualMachine(name: "db1", mediatedDevices: [uuid])])
    #expect(configuration.name(ofMediatedDevice: uuid) == "\(uuid) (virtual machine db1)")
    #expect(configuration.name(ofMediatedDevice: "x") == "x")
  }
}
