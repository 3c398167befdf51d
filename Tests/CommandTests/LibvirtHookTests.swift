import JSONText
import TestSupport
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

/// As libvirt calls it, with the machine of a file. `make check-libvirt` calls it by libvirt itself.
@Suite struct `The hook of libvirt` {
  private let bench: Workbench

  init() throws {
    bench = try Sample.bench()
    try bench.file("any/50.rules", "GUEST==\"*\", RESERVE=\"vfio_ap\"\n")
    try bench.file("none/README", "")
  }

  private static func definition(_ devices: [String], padding: String = "") -> String {
    """
    <?xml version='1.0'?>
    <!--\(padding)-->
    <domain type='kvm'>
      <name>db1 &amp; &lt;sons&gt;</name>
      <devices>
    \(devices.map { "<hostdev mode='subsystem' type='mdev' model='vfio-ap'><source><address uuid='\($0)'/></source></hostdev>\n" }.joined())
      </devices>
    </domain>

    """
  }

  private func hook(
    _ definition: String, operation: String = "prepare", setting: String = "refuse"
  ) throws -> Program.Result {
    try bench.file("db1.xml", definition)
    try bench.file("my.conf", "[Reservation]\nGuestStart=\(setting)\n")
    return try bench.run(
      "libvirt-hook --inventory defined.json --rules any --config my.conf -- db1 \(operation) begin -",
      input: "db1.xml")
  }

  @Test func `refuses the start of a machine whose queues cannot be used, and says why`() throws {
    let result = try hook(Self.definition([uuid.uppercased()]))
    #expect(result.status == 3)
    #expect(result.output == "")
    let shown = try bench.run("guest show db1 --inventory defined.json --rules any").output
    let open = try #require(
      result.messages.split(separator: "\n").first { $0.contains("01.0004") })
    #expect(open.hasPrefix("apreserve: "))
    #expect(shown.contains("01.0004  pending"))
    #expect(
      result.messages.contains(
        "\napreserve: virtual machine db1 is not started; \"apreserve guest "))
  }

  @Test func `refuses the start of a machine whose device has vanished`() throws {
    // The virtual machine uses it, and mdevctl has another one.
    try bench.file(
      "defined.json",
      try bench.text("defined.json").replacing(
        "{\"uuid\": \"\(uuid)\"",
        with: "{\"uuid\": \"22222222-2222-4333-8444-555555555555\""))
    let result = try hook(Self.definition([uuid]))
    #expect(result.status == 3)
    #expect(
      result.messages.contains("\(uuid), which is neither active nor defined"), "\(result)")
  }

  @Test func `only warns, or does nothing, where that is set`() throws {
    let warned = try hook(Self.definition([uuid]), setting: "warn")
    #expect(warned.status == 0)
    #expect(warned.messages.contains("01.0004"))
    let ignored = try hook(Self.definition([uuid]), setting: "ignore")
    #expect(ignored.status == 0 && ignored.messages == "")
    // An error in the file does not switch the check off.
    #expect(try hook(Self.definition([uuid]), setting: "wran").status == 3)
  }

  @Test(arguments: ["start", "started", "stopped", "release", "reconnect", "attach"])
  func `does nothing at any other time`(operation: String) throws {
    let result = try hook("", operation: operation)
    #expect(result.status == 0 && result.messages == "")
  }

  @Test func `lets machines start that have no such device, or one that nobody knows`() throws {
    for devices in [[], ["11111111-1111-4111-8111-111111111111"]] {
      let result = try hook(Self.definition(devices))
      #expect(result.status == 0 && result.messages == "", "\(result.messages)")
    }
  }

  @Test func `reads long definitions, and lets machines start whose definition it cannot read`()
    throws
  {
    let long = Self.definition([uuid], padding: String(repeating: "x", count: 10 << 20))
    #expect(try hook(long).status == 3)
    for text in ["", "<domain><name>db1</name>", "\u{0}", "<domain>&evil;</domain>"] {
      let result = try hook(text)
      #expect(result.status == 0)
      #expect(
        result.messages.hasPrefix(
          "apreserve: the definition of virtual machine db1 cannot be read, and its queues are not checked: line 1: "
        ),
        "\(result.messages)")
    }
  }

  /// The guests of one of the package's examples, each of which comes to the other with what it needs.
  @Test(arguments: [
    ("web1", "5,6", "4", Int32(0)), ("db1", "5", "0x47", 0), ("sign1", "7", "4", 3),
  ])
  func `refuses a machine of another host that this one cannot have`(
    machine: String, adapters: String, domains: String, status: Int32
  ) throws {
    for name in ["kvm1.json", "kvm2.json"] {
      try bench.file(name, try SourceFile.text("packaging/examples/\(name)"))
    }
    let words = "guest define \(machine) --adapters \(adapters) --domains \(domains) --rules any"
    let definition = try bench.run("\(words) --inventory kvm1.json --json").output
    let json = try JSONParser.parse(Array(definition.utf8))
    let needs = try #require(json["needs"]?.text)
    let uuid = try #require(json["uuid"]?.text)
    try bench.file(
      "machine.xml",
      "<domain><name>\(machine)</name><metadata>\(needs)</metadata><devices><hostdev type='mdev'>"
        + "<source><address uuid='\(uuid)'/></source></hostdev></devices></domain>")
    for operation in ["migrate", "prepare"] {
      for (host, status) in [("kvm2.json", status), ("kvm1.json", 0)] {
        let result = try bench.run(
          "libvirt-hook --inventory \(host) --rules any -- \(machine) \(operation) begin -",
          input: "machine.xml")
        #expect(result.status == status, "\(host): \(result.messages)")
        // What is printed would be the definition of a machine that migrates.
        #expect(result.output.isEmpty)
        #expect(result.messages.contains("adapter 0x07 is older there") == (status == 3))
      }
    }
  }

  @Test func `warns of needs that it cannot read, and lets the machine start`() throws {
    try bench.file(
      "machine.xml",
      """
      <domain><name>db1</name><metadata>
      <apreserve:needs xmlns:apreserve='urn:apreserve:needs:1' uuid='none'/>
      </metadata></domain>
      """)
    let result = try bench.run(
      "libvirt-hook --inventory defined.json --rules any -- db1 migrate begin -",
      input: "machine.xml")
    #expect(result.status == 0)
    #expect(result.messages.contains("do not say what it needs, since needs has no UUID"))
  }
}
