import SimulatedBus
import APBus
import Testing

@Suite struct `A plan of faults as text` {
  @Test(arguments: [
    (
      "write /sys/bus/ap/apmask 1-2 fail EBUSY",
      InjectedFault.call(.write(to: "/sys/bus/ap/apmask"), .numbers(1...2), .fail(.busy))
    ),
    (
      "write 05.* > /sys/bus/ap/drivers/*/unbind 3 ignore",
      .call(.write("05.*", to: "/sys/bus/ap/drivers/*/unbind"), .number(3), .ignore)
    ),
    (
      "write \"\" > */driver_override always fail EINVAL # clearing",
      .call(.write("", to: "*/driver_override"), .every, .fail(.invalidArgument))
    ),
    (
      "read /sys/devices/ap/*/config 5- delay 20s",
      .call(.read("/sys/devices/ap/*/config"), .numbers(5...UInt64.max), .delay(.seconds(20)))
    ),
    (
      "read */config 1/8 vanish during",
      .call(.read("*/config"), .chance(oneIn: 8), .vanish(.during))
    ),
    (
      "readlink */05.0004/driver 1 answer vfio_ap",
      .call(CallPattern([.readLink], path: "*/05.0004/driver"), .number(1), .answer("vfio_ap"))
    ),
    (
      "list /sys/bus/ap/devices 1 answer card05 05.0004",
      .call(
        CallPattern([.list], path: "/sys/bus/ap/devices"), .number(1), .answer("card05 05.0004"))
    ),
    ("call * 17 fail EIO", .call(17, fails: .inputOutput)),
    ("\tcall * 1 replace after\r", .call(.any, .number(1), .replace(.after))),
    ("event bind@* always lose", .event(EventPattern("bind@*"), .every, .lose)),
    ("event * 2 duplicate", .event(.any, .number(2), .duplicate)),
    ("event * 2 postpone 3", .event(.any, .number(2), .postpone(3))),
    ("event * 2 overrun 100", .event(.any, .number(2), .overrun(100))),
  ])
  func `has a fault a line`(line: String, fault: InjectedFault) throws {
    #expect(try FaultPlan(text: line) == FaultPlan([fault]))
  }

  @Test func `has comments, empty lines and a seed`() throws {
    let text = "# a plan\r\nseed 7\r\n\r\ncall * 1 ignore\r\n"
    #expect(try FaultPlan(text: text) == FaultPlan([.call(.any, .number(1), .ignore)], seed: 7))
  }

  @Test(arguments: [
    ("seed x", "a seed is one decimal number, such as: seed 7"),
    ("wrte * 1 ignore", "unknown fault \"wrte\"; write read, write, readlink, list, call or event"),
    ("write", "expected a place, such as /sys/bus/ap/apmask"),
    ("read x > /sys/bus/ap/apmask 1 ignore", "only a write has a text before a >"),
    ("write apmask 1 ignore", "\"apmask\" is not below /sys; begin it with /sys/ or *"),
    ("write *", "expected the occurrence: always, 3, 2-4, 5- or, by chance, 1/8"),
    (
      "write * 0 ignore",
      "\"0\" is not an occurrence; write always, 3, 2-4, 5- or, by chance, 1/8"
    ),
    (
      "write * 4-2 ignore",
      "\"4-2\" is not an occurrence; write always, 3, 2-4, 5- or, by chance, 1/8"
    ),
    (
      "write * 99999999999999999999 ignore",
      "\"99999999999999999999\" is not an occurrence; write always, 3, 2-4, 5- or, by chance, 1/8"
    ),
    ("write * 1", "expected the effect, such as fail EBUSY"),
    (
      "write * 1 explode",
      "unknown effect \"explode\" of a call; write fail, ignore, answer, delay, vanish or "
        + "replace"
    ),
    ("write * 1 fail", "expected an error's name, such as EBUSY"),
    (
      "write * 1 fail EBUSSY",
      "unknown error \"EBUSSY\"; write its name, such as EBUSY"
    ),
    ("write * 1 fail EIO twice", "unexpected \"twice\" at the end of the line"),
    (
      "write * 1 answer x", "a write has no answer: write ignore to let it succeed without effect"
    ),
    ("read * 1 delay 5", "\"5\" is not a duration; write whole seconds, such as 20s"),
    ("read * 1 vanish soon", "unknown moment \"soon\"; write before, during or after"),
    (
      "event * 1 fail EIO",
      "unknown effect \"fail\" of an event; write lose, duplicate, postpone or overrun"
    ),
    ("event * 1 overrun 0", "\"0\" is not a number of events; write 1 or more"),
  ])
  func `says what is wrong in which line`(line: String, problem: String) {
    #expect(throws: FaultPlanError(file: "f", line: 2, problem: problem)) {
      try FaultPlan(text: "# a plan\n" + line + "\n", name: "f")
    }
  }
}
