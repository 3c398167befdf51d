import APBus
import Daemon
import Glibc
import HostSystem
import JSONText
import SimulatedBus
import Testing

extension LiveMachine {
  /// A daemon that expects another master key of the host's queues on adapter 1 than they have from now on.
  static func withChangedKey() throws -> LiveMachine {
    let machine = try LiveMachine(
      .override,
      rules: "ADAPTER==\"1\", RESERVE=\"host\", EXPECT_MKVP{aes}=\"0x1111111111111111\"\n",
      domains: 0...1)
    for key in ["0x1111111111111111", "0x2222222222222222"] {
      machine.bus.use { $0.setMasterKeys("AES CUR: valid \(key)", onCard: 1) }
      // A key ceremony has no event, so it is found by a scan.
      _ = try machine.reply("Apply")
    }
    return machine
  }
}

@Suite(.enabled(if: LiveMachine.isPossible, "a network namespace of its own is refused here"))
struct `A master key that is not the expected one` {
  @Test func `is an alarm in status, metrics and journal, and moves nothing`() async {
    await #expect(processExitsWith: .success) {
      let machine = try LiveMachine.withChangedKey()
      let status = try machine.status()
      let alarm = try #require(status["keyAlarms"]?.elements.first)
      #expect(alarm["alarm"]?.text == "unexpected-master-key")
      #expect(alarm["queues"]?.elements.compactMap(\.text) == ["01.0000", "01.0001"])
      #expect(alarm["pattern"]?.text == "0x2222222222222222")
      #expect(alarm["expected"]?.text == "0x1111111111111111")
      let view = StatusView(status)
      #expect(view.outcome == .fine)
      let metrics = try machine.metrics()
      #expect(metrics.contains("\napreserve_key_alarms{alarm=\"unexpected-master-key\"} 2\n"))
      #expect(metrics.contains("\napreserve_key_alarms{alarm=\"changed-master-key\"} 0\n"))
      let text = view.text(now: HostTime().wallTime)
      #expect(
        text.contains("\nwarnings\n  01.0000, 01.0001 have the AES master key 0x2222"), "\(text)")
      try machine.wait { machine.messages.texts(of: .keyAlarm).count == 1 }
      #expect(
        machine.messages.texts(of: .keyChanged) == [
          "AES CUR of 01.0000, 01.0001 has changed: valid 0x2222222222222222, and it was valid "
            + "0x1111111111111111 when it was read before"
        ])
      #expect(machine.bus.takeWrites() == [])
    }
  }
}
