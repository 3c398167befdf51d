import Glibc
import JSONText
import TestSupport
import Testing

private let uuid = "11111111-2222-3333-4444-555555555555"
private let other = "22222222-2222-3333-4444-555555555555"

/// mdevctl is a shell here, which calls and waits as it does; with the real one, `make check-tools` runs the callout.
@Suite(.enabled(if: MountedBus.isPossible, "\(MountedBus.obstacle ?? "")"))
struct `The callout of mdevctl` {
  private let mounted: MountedBus
  private let lock: String

  init() throws {
    mounted = try MountedBus(["root/run/lock/README": "", "root/etc/hostname": "lnx1\n"])
    lock = mounted.bench.path + "/root/run/lock/s390apconfig.lock"
  }

  /// What a shell prints that has this script, in which `callout EVENT ACTION` calls the callout, and the status.
  private func mdevctl(
    _ script: String, type: String = "vfio_ap-passthrough", uuid: String = uuid
  ) throws -> (lines: [String], status: Int) {
    let text = """
      callout() {
        '\(try Program.location())' mdev-callout -t \(type) -e "$1" -a "$2" -s none -u \(uuid) -p matrix \
      --sysfs sys --root root --rules rules
      }
      lock() { cat '\(lock)' 2>/dev/null | sed "s/^$$\\$/mine/" || true; }
      \(script)
      """
    try mounted.bench.directory("rules")
    try mounted.bench.file("mdevctl", text)
    let output = mounted.bench.path + "/output"
    let process = try Program.start(
      "sh", ["-c", "cd '\(mounted.bench.path)' && exec sh ./mdevctl 2>&1"], output: output)
    let status = Program.wait(for: process)
    let lines = try mounted.bench.text("output").split(separator: "\n").map(String.init)
    return (lines, status)
  }

  private func reserve(_ apqn: String) {
    #expect(mounted.write("vfio_ap", "bus/ap/devices/\(apqn)/driver_override") == "ok")
    #expect(mounted.write(apqn, "bus/ap/drivers/cex4queue/unbind") == "ok")
    #expect(mounted.write(apqn, "bus/ap/drivers_probe") == "ok")
  }

  /// A definition as standard input. A pipe would make another process the parent.
  private func json(_ attributes: String, start: String = "manual") throws -> String {
    let text =
      #"{"mdev_type": "vfio_ap-passthrough", "start": "\#(start)", "attrs": [\#(attributes)]}"#
    return try input(Array(text.utf8))
  }

  private func input(_ bytes: [UInt8]) throws -> String {
    let name = "definition\(UInt(bitPattern: bytes.hashValue))"
    try mounted.bench.file(name, bytes: bytes)
    return "<" + name
  }

  private let matrix = #"{"assign_adapter": "5"}, {"assign_domain": "4"}"#

  @Test func `leaves the answer to others while masks reserve queues, and for other devices`()
    throws
  {
    #expect(mounted.write("-5", "bus/ap/apmask") == "ok")
    for (event, action) in [
      ("get", "capabilities"), ("pre", "start"), ("post", "start"), ("get", "attributes"),
    ] {
      #expect(try mdevctl("callout \(event) \(action) </dev/null").status == 2)
    }
    #expect(mounted.write("+5", "bus/ap/apmask") == "ok")
    #expect(try mdevctl("callout pre stop </dev/null", type: "i915-GVTg").status == 2)
    #expect(try mdevctl("callout pre stop </dev/null").status == 0)
  }

  @Test func `holds the lock in the name of mdevctl from before a change until after it`() throws {
    reserve("05.0004")
    for action in ["define", "modify", "start", "stop", "undefine"] {
      let result = try mdevctl(
        "callout pre \(action) \(try json(matrix)); echo $?; lock; callout post \(action); lock")
      #expect(result.lines == ["0", "mine"], "\(action)")
      #expect(access(lock, F_OK) != 0)
    }
    // A process that has crashed between the two leaves what others take for stale.
    let result = try mdevctl("callout pre start \(try json(matrix)); lock")
    #expect(result.lines == ["mine"])
    let next = try mdevctl(
      "callout pre start \(try json(matrix)) && lock; callout post start; lock")
    #expect(next.lines == ["mine"])
  }

  @Test func `goes on with a lock that an earlier call of the same mdevctl has left`() throws {
    reserve("05.0004")
    let script = "callout pre start \(try json(matrix)); lock;"
    #expect(try mdevctl("\(script) \(script) callout post start").lines == ["mine", "mine"])
  }

