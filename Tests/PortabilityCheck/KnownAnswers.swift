import APBus
import Glibc
import HostSystem
import JSONText
import Reservation
import Synchronization
import Uevents
import Daemon

/// Answers that are known without a computer of any kind, where byte order and word layout could show.
enum KnownAnswers {
  static func check(_ results: inout Results) {
    masks(&results)
    messages(&results)
    threads(&results)
  }

  private static func masks(_ results: inout Results) {
    let zeros = String(repeating: "0", count: 64)
    results.check(
      "bit 0 of a mask is the leftmost, and each has its digit",
      (0...255).map { number in
        var digits = Array(zeros)
        digits[number / 4] = Array("8421")[number % 4]
        return (APMask([UInt8(number)]).description, "0x" + String(digits))
      })
    results.check(
      "a mask is written as the kernel takes it",
      [
        ("0x41", APMask(), [1, 7]), ("+0,-6,+0x47,-0xf0", .all, APMask.all.subtracting([6, 240])),
        ("-5,-6\n", .all, APMask.all.subtracting([5, 6])), ("0x\n", .all, APMask()),
        ("+256", .all, nil), ("0x" + zeros + "0", .all, nil),
      ].map { (text: String, start: APMask, result: APMask?) in
        (start.writing(Array(text.utf8)), result)
      })
    results.check(
      "a queue has its numbers in the kernel's order",
      [(APQN("0a.00ff"), APQN(adapter: 10, domain: 255))])
  }

  private static func messages(_ results: inout Results) {
    let event = "change@/devices/ap/card05\0ACTION=change\0DEVPATH=/devices/ap/card05\0"
    results.check(
      "an event of the kernel is read",
      [
        (
          try? KernelMessage.decode(
            Array((event + "SUBSYSTEM=ap\0CONFIG=0\0SEQNUM=4294967297\0").utf8)
          ).sequenceNumber, 4_294_967_297 as UInt64?
        )
      ])
    let call = Call(
      "org.apreserve.Explain", parameters: [.init("queue", .string("05.0004"))], wantsMore: true)
    results.check(
      "a call comes back from its message", [(try? Call(message: call.message.dropLast()), call)])
    let record = OwnershipText.text(Ownership(adapters: [1, 255]), boot: "b")
    results.check(
      "an ownership record comes back from its text",
      [(try? OwnershipText.read(Array(record.utf8), boot: "b"), Ownership(adapters: [1, 255]))])
  }

  private final class Shared: Sendable {
    let count = Mutex(0)
    let ended = Mutex(0)
  }

  /// The runtime's locks are futexes that hold their owner's number.
  private static func threads(_ results: inout Results) {
    results.check("four threads count to 400,000 behind one lock") {
      let shared = Shared()
      for _ in 0..<4 {
        try WorkerThread.start {
          for _ in 0..<100_000 { shared.count.withLock { $0 += 1 } }
          shared.ended.withLock { $0 += 1 }
        }
      }
      while shared.ended.withLock({ $0 }) < 4 { usleep(10_000) }
      let count = shared.count.withLock { $0 }
      return count == 400_000 ? [] : ["\(count)"]
    }
  }
}
