import APBus
import Glibc
import HostSystem
import Synchronization
import Testing

/// Adapters 5 and 7 say what comes through a pipe, once it comes; adapter 6, and the kernel, answer at once.
private final class PipeSysfs: Sysfs, Sendable {
  private let output: Int32
  private let input: Int32
  /// How often these were asked.
  let asked = Atomic<Int>(0)
  /// What they say at once instead, after so many microseconds.
  let script = Mutex<[String]>([])
  let pause = Atomic<UInt32>(0)
  /// How often the bus was opened, and whether it can be opened once more.
  let opened = Atomic<Int>(0)
  let isGone = Atomic<Bool>(false)

  init() {
    var ends: [Int32] = [-1, -1]
    #expect(Glibc.pipe(&ends) == 0)
    (output, input) = (ends[0], ends[1])
  }

  deinit {
    close(output)
    close(input)
  }

  func open() throws(FileError) -> any Sysfs {
    if isGone.load(ordering: .relaxed) { throw FileError("/sys", .failed("opening", .noSuchFile)) }
    opened.wrappingAdd(1, ordering: .relaxed)
    return self
  }

  /// Lets one of these answer.
  func say(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(Glibc.write(input, bytes, bytes.count) == bytes.count)
  }

  func read(_ path: SysfsPath) throws(SysfsError) -> String {
    guard path.askedAdapter == 5 || path.askedAdapter == 7 else { return "\(path)\n" }
    asked.wrappingAdd(1, ordering: .relaxed)
    usleep(pause.load(ordering: .relaxed))
    let text = script.withLock { $0.isEmpty ? nil : $0.removeFirst() } ?? hear()
    if let errno = Errno(name: text) { throw SysfsError(.read, path, errno: errno) }
    return text
  }

  private func hear() -> String {
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = Glibc.read(output, &bytes, bytes.count)
    return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
  }

  func write(_ text: String, to path: SysfsPath) throws(SysfsError) {
    throw SysfsError(.write, path, text: text, errno: .busy)
  }
  func readLink(_ path: SysfsPath) throws(SysfsError) -> String { "cex4card" }
  func list(_ path: SysfsPath) throws(SysfsError) -> [String] { ["card05", "card06"] }
}

@Suite struct `A sysfs with a deadline` {
  private static let serial = SysfsPath.card(5, "serialnr")
  private static let keys = SysfsPath.queue(APQN(adapter: 5, domain: 4), "mkvps")
  private let pipe = PipeSysfs()

  private func sysfs(
    limit: Duration = .seconds(1), patience: Duration? = nil,
    isInterrupted: @escaping () -> Bool = { false },
    onReturn: @escaping @Sendable () -> Void = {}
  ) throws -> DeadlineSysfs {
    try DeadlineSysfs(
      limit: limit, patience: patience, isInterrupted: isInterrupted, onReturn: onReturn
    ) {
      [pipe] in try pipe.open()
    }
  }

  /// Waits for what comes of itself; no time is asserted.
  private func wait(until condition: () -> Bool) {
    for _ in 0..<60_000 where !condition() { usleep(1000) }
    #expect(condition())
  }

