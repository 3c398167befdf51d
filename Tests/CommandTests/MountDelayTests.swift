import Glibc
import Testing

/// Faults that let calls on a mounted bus take their time (apreserve-scenario(5)).
@Suite(.enabled(if: MountedBus.isPossible, "no mount: \(MountedBus.obstacle ?? "")"))
struct `A delayed call on a mounted bus` {
  private static let all = "0x" + String(repeating: "f", count: 64) + "\n"
  private static let pause = Duration.seconds(3)

  /// A program that runs a line of shell on a bus, in its directory.
  private func start(_ line: String, on bus: MountedBus) throws -> pid_t {
    try Program.start("/bin/sh", ["-c", "cd \(bus.path) && \(line)"])
  }

  @Test func `that writes is done later, and no other call waits`() throws {
    let bus = try MountedBus(faults: "write /sys/bus/ap/apmask 1 delay 3s\n")
    let start = ContinuousClock.now
    let writer = try self.start("echo -5 > bus/ap/apmask", on: bus)
    for _ in 0..<20 { #expect(bus.read("bus/ap/apmask") == Self.all) }
    #expect(waitpid(writer, nil, WNOHANG) == 0)
    #expect(Program.wait(for: writer) == 0)
    #expect(start.duration(to: .now) >= Self.pause)
    #expect(bus.read("bus/ap/apmask").hasPrefix("0xfb"))
    #expect(bus.write("+5\n", "bus/ap/apmask") == "ok")
  }

  @Test func `returns the error that it has when it is done`() throws {
    let bus = try MountedBus(faults: "write /sys/bus/ap/drivers/*/bind 1 delay 3s\n")
    let writer = try start("echo 05.0004 > bus/ap/drivers/cex4queue/bind", on: bus)
    usleep(500_000)
    #expect(bus.write("05.0004\n", "bus/ap/drivers/cex4queue/unbind") == "ok")
    #expect(Program.wait(for: writer) == 0)
    #expect(bus.link("bus/ap/devices/05.0004/driver").hasSuffix("cex4queue"))
    #expect(bus.write("05.0004\n", "bus/ap/drivers/cex4queue/bind") == "write \(EBUSY)")
  }

  @Test func `that reads is done later too, once`() throws {
    let bus = try MountedBus(faults: "read /sys/bus/ap/apmask 1 delay 3s\n")
    let start = ContinuousClock.now
    let reader = try self.start("grep -q ^0xfb bus/ap/apmask", on: bus)
    usleep(500_000)
    #expect(bus.write("-5\n", "bus/ap/apmask") == "ok")
    #expect(waitpid(reader, nil, WNOHANG) == 0)
    #expect(Program.wait(for: reader) == 0)
    #expect(start.duration(to: .now) >= Self.pause)
  }

  @Test func `is cancelled by a signal, and not done`() throws {
    let bus = try MountedBus(faults: "write /sys/bus/ap/apmask 1 delay 3s\n")
    let writer = try start("echo -5 > bus/ap/apmask", on: bus)
    usleep(500_000)
    #expect(kill(writer, SIGKILL) == 0)
    #expect(Program.wait(for: writer) == 128 + SIGKILL)
    usleep(3_500_000)
    #expect(bus.read("bus/ap/apmask") == Self.all)
  }
}