  @Test func `refuses to start what the kernel would not assign, and releases the lock`() throws {
    reserve("05.0004")
    let both = #"{"assign_adapter": "5"}, {"assign_adapter": "6"}, {"assign_domain": "4"}"#
    let result = try mdevctl("callout pre start \(try json(both)); echo $?; lock")
    #expect(
      result.lines == [
        "06.0004 has the driver cex4queue: no rule reserves it; GUEST==\"\(uuid)\", RESERVE=\"vfio_ap\" does",
        "3",
      ])
    try mounted.bench.file("rules/50.rules", "ADAPTER==\"6\", RESERVE=\"host\"\n")
    let kept = try mdevctl("callout pre start \(try json(both)); echo $?; lock")
    #expect(
      kept.lines.first == "06.0004 has the driver cex4queue: rules/50.rules:1 keeps it for the host"
    )
  }

  @Test func `refuses definitions that exclude one another at boot`() throws {
    try mounted.bench.file(
      "root/etc/mdevctl.d/matrix/\(other)",
      #"{"mdev_type": "vfio_ap-passthrough", "start": "auto", "attrs": [\#(matrix)]}"#)
    let result = try mdevctl("callout pre define \(try json(matrix, start: "auto")); echo $?; lock")
    #expect(
      result.lines == [
        "05.0004 is defined for mediated device \(other), which starts at boot, too, so that the second of the two fails",
        "3",
      ])
    #expect(
      try mdevctl("callout pre define \(try json(matrix)); echo $?; callout post define").lines == [
        "0"
      ])
  }

  @Test func `survives any input`() throws {
    reserve("05.0004")
    let nulls = [UInt8](repeating: 0, count: 3_000_000)
    for bytes in [[], Array("{".utf8), nulls, Array("[1]".utf8)] {
      let result = try mdevctl("callout pre start \(try input(bytes)); echo $?; lock")
      #expect(result.lines.count == 2 && result.lines.last == "1", "\(bytes.count): \(result)")
    }
    // These are not judged by what is in the definition.
    for action in ["stop", "undefine"] {
      let result = try mdevctl("callout pre \(action) </dev/null; echo $?; callout post \(action)")
      #expect(result.lines == ["0"])
    }
    #expect(try mdevctl("callout pre stop </dev/null", uuid: "../../x").status == 1)
    #expect(try mdevctl("callout more news </dev/null").status == 0)
  }

  @Test func `answers with what it can do of what mdevctl can do`() throws {
    let offer = #"""
      {"provides": {"version": 2, "actions": ["start", "stop", "define", "undefine", "modify", "attributes",
      "capabilities", "dance"], "events": ["pre", "post", "notify", "get", "live"]}}
      """#
    let result = try mdevctl("callout get capabilities <<'END'\n\(offer)\nEND")
    #expect(
      result.lines == [
        #"{"supports": {"version": 2, "actions": ["define", "modify", "start", "stop", "undefine", "#
          + #""attributes", "capabilities"], "events": ["pre", "post", "get", "live"]}}"#
      ])
    #expect(
      try mdevctl("callout get capabilities \(try input(Array("{}".utf8)))").lines == [
        #"{"supports": {"version": 2, "actions": [], "events": []}}"#
      ])
    #expect(try mdevctl("callout get capabilities </dev/null").status == 1)
  }

  @Test func `prints the attributes of a device that is active`() throws {
    reserve("05.0004")
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    #expect(try mdevctl("callout get attributes </dev/null").lines == [])
    #expect(mounted.write(uuid, "\(type)/create") == "ok")
    #expect(try mdevctl("callout get attributes </dev/null").lines == ["[]"])
    for (name, value) in [("adapter", "5"), ("domain", "4"), ("control_domain", "0x47")] {
      #expect(mounted.write(value, "devices/vfio_ap/matrix/\(uuid)/assign_\(name)") == "ok")
    }
    // While a start holds the lock, and while any other process does.
    for script in ["", "echo $$ >'\(lock)';", "echo 1 >'\(lock)';"] {
      #expect(
        try mdevctl(script + "callout get attributes </dev/null; rm -f '\(lock)'").lines == [
          #"[{"assign_adapter": "5"}, {"assign_domain": "4"}, {"assign_control_domain": "71"}]"#
        ])
    }
  }

  @Test func `gives an active device another matrix, or says why not`() throws {
    reserve("05.0004")
    reserve("05.0047")
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    #expect(mounted.write(uuid, "\(type)/create") == "ok")
    let more = matrix + #", {"assign_domain": "0x47"}"#
    let result = try mdevctl("callout live modify \(try json(more)); echo $?; lock")
    #expect(result.lines == ["0"])
    #expect(mounted.read("devices/vfio_ap/matrix/\(uuid)/matrix") == "05.0004\n05.0047\n")
    let refused = try mdevctl(
      "callout live modify \(try json(matrix + #", {"assign_adapter": "6"}"#)); echo $?; lock")
    #expect(refused.lines.last == "3")
    #expect(refused.lines.first?.hasPrefix("06.0004 has the driver cex4queue") == true)
    #expect(mounted.read("devices/vfio_ap/matrix/\(uuid)/matrix") == "05.0004\n05.0047\n")
    let vanished = try mdevctl("callout live modify \(try json(matrix)); echo $?", uuid: other)
    #expect(vanished.lines.last == "3" || vanished.lines.last == "1")
  }

  @Test func `does not hold the lock while the removal waits for a guest`() throws {
    reserve("05.0004")
    let type = "devices/vfio_ap/matrix/mdev_supported_types/vfio_ap-passthrough"
    #expect(mounted.write(uuid, "\(type)/create") == "ok")
    for (name, value) in [("adapter", "5"), ("domain", "4")] {
      #expect(mounted.write(value, "devices/vfio_ap/matrix/\(uuid)/assign_\(name)") == "ok")
    }
    #expect(mounted.write("guest start \(uuid)", "kernel/debug/apsim/control") == "ok")
    let result = try mdevctl("callout pre stop </dev/null; echo $?; lock")
    #expect(
      result.lines == ["a guest uses the device; it is removed when the guest has ended", "0"])
    #expect(mounted.write("guest stop \(uuid)", "kernel/debug/apsim/control") == "ok")
    #expect(try mdevctl("callout pre stop </dev/null; lock").lines == ["mine"])
  }

  /// The lock of a running process that is not mdevctl is waited for, here for no longer than the test does.
  @Test func `waits for another process`() throws {
    try mounted.bench.file("root/run/lock/s390apconfig.lock", "1\n")
    let result = try mdevctl(
      "(sleep 1; rm '\(lock)') & callout pre undefine \(try json("")); echo $?; lock")
    #expect(result.lines == ["0", "mine"])
  }
}
