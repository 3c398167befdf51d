import APBus
@testable import Agent
import Glibc
import HostSystem
import JSONText
import Reservation
import Testing

@testable import Daemon

@Suite struct `The journal's messages` {
  @Test func `are explained by the catalogue, each kind once, and nothing else is`() throws {
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let bytes = try HostFile.read(
      "/\(folder)/packaging/apreserve.catalog", sizeLimit: 1 << 20)
    let lines = String(decoding: bytes, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    let numbers = lines.filter { $0.hasPrefix("-- ") }.map { String($0.dropFirst(3)) }
    #expect(numbers.sorted() == MessageKind.allCases.map(\.identifier).sorted())
    #expect(lines.count { $0.hasPrefix("Subject: ") } == numbers.count)
    for number in numbers {
      #expect(number.count == 32 && number.allSatisfy { $0.isHexDigit && !$0.isUppercase })
    }
  }

  @Test func `repeat a failure ever more rarely`() {
    var failure = Failure(.masks, .changedMeanwhile)
    let texts = (1...20).flatMap { attempts in
      failure.attempts = attempts
      return LogMessage.messages(.failed(failure, missed: [], pause: .seconds(4))).map(\.text)
    }
    #expect(texts.count == 5)
    #expect(texts.first == "\(failure); next try in 4 s")
    #expect(texts.last == "\(failure), 16 times in a row; next try in 4 s")
  }

  @Test func `say what moved, with fields for programs`() throws {
    let apqns = (4...13).map { APQN(adapter: 5, domain: UInt8($0)) }
    let moves = apqns.map {
      Agent.Move(
        time: WallTime(sinceEpoch: .zero), apqn: $0, from: .host, to: .vfioAP, cause: .wanted)
    }
    let message = try #require(LogMessage.messages(.moved(moves)).first)
    #expect(message.text.hasPrefix("05.0004, 05.0005,"))
    #expect(message.text.hasSuffix("05.000b and 2 more moved from host to vfio_ap"))
    #expect(message.fields.count { $0.name == "AP_QUEUE" } == 10)
    #expect(message.fields.contains(.init("AP_ACTION", "reserve")))
    #expect(
      Journal.lines(message).prefix(4) == [
        "MESSAGE=\(message.text)", "PRIORITY=5", "MESSAGE_ID=\(MessageKind.moved.identifier)",
        "SYSLOG_IDENTIFIER=apreserve",
      ])
  }

