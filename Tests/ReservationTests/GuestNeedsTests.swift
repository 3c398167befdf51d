import APBus
import Reservation
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

@Suite struct `What a guest needs of its host` {
  private static let device = MediatedDevice(uuid: uuid, adapters: [1, 2], domains: [4])

  private static func needs(host: String? = "kvm1") throws -> GuestNeeds {
    var machine = Machine(adapters: [1, 2], domains: [4, 5], mechanism: .override)
    try machine.change(card: 1) { $0.attributes = ["raw_hwtype": "14", "serialnr": "93AABC"] }
    try machine.change("01.0004") {
      $0.keyRegisters = KeyRegisters(
        attribute:
          "AES NEW: empty -\nAES CUR: valid 0x1f\nAES OLD: valid 0x1e\nAPKA CUR: invalid -\n")
    }
    return GuestNeeds(of: device, on: machine.inventory, host: host)
  }

  private static func domain(_ metadata: String) -> [UInt8] {
    Array(
      """
      <domain type='kvm'>
        <name>web1</name>
        <metadata>
          <other:thing xmlns:other='urn:other'><other:adapter number='0x09'/></other:thing>
          \(metadata)
        </metadata>
        <devices/>
      </domain>
      """.utf8)
  }

  @Test(arguments: [nil, "kvm1", "it's <a> & b--c"])
  func `comes along with the virtual machine`(host: String?) throws {
    let needs = try Self.needs(host: host)
    #expect(!needs.xml.contains("--"))
    let description = try #require(
      try DomainDescription(xml: Self.domain(needs.xml), readsNeeds: true))
    #expect(description.needs == needs)
    #expect(description.needsProblem == nil)
  }

  @Test func `is the hardware, and the current keys as far as they are known`() throws {
    #expect(
      try Self.needs().xml == """
        <apreserve:needs xmlns:apreserve='urn:apreserve:needs:1' host='kvm1' uuid='\(uuid)'>
          <apreserve:adapter number='0x01' hwtype='13' raw_hwtype='14' ap_functions='0x10000000'/>
          <apreserve:adapter number='0x02' hwtype='13' ap_functions='0x10000000'/>
          <apreserve:queue name='01.0004' keys='AES 0x1f, APKA -'/>
          <apreserve:queue name='02.0004'/>
        </apreserve:needs>

        """)
  }

  /// libvirt may write another prefix, or none.
  @Test func `is known by its namespace`() throws {
    let needs = try Self.needs()
    for (prefix, declaration) in [("p:", "xmlns:p"), ("", "xmlns")] {
      let text = needs.xml.replacing("xmlns:apreserve", with: declaration)
        .replacing("apreserve:", with: prefix)
        .replacing("urn:\(prefix)needs", with: "urn:apreserve:needs")
      #expect(
        try DomainDescription(xml: Self.domain(text), readsNeeds: true)?.needs == needs, "\(text)")
    }
    for text in [
      needs.xml.replacing("needs:1", with: "needs:2"), "<needs/>", "<a:b:needs/>", "",
    ] {
      let description = try DomainDescription(xml: Self.domain(text), readsNeeds: true)
      #expect(description?.needs == nil && description?.needsProblem == nil, "\(text)")
    }
  }

  /// Other elements of the metadata, and elements of their children, say nothing.
  @Test func `is only what is in its element`() throws {
    let needs = try Self.needs()
    let foreign =
      "<o:x xmlns:o='urn:o'><apreserve:adapter number='0x03' hwtype='1' ap_functions='0x0'/></o:x>"
    for text in [
      foreign + needs.xml + foreign, needs.xml + needs.xml.replacing("0x01", with: "0x07"),
      needs.xml.replacing("</apreserve:needs>", with: "\(foreign)</apreserve:needs>"),
    ] {
      let description = try DomainDescription(xml: Self.domain(text), readsNeeds: true)
      #expect(description?.needs == needs, "\(text)")
    }
    // Only in the metadata of the domain itself, and only for who asks for it.
    let elsewhere =
      "<domain><name>web1</name><devices><metadata>\(needs.xml)</metadata></devices></domain>"
    #expect(try DomainDescription(xml: Array(elsewhere.utf8), readsNeeds: true)?.needs == nil)
    #expect(try DomainDescription(xml: Self.domain(needs.xml))?.needs == nil)
    let around = Self.domain(
      needs.xml.replacing(" xmlns:apreserve='urn:apreserve:needs:1'", with: ""))
    let declared = String(decoding: around, as: UTF8.self).replacing(
      "<metadata>", with: "<metadata xmlns:apreserve='urn:apreserve:needs:1'>")
    #expect(
      try DomainDescription(xml: Array(declared.utf8), readsNeeds: true)?.needs == needs)
  }

  @Test(arguments: [
    ("uuid='\(uuid)'", "", "needs has no UUID"),
    ("number='0x01'", "number='0x100'", "an adapter has no valid number"),
    ("number='0x01'", "number='1'", "an adapter has no valid number"),
    ("hwtype='13'", "hwtype='256'", "an adapter has no valid number, hwtype"),
    ("ap_functions='0x10000000'", "ap_functions='0x110000000'", "hwtype or ap_functions"),
    ("name='01.0004'", "name='01.0100'", "a queue has no valid name"),
    ("name='01.0004'", "name='03.0004'", "03.0004 comes before its adapter, or without it"),
    ("number='0x02'", "number='0x03'", "02.0004 comes before its adapter, or without it"),
    ("AES 0x1f", "AES 1f", "01.0004 has invalid keys"),
    ("AES 0x1f", "DES 0x1f", "01.0004 has invalid keys"),
    ("AES 0x1f", "AES \(String(repeating: "f", count: 4096))", "01.0004 has invalid keys"),
  ])
  func `is not half of it`(text: String, other: String, problem: String) throws {
    let xml = try Self.needs().xml
    let changed = xml.replacing(text, with: other)
    try #require(changed != xml)
    let description = try #require(
      try DomainDescription(xml: Self.domain(changed), readsNeeds: true))
    #expect(description.needs == nil)
    #expect(description.needsProblem?.contains(problem) == true, "\(description)")
  }
}
