import APBus
import Glibc
import HostSystem
import HostTestSupport
import JSONText
import TestSupport
import Testing
@testable import Daemon

/// What a daemon makes of rule files that are not whole, cannot be read, or change without an event.
@Suite(
  .enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"),
  .serialized)
struct `The rule files of a live machine` {
  private static let rule = "ADAPTER==\"1\", RESERVE=\"vfio_ap\"\n"
  private static let another = "ADAPTER==\"2\", RESERVE=\"vfio_ap\"\n"
  /// Follows the other one in a file: the adapter stays with the host.
  private static let lock = "ADAPTER==\"2\", RESERVE:=\"host\"\n"
  private static let sentence =
    "60.rules is being written by another process; wait until that process has closed it"

  @Test(arguments: [true, false])
  func `do not count for a reload while another process is writing them`(isSignal: Bool) async {
    await #expect(processExitsWith: .success) { [isSignal] in
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      _ = machine.bus.takeWrites()
      let file = try machine.tree.writer("rules/60.rules")
      try file.write(Self.another)
      if isSignal {
        machine.signal(SIGHUP)
        try machine.wait { !machine.messages.texts(of: .reloadRequested).isEmpty }
      } else {
        let error = #expect(throws: ControlError.self) { try machine.reload() }
        #expect(error?.description.contains(Self.sentence) == true, "\(error as Any)")
      }
      try machine.wait { try machine.status()["rules"]?["origin"] == "earlier-files" }
      try machine.settle()
      #expect(
        machine.messages.texts(of: .rulesRefused).contains { $0.contains(Self.sentence) })
      try file.write(Self.lock)
      file.close()
      try machine.wait { try machine.status()["rules"]?["count"] == .integer(3) }
      try machine.settle()
      #expect(machine.bus.takeWrites() == [])
      #expect(machine.reserved.count == 4)
      try machine.reload()
    }
  }

  @Test func `do not count at the start while another process is writing them`() async {
    await #expect(processExitsWith: .success) {
      var file: OpenFile?
      let machine = try LiveMachine(.mask, rules: Self.rule) { settings in
        file = try? OpenFile("\(settings.ruleDirectories.first ?? "")/60.rules")
        try? file?.write(Self.another)
      }
      #expect(try machine.settle()["rules"]?["origin"] == "nowhere")
      #expect(machine.reserved == [])
      try file?.write(Self.lock)
      file?.close()
      try machine.wait { machine.reserved.count == 4 }
      try machine.settle()
      #expect(machine.bus.takeWrites().count { $0.hasSuffix("apmask") } == 1)
    }
  }

  /// A forgotten descriptor does not keep the rules away for ever.
  @Test func `count when they have been kept open for long enough, for a reload too`() async {
    await #expect(processExitsWith: .success) {
      var file: OpenFile?
      let machine = try LiveMachine(.mask, rules: Self.rule) { settings in
        settings.writerLimit = .seconds(2)
        file = try? OpenFile("\(settings.ruleDirectories.first ?? "")/60.rules")
        try? file?.write(Self.another)
      }
      #expect(throws: ControlError.self) { try machine.reload() }
      try machine.wait { machine.reserved.count == 8 }
      try machine.reload()
      #expect(try machine.settle()["rules"]?["origin"] == "files")
      file?.close()
    }
  }

  /// More events than the kernel keeps: none tells of the file.
  @Test func `do not count while they are written after events about them were lost`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine(.mask, rules: Self.rule)
      try machine.settle()
      _ = machine.bus.takeWrites()
      machine.messages.holdUp(.rulesLoaded)
      try machine.tree.file("rules/55.rules", "# nothing\n")
      try machine.wait { machine.messages.isHoldingUp }
      for number in 0..<20_000 {
        try machine.tree.mode("rules/\(number % 2 == 0 ? "50-test" : "55").rules", 0o644)
      }
      let file = try machine.tree.writer("rules/60.rules")
      try file.write(Self.another)
      machine.messages.holdUp(nil)
      try machine.wait { try machine.status()["rules"]?["origin"] == "earlier-files" }
      try file.write(Self.lock)
      file.close()
      try machine.wait { try machine.status()["rules"]?["count"] == .integer(3) }
      try machine.settle()
      #expect(machine.bus.takeWrites() == [])
    }
  }
}
