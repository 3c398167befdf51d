import APBus
import Reservation
import ReservationRules
import Glibc
import HostSystem
import HostTestSupport
import TestSupport
import Testing

private let uuid = "34a349ba-2c0d-4ab5-9f6b-0d1e5b1f0f0e"

@Suite struct `A host's other files` {
  private let tree: TemporaryTree

  init() throws {
    tree = try TemporaryTree()
  }

  private var configuration: HostConfiguration { HostConfigurationReader(root: tree.path).read() }

  @Test func `are empty if there are no files`() {
    #expect(configuration == HostConfiguration())
  }

  @Test func `are all read, each where its tool has it`() throws {
    try tree.file("proc/cmdline", "root=/dev/dasda1 ap.apmask=0x80\n")
    try tree.file("etc/udev/rules.d/41-ap.rules", "ATTR{/sys/bus/ap/aqmask}=\"0x40\"\n")
    try tree.file("etc/driverctl.d/ap-05.0004", "vfio_ap\n")
    try tree.file("etc/driverctl.d/pci-0000:00:01.0", "vfio-pci\n")
    try tree.file(
      "etc/mdevctl.d/matrix/\(uuid)", #"{"start": "auto", "attrs": [{"assign_adapter": "5"}]}"#)
    try tree.file("etc/mdevctl.d/matrix/README", "{}")
    try tree.file("etc/mdevctl.d/matrix/11111111-2222-3333-4444-555555555555", "{")
    let machine = """
      <domain><name>db1</name>
      <hostdev type='mdev'><source><address uuid='\(uuid)'/></source></hostdev></domain>
      """
    try tree.file("etc/libvirt/qemu/db1.xml", machine)
    try tree.file("run/libvirt/qemu/db1.xml", machine)
    try tree.file("usr/lib/mdevctl/scripts.d/callouts/ap-check", "", mode: 0o755)
    try tree.file("proc/crypto", "name : paes\nrefcnt : 2\n")
    try tree.file("etc/crypttab", "data /dev/b key cipher=paes-xts-plain64\n")
    try tree.file("etc/zkey/repository/root.skey", "")
    try tree.file("etc/zkey/repository/root.info", "")
    let configuration = configuration
    #expect(configuration.bootMasks?.adapters == [0])
    #expect(configuration.persistentMasks?.domains == [1])
    #expect(configuration.overrides.map(\.source) == ["/etc/driverctl.d/ap-05.0004"])
    #expect(configuration.definitions.filter { $0.problems == [] }.map(\.device.uuid) == [uuid])
    let broken = configuration.definitions.filter { $0.problems != [] }
    #expect(broken.map(\.device.uuid) == ["11111111-2222-3333-4444-555555555555"])
    #expect(
      configuration.virtualMachines == [
        VirtualMachine(name: "db1", mediatedDevices: [uuid], live: [uuid])
      ])
    #expect(configuration.unreadable == [])
    #expect(configuration.callout == "/usr/lib/mdevctl/scripts.d/callouts/ap-check")
    #expect(
      configuration.secureKeyUsers == [
        .cipherInUse, .encryptedVolume("data"), .repositoryKey("root", problem: "is empty"),
      ])
  }

  /// What is there and cannot be read must not look like what has been removed: queues would be given back.
  @Test func `have definitions that cannot be read where a name leads to no file`() throws {
    let definitions = "etc/mdevctl.d/matrix/"
    try tree.link(definitions + uuid, to: "\(tree.path)/not-mounted/\(uuid)")
    try tree.directory(definitions + "11111111-2222-3333-4444-555555555555")
    try tree.link("etc/libvirt/qemu/web1.xml", to: "\(tree.path)/not-mounted/web1.xml")
    try tree.directory("etc/libvirt/qemu/networks")
    let configuration = configuration
    #expect(
      configuration.definitions.map(\.device.uuid).sorted() == [
        "11111111-2222-3333-4444-555555555555", uuid,
      ])
    #expect(configuration.definitions.allSatisfy { $0.problems.count == 1 })
    #expect(configuration.unreadable.map(\.place) == ["/etc/libvirt/qemu/web1.xml"])
  }

  @Test func `show the devices of a machine that runs and those of its definition`() throws {
    func machine(_ name: String, _ devices: [String]) -> String {
      devices.reduce(into: "<domain type='kvm'><name>\(name)</name>\n") { text, uuid in
        text += "<hostdev type='mdev'><source><address uuid='\(uuid)'/></source></hostdev>\n"
      } + "</domain>"
    }
    let attached = "11111111-2222-4333-8444-555555555555"
    try tree.file("etc/libvirt/qemu/web.xml", machine("web", [uuid]))
    try tree.file("run/libvirt/qemu/web.xml", machine("web", [attached, uuid]))
    try tree.file("etc/libvirt/qemu/db.xml", machine("db", []))
    try tree.file("run/libvirt/qemu/db.xml", machine("db", [attached]))
    #expect(
      configuration.virtualMachines == [
        VirtualMachine(name: "web", mediatedDevices: [uuid], live: [attached, uuid]),
        VirtualMachine(name: "db", mediatedDevices: [], live: [attached]),
      ])
    #expect(
      configuration.virtualMachines.map(\.mediatedDevices) == [[uuid, attached], [attached]])
  }

  @Test(
    arguments: [
      ("var/lib/kubelet/plugins/cex-driver.ibm.com/dra.sock", [.kubernetesDriver]),
      ("var/lib/kubelet/device-plugins/cex.s390.ibm.com_CCA_for_customer_1", [.kubernetesPlugin]),
      ("var/lib/kubelet/device-plugins/kubevirt-kvm.sock", [.kubeVirt]),
      ("var/lib/kubelet/plugins/csi.example.com/csi.sock", []),
      ("var/lib/kubelet/device-plugins/kubelet.sock", []),
    ] as [(String, [QueueManager])])
  func `show other programs that assign queues`(path: String, managers: [QueueManager]) throws {
    let tree = try TemporaryTree()
    try tree.file(path, "")
    #expect(HostConfigurationReader(root: tree.path).read().managers == managers)
  }

  @Test(arguments: [("ap-check", 0o644), ("ap-check.rpmsave", 0o600), ("other", 0o755)])
  func `show no callout that mdevctl does not run`(name: String, mode: UInt32) throws {
    let directory = "usr/lib/mdevctl/scripts.d/callouts/"
    try tree.file(directory + name, "#!/bin/sh\n", mode: mode)
    try tree.directory(directory + "ap-check.d")
    #expect(configuration.callout == nil)
    try tree.file(directory + "ap-check.sh", "#!/bin/sh\n", mode: 0o755)
    #expect(configuration.callout == "/" + directory + "ap-check.sh")
  }

  /// mdevctl 1.3 and newer need the directory of notifiers, and try first what is in /usr, by name.
  @Test(arguments: [
    (["usr", "usr"], true, false), (["etc", "usr"], true, true), (["etc", "etc"], true, false),
    (["usr", "etc"], true, false), (["usr", "usr"], false, false), (["usr", "etc"], false, true),
    (["etc", "usr"], false, false),
  ])
  func `show no callout that apreserve's comes before`(
    places: [String], isCurrent: Bool, isUsed: Bool
  ) throws {
    let directories = [
      "usr": "usr/lib/mdevctl/scripts.d", "etc": "etc/mdevctl.d/scripts.d",
    ]
    if isCurrent { try tree.directory("usr/lib/mdevctl/scripts.d/notifiers") }
    for (name, place) in zip(["ap-apreserve", "ap-check"], places) {
      let directory = try #require(directories[place])
      try tree.file("\(directory)/callouts/\(name)", "#!/bin/sh\n", mode: 0o755)
    }
    #expect((configuration.callout != nil) == isUsed)
  }

  @Test func `show the callout that an older mdevctl finds first`() throws {
    let directory = "etc/mdevctl.d/scripts.d/callouts"
    try tree.file("\(directory)/ap-apreserve", "#!/bin/sh\n", mode: 0o755)
    try tree.file("\(directory)/ap-check.sh", "#!/bin/sh\n", mode: 0o755)
    // The order of the file system, as mdevctl sees it, too.
    var names: [String] = []
    let stream = try #require(opendir("\(tree.path)/\(directory)"))
    while let entry = readdir(stream) {
      names.append(
        withUnsafeBytes(of: &entry.pointee.d_name) {
          String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    closedir(stream)
    let first = names.first { $0.hasPrefix("ap-") }
    #expect(configuration.callout == (first == "ap-check.sh" ? "/\(directory)/ap-check.sh" : nil))
    try tree.mode("\(directory)/ap-apreserve", 0o644)
    #expect(configuration.callout == "/\(directory)/ap-check.sh")
  }

  @Test
  func `that cannot be read say nothing, except of secure keys and of mediated devices`() throws {
    try tree.directory("proc/cmdline")
    try tree.pipe("etc/crypttab")
    try tree.link("etc/driverctl.d/ap-05.0004", to: "/nowhere")
    try tree.file("etc/mdevctl.d/matrix/\(uuid)", String(repeating: "[", count: 100_000))
    try tree.file("etc/libvirt/qemu/a.xml", String(repeating: "<!--", count: 10_000))
    let definition = MediatedDeviceDefinition(
      device: MediatedDevice(uuid: uuid), startsAutomatically: false,
      problems: [
        .init("a file that is not JSON: arrays and objects are nested deeper than 64", line: 1)
      ])
    let machines = UnreadableDefinitions(
      .virtualMachines, place: "/etc/libvirt/qemu/a.xml:1", reason: "this comment does not end")
    #expect(
      configuration
        == HostConfiguration(
          definitions: [definition], unreadable: [machines],
          secureKeyUsers: [.unreadable("/etc/crypttab")]))
  }

  @Test func `of guests are all read, or said to be missing`() throws {
    try tree.file("etc/mdevctl.d/matrix", "")
    try tree.pipe("etc/libvirt/qemu/p.xml")
    try tree.file("etc/libvirt/qemu/empty.xml", "")
    try tree.file("etc/libvirt/qemu/notes.txt", "<")
    try tree.file("run/libvirt/qemu/net.xml", "<network><name>n</name></network>")
    #expect(
      configuration.unreadable == [
        UnreadableDefinitions(
          .mediatedDevices, place: "/etc/mdevctl.d/matrix", reason: "ENOTDIR (not a directory)"),
        UnreadableDefinitions(
          .virtualMachines, place: "/etc/libvirt/qemu/empty.xml:1",
          reason: "there is no element in it"),
        UnreadableDefinitions(
          .virtualMachines, place: "/etc/libvirt/qemu/p.xml", reason: "it is not a regular file"),
      ])
    let guests = configuration.guests
    #expect(guests.missingDefinitions != nil && guests.missingMachines != nil)
  }

  /// With entities and comments in it, as nobody's definition is, and with a device at its end.
  @Test func `of a virtual machine may have megabytes`() throws {
    let noise = String(repeating: "<!-- - -- ->- --><x y='&lt;&amp;>'>&gt;\n</x>", count: 30_000)
    try tree.file(
      "etc/libvirt/qemu/big.xml",
      "<domain><name>big &lt;1&gt;</name>\(noise)<hostdev type='mdev' model='vfio-ap'>"
        + "<source><address uuid='\(uuid)'/></source></hostdev></domain>")
    #expect(
      configuration.virtualMachines == [VirtualMachine(name: "big <1>", mediatedDevices: [uuid])])
    #expect(configuration.unreadable == [])
  }
}