  @Test func `passes on every answer, and asks with one thread`() throws {
    let sysfs = try sysfs(limit: .seconds(600))
    for text in ["93AA0005\n", "-\n"] {
      pipe.say(text)
      #expect(try sysfs.read(Self.serial) == text)
    }
    pipe.say("EIO")
    #expect(throws: SysfsError(.read, Self.keys, errno: .inputOutput)) {
      try sysfs.read(Self.keys)
    }
    #expect(try sysfs.readLink(.card(5, "driver")) == "cex4card")
    #expect(try sysfs.list(.bus("devices")) == ["card05", "card06"])
    #expect(throws: SysfsError(.write, .bus("apmask"), text: "-5", errno: .busy)) {
      try sysfs.write("-5", to: .bus("apmask"))
    }
    #expect(pipe.opened.load(ordering: .relaxed) == 2)
  }

  @Test func `waits for an adapter only so long, and for its other files not at all`() throws {
    let sysfs = try sysfs()
    let unanswered = SysfsError(UnansweredRead(Self.serial, limit: .seconds(1)))
    #expect(
      unanswered.description
        == "reading /sys/devices/ap/card05/serialnr: no answer within 1 s")
    for path in [Self.serial, Self.keys, Self.serial] {
      #expect(throws: unanswered) { try sysfs.read(path) }
    }
    #expect(pipe.asked.load(ordering: .relaxed) == 1)
    // What the kernel answers by itself, and other adapters, are read as ever.
    for path in [SysfsPath.card(5, "hwtype"), .card(6, "serialnr"), .bus("apmask")] {
      #expect(try sysfs.read(path) == "\(path)\n")
    }
    #expect(sysfs.nextDue == nil)
    #expect(sysfs.takeDue() == [])
    pipe.say("late\n")
  }

  @Test func `reads several files in one turn, and gives their answers in order`() throws {
    let sysfs = try sysfs(limit: .seconds(600))
    pipe.script.withLock { $0 = ["93AA0005\n", "EIO"] }
    let paths = [Self.serial, .card(6, "serialnr"), .bus("apmask"), Self.keys]
    #expect(
      sysfs.read(paths) == [
        .success("93AA0005\n"), .success("\(paths[1])\n"), .success("\(paths[2])\n"),
        .failure(SysfsError(.read, Self.keys, errno: .inputOutput)),
      ])
    #expect(pipe.opened.load(ordering: .relaxed) == 2)
  }

  @Test func `waits for each of several files as long as for one`() throws {
    let sysfs = try sysfs(limit: .seconds(4))
    pipe.script.withLock { $0 = ["93AA0005\n", "1.0\n"] }
    pipe.pause.store(2_500_000, ordering: .relaxed)
    #expect(
      sysfs.read([Self.serial, .card(5, "FW_version")]) == [
        .success("93AA0005\n"), .success("1.0\n"),
      ])
  }

  @Test func `does not read the rest of several files after one without an answer`() throws {
    let sysfs = try sysfs()
    pipe.script.withLock { $0 = ["93AA0005\n"] }
    let paths = [
      Self.serial, .card(5, "FW_version"), .card(5, "hwtype"), Self.keys, .card(6, "serialnr"),
    ]
    let unanswered = SysfsError(UnansweredRead(paths[1], limit: .seconds(1)))
    #expect(
      sysfs.read(paths) == [
        .success("93AA0005\n"), .failure(unanswered), .success("\(paths[2])\n"),
        .failure(unanswered), .success("\(paths[4])\n"),
      ])
    #expect(throws: unanswered) { try sysfs.read(Self.serial) }
    pipe.say("late\n")
    wait { sysfs.nextDue != nil }
    #expect(pipe.asked.load(ordering: .relaxed) == 2)
  }

  @Test func `waits less for an adapter while another one does not answer`() throws {
    let sysfs = try sysfs(limit: .milliseconds(1500))
    for (adapter, limit) in [(5, 1500), (7, 1000)] as [(UInt8, Int)] {
      let read = UnansweredRead(.card(adapter, "serialnr"), limit: .milliseconds(limit))
      #expect(throws: SysfsError(read)) { try sysfs.read(read.path) }
    }
    for _ in 0..<2 { pipe.say("late\n") }
  }

  @Test func `holds up a caller with other things to do for less, and says when the time is over`()
    throws
  {
    let time = HostTime()
    let sysfs = try sysfs(limit: .seconds(2), patience: .milliseconds(10))
    let start = time.now
    let awaited = SysfsError(UnansweredRead(Self.serial, limit: .seconds(2), isAwaited: true))
    #expect(
      awaited.description == "reading /sys/devices/ap/card05/serialnr: no answer yet")
    let answer = Result { () throws(SysfsError) in try sysfs.read(Self.serial) }
    defer { pipe.say("late\n") }
    // Unless this test itself was held up.
    guard time.now < start + .seconds(2) else { return }
    #expect(answer == .failure(awaited))
    #expect(try #require(sysfs.nextDue) >= start + .seconds(2))
    // It is taken once.
    var due: [UInt8] = []
    wait {
      if due.isEmpty { due = sysfs.takeDue() }
      return due == [5]
    }
    #expect(!sysfs.isAwaiting && sysfs.nextDue == nil && sysfs.takeDue() == [])
    let unanswered = SysfsError(UnansweredRead(Self.serial, limit: .seconds(2)))
    #expect(throws: unanswered) { try sysfs.read(Self.keys) }
    #expect(pipe.asked.load(ordering: .relaxed) == 1)
  }

  @Test func `waits as long as it takes for an adapter that is slow, once that is known`() throws {
    let sysfs = try sysfs(limit: .seconds(600), patience: .milliseconds(10))
    #expect(throws: SysfsError.self) { try sysfs.read(Self.serial) }
    pipe.say("93AA0005\n")
    wait { sysfs.nextDue != nil && !sysfs.isAwaiting }
    #expect(sysfs.takeDue() == [5])
    pipe.script.withLock { $0 = ["93AA0005\n"] }
    pipe.pause.store(500_000, ordering: .relaxed)
    #expect(try sysfs.read(Self.serial) == "93AA0005\n")
    #expect(sysfs.nextDue == nil)
  }

  @Test func `leaves at most one thread to an adapter, however often it is asked`() throws {
    let sysfs = try sysfs(limit: .milliseconds(100), patience: .milliseconds(10))
    for _ in 0..<50 {
      #expect(throws: SysfsError.self) { try sysfs.read(Self.keys) }
      sysfs.askAgain()
      _ = sysfs.takeDue()
    }
    // The port itself, and the thread that hangs; others are asked by one more.
    #expect(pipe.opened.load(ordering: .relaxed) == 2)
    #expect(try sysfs.read(.card(6, "serialnr")) == "\(SysfsPath.card(6, "serialnr"))\n")
    #expect(pipe.opened.load(ordering: .relaxed) == 3)
    pipe.say("late\n")
  }

  @Test func `asks again when the read has returned`() throws {
    let hasReturned = Signal()
    let sysfs = try sysfs(onReturn: { hasReturned.raise() })
    #expect(throws: SysfsError.self) { try sysfs.read(Self.serial) }
    pipe.say("late\n")
    wait { hasReturned.isRaised }
    #expect(sysfs.nextDue != nil)
    #expect(sysfs.takeDue() == [5])
    #expect(sysfs.takeDue() == [])
    pipe.say("93AA0005\n")
    #expect(try sysfs.read(Self.serial) == "93AA0005\n")
    #expect(sysfs.nextDue == nil)
  }

  @Test func `lets an adapter that is late again and again rest, unless it is told to ask it`()
    throws
  {
    let time = HostTime()
    let sysfs = try sysfs()
    for pause in [0, 1] {
      #expect(throws: SysfsError.self) { try sysfs.read(Self.keys) }
      let start = time.now
      pipe.say("late\n")
      wait { sysfs.nextDue != nil }
      let due = try #require(sysfs.nextDue)
      #expect(due >= start + .seconds(pause))
      // It stays away as long as another file of the adapter has been answered.
      if pause == 0 {
        pipe.say("93AA0005\n")
        #expect(try sysfs.read(Self.serial) == "93AA0005\n")
      } else {
        wait { time.now >= due }
      }
    }
    #expect(throws: SysfsError.self) { try sysfs.read(Self.keys) }
    pipe.say("late\n")
    wait { sysfs.nextDue != nil }
    let due = try #require(sysfs.nextDue)
    sysfs.askAgain(6)
    #expect(sysfs.takeDue() == [] || time.now >= due)
    sysfs.askAgain(5)
    #expect(sysfs.takeDue() == [5])
    pipe.say("AES CUR: valid 0x11\n")
    #expect(try sysfs.read(Self.keys) == "AES CUR: valid 0x11\n")
  }

  @Test func `does not wait while the program is to stop`() throws {
    let stop = Signal()
    let sysfs = try sysfs(limit: .seconds(3600), isInterrupted: { stop.isRaised })
    pipe.say("93AA0005\n")
    #expect(try sysfs.read(Self.serial) == "93AA0005\n")
    stop.raise()
    for path in [Self.serial, Self.keys] {
      #expect(throws: SysfsError(.read, Self.serial, errno: .interrupted)) {
        try sysfs.read(path)
      }
    }
    pipe.say("late\n")
  }

  @Test func `reports that a thread cannot open the bus`() throws {
    let sysfs = try sysfs()
    pipe.isGone.store(true, ordering: .relaxed)
    #expect(throws: SysfsError(.open, Self.serial, errno: .noSuchFile)) {
      try sysfs.read(Self.serial)
    }
    #expect(throws: FileError.self) { try self.sysfs() }
  }
}

/// What one thread lets another know.
private final class Signal: Sendable {
  private let flag = Atomic<Bool>(false)

  func raise() { flag.store(true, ordering: .releasing) }
  var isRaised: Bool { flag.load(ordering: .acquiring) }
}