  @Test func `say why a queue has moved, from whom and to whom, and name every single one`() {
    let apqns = (0...255).flatMap { domain in
      (1...2).map { APQN(adapter: $0, domain: UInt8(domain)) }
    }
    var moves = apqns.map {
      Agent.Move(
        time: WallTime(sinceEpoch: .zero), apqn: $0, from: .host, to: .vfioAP, cause: .collateral,
        mechanism: .mask)
    }
    moves.append(
      Agent.Move(
        time: WallTime(sinceEpoch: .zero), apqn: APQN(adapter: 9, domain: 1), from: .none,
        to: .host,
        cause: .sideEffect,
        mechanism: .mask))
    let messages = LogMessage.messages(.moved(moves))
    #expect(messages.count == 3)
    #expect(messages[0].text == messages[1].text)
    #expect(
      messages[0].text.hasSuffix(
        "504 more moved from host to vfio_ap (collateral, accepted by the rules)"))
    #expect(
      messages[2].text == "09.0001 moved from none to host (side effect of the mask write)")
    let names = messages.flatMap(\.fields).filter { $0.name == "AP_QUEUE" }.map(\.value)
    #expect(Set(names).count == 513)
    #expect(
      messages[2].fields == [
        .init("AP_QUEUE", "09.0001"), .init("AP_ACTION", "release"), .init("AP_FROM", "none"),
        .init("AP_TO", "host"), .init("AP_MECHANISM", "mask"),
      ])
  }

  @Test func `name the queues that a failure has kept from moving`() throws {
    let apqn = APQN(adapter: 5, domain: 4)
    let error = SysfsError(.write, .bus("apmask"), text: "0x0", errno: .inputOutput)
    var failure = Failure(.masks, .refused(error))
    failure.missed = [apqn]
    let message = try #require(
      LogMessage.messages(.failed(failure, missed: [], pause: .seconds(1))).first)
    #expect(message.fields == [.init("AP_QUEUE", "05.0004")])
  }

  @Test(arguments: [
    (1, "05.0004 waits until vfio_ap is loaded"),
    (2, "05.0004, 05.0005 wait until vfio_ap is loaded"),
  ])
  func `say what is waited for`(count: UInt8, text: String) {
    let requests = (0..<count).map {
      Agent.RequestedQueue(apqn: APQN(adapter: 5, domain: 4 + $0), rule: nil)
    }
    let messages = LogMessage.messages(.waiting(requests, driver: "vfio_ap"))
    #expect(messages.map(\.text) == [text])
  }

  @Test func `name the error that the kernel gave`() throws {
    let apqn = APQN(adapter: 5, domain: 4)
    let step = Step.unbind(apqn, from: "cex4queue")
    let path = try #require(step.path)
    let error = SysfsError(.write, path, text: step.text, errno: .busy)
    let message = try #require(
      LogMessage.messages(.wrote(step, error: error)).first)
    #expect(message.level == .warning)
    #expect(message.fields.contains(.init("AP_ERRNO", "EBUSY")))
    #expect(message.fields.contains(.init("AP_PATH", "/sys/bus/ap/drivers/cex4queue/unbind")))
    #expect(LogMessage.messages(.wrote(step, error: nil)).isEmpty)
  }

  @Test func `are lines with their level on a terminal`() {
    #expect(
      TextLog.text(LogMessage(.warning, .failed, "one\ntwo")) == "apreserve: warning: one\n  two\n")
  }

  @Test func `of one kind are bounded, and the rest is counted`() {
    var rate = MessageRate()
    rate.burst = 2
    let verdicts = (0..<5).map { _ in rate.verdict("a", now: .boot) }
    #expect(
      verdicts == [
        .write(suppressed: 0), .write(suppressed: 0), .suppress(isFirst: true),
        .suppress(isFirst: false), .suppress(isFirst: false),
      ])
    #expect(rate.verdict("b", now: .boot) == .write(suppressed: 0))
    #expect(rate.verdict("a", now: .boot + rate.interval) == .write(suppressed: 3))
    #expect(rate.verdict("a", now: .boot + rate.interval) == .write(suppressed: 0))
  }
}

@Suite struct `The service manager` {
  @Test(arguments: [
    (ServiceManager.Notification.ready, "READY=1"),
    (.status("a\nREADY=1"), "STATUS=a\\nREADY=1"),
    (.extendTimeout(.seconds(2)), "EXTEND_TIMEOUT_USEC=2000000"),
    (.stopping, "STOPPING=1"), (.reloading, "RELOADING=1"),
  ])
  func `is notified in its protocol`(notification: ServiceManager.Notification, text: String) {
    #expect(notification.text == text)
  }
}

@Suite struct `A message about a file with a hostile name` {
  private static let name = "/r/5\napreserve: info: all is well\u{1b}[2J.rules"
  private let message = LogMessage(
    .error, .control, "\(FileError(name, .notRegular))", fields: [.init("AP_RULE_FILE", name)])

  @Test func `is one line in the log`() {
    let text = TextLog.text(message)
    #expect(text.split(separator: "\n").count == 1, "\(text)")
    #expect(!text.contains("\u{1b}"))
  }

  @Test func `is one line in the journal, and so is each of its fields`() {
    for line in Journal.lines(message) {
      #expect(!line.contains("\n") && !line.contains("\u{1b}"), "\(line)")
    }
  }

  @Test func `is one line in the status`() {
    let status: JSONValue = .object([
      .init("summary", "fine"), .init("problems", .array([.string("bad \(Self.name)")])),
    ])
    let text = StatusView(status).text(now: HostTime().wallTime)
    #expect(text.contains(#"  bad /r/5\napreserve: info"#), "\(text)")
    #expect(!text.contains("\u{1b}"))
  }
}
