import Glibc
import TestSupport
import Testing

@Suite struct `Bad input` {
  /// Each a change of the machine description, and what is said about it.
  @Test(arguments: [
    ("01.0005", "01.0004", "cards[0].queues[1].name: queue 01.0004 is described twice"),
    (
      "card02", "card100",
      "cards[1].name: \"card100\" is not a card's name, \"card00\" to \"cardff\""
    ),
    ("\"hwtype\": 13", "\"hwtype\": 256", "cards[0].hwtype: 256 is not a whole number of 0 to 255"),
    ("\"scans\": 2", "\"scans\": -1", "bus.scans: -1 is not a whole number of 0 to \(UInt64.max)"),
    (
      "02.0004", "02.0100",
      "cards[1].queues[0].name: \"02.0100\" is not a queue's name, \"00.0000\" to \"ff.00ff\""
    ),
    (
      "\"hwtype\": 13", "\"hwtyp\": 13", "cards[0]: unknown key \"hwtyp\"; did you mean \"hwtype\"?"
    ),
    (
      "\"version\": 1", "\"version\": 2",
      "version: 2 is not supported; this program reads version 1"
    ),
  ])
  func `in a machine description is an error with its place`(
    old: String, new: String, message: String
  ) throws {
    let bench = try Sample.bench()
    let parts = Sample.machine.split(separator: old, maxSplits: 1, omittingEmptySubsequences: false)
    try #require(parts.count == 2)
    try bench.file("bad.json", parts[0] + new + parts[1])
    for command in ["plan --rules guests", "snapshot", "simulate --rules guests"] {
      let result = try bench.run("\(command) --inventory bad.json")
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(result.messages == "apreserve: bad.json: \(message)\n")
    }
  }

  @Test(
    arguments: [
      ([], ": the file is empty"),
      (Array("{\"apreserve\":".utf8), ":1:14: expected a value, but the file ends here"),
      (
        Array("{\"\u{0}\": 1}".utf8),
        ":1:3: a string has a line break or another control character in it"
      ),
      ([0x7b, 0x22, 0xff, 0x22], ":1:3: this is not UTF-8 text"),
      (
        Array("KERNEL[1] add".utf8),
        ": this is not a machine description; one is JSON, as \"apreserve snapshot\" prints it"
      ),
      (
        Array("{}".utf8),
        ": this is not a machine description; one begins with \"apreserve\": \"snapshot\""
      ),
    ] as [([UInt8], String)])
  func `that is not a machine description is an error with its place`(
    bytes: [UInt8], message: String
  ) throws {
    let bench = try Sample.bench()
    try bench.file("bad.json", bytes: bytes)
    let result = try bench.run("list --inventory bad.json --rules guests")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.messages == "apreserve: bad.json\(message)\n")
  }

  @Test(arguments: [
    (
      "plan --inventory nowhere --rules guests",
      "opening nowhere: ENOENT (no such file or directory)"
    ),
    (
      "plan --inventory guests --rules guests",
      "no descriptions of machines in guests; their names end in .json"
    ),
    (
      "plan --capture nowhere --rules guests", "opening nowhere: ENOENT (no such file or directory)"
    ),
    ("replay nowhere --rules guests", "opening nowhere: ENOENT (no such file or directory)"),
    (
      "replay boot.events --rules guests --expect nowhere",
      "opening nowhere: ENOENT (no such file or directory)"
    ),
    (
      "replay boot.events --rules guests --inventory nowhere",
      "opening nowhere: ENOENT (no such file or directory)"
    ),
    (
      "simulate --inventory nowhere --rules guests",
      "opening nowhere: ENOENT (no such file or directory)"
    ),
    (
      "plan --inventory machine.json --rules nowhere",
      "there is no directory nowhere; use --rules with a directory of rule files"
    ),
    (
      "rules --rules guests --rules nowhere",
      "there is no directory nowhere; use --rules with a directory of rule files"
    ),
    (
      "plan --inventory machine.json --rules machine.json",
      "machine.json is not a directory; use --rules with a directory of rule files"
    ),
    (
      "apply --sysfs nowhere --rules guests", "opening nowhere: ENOENT (no such file or directory)"
    ),
    (
      "apply --sysfs machine.json --rules guests",
      "opening machine.json: ENOTDIR (not a directory)"
    ),
    (
      "matrix --inventory machine.json --rules guests --svg nowhere/x.svg",
      "opening nowhere/x.svg: ENOENT (no such file or directory)"
    ),
  ])
  func `that does not exist is named`(words: String, message: String) throws {
    let result = try Sample.bench().run(words)
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.messages == "apreserve: \(message)\n")
  }

  @Test(.enabled(if: geteuid() != 0, "root may read every file"))
  func `that may not be read is named`() throws {
    let bench = try Sample.bench()
    try bench.mode("machine.json", 0)
    let result = try bench.run("plan --inventory machine.json --rules guests")
    #expect(result.status == 1)
    #expect(
      result.messages == "apreserve: opening machine.json: EACCES (permission denied)\n")
  }

  /// Another user's file is not for root.
  @Test(.enabled(if: Guest.isPossible, "other users cannot run programs here"))
  func `that may not be read is said to be for root only in the places of apreserve`() throws {
    let bench = try Sample.bench()
    try bench.mode("machine.json", 0o600)
    #expect(try Guest.run("plan --inventory machine.json --rules guests", in: bench) == 1)
    #expect(
      try bench.text(".guest") == "apreserve: opening machine.json: EACCES (permission denied)\n")
    try bench.mode("machine.json", 0o644)
    let place = access("/etc/apreserve", F_OK) == 0 ? "/etc/apreserve/x.svg" : "/etc/apreserve"
    for (path, hint) in [("/etc/x.svg", ""), (place, "; only root may do that")] {
      let words = "matrix --inventory machine.json --rules guests --svg \(path)"
      #expect(try Guest.run(words, in: bench) == 1)
      #expect(
        try bench.text(".guest")
          == "apreserve: opening \(path): EACCES (permission denied)\(hint)\n")
    }
  }

  /// Each the bytes of a rule file, and the first line of what is said about it.
  @Test(
    arguments: [
      (
        Array("ADAPTER==\"1\"\0\n".utf8),
        "1:13: error: a NUL byte at offset 12 of the file; rule files are text [nul-byte]"
      ),
      (
        Array("# text\nNAME=\"".utf8) + [0xff, 0x0a],
        "2:7: error: byte 0xff at offset 13 of the file is not UTF-8; save the file as UTF-8 "
          + "[invalid-utf-8]"
      ),
      (
        Array("ADAPTER==\"256\", RESERVE=\"host\"\n".utf8),
        "1:11: error: \"256\" is too large; the largest number is 0xff (255) [number-too-large]"
      ),
      (
        Array("DOMAIN==\"-1\", RESERVE=\"host\"\n".utf8),
        "1:10: error: -1 is negative; numbers are 0 to 255 [negative-number]"
      ),
      (
        Array("DOMIAN==\"1\", RESERVE=\"host\"\n".utf8),
        "1:1: error: unknown key \"DOMIAN\"; did you mean \"DOMAIN\"? [unknown-key]"
      ),
    ] as [([UInt8], String)])
  func `in a rule file is an error with its place, and nothing is planned`(
    bytes: [UInt8], finding: String
  ) throws {
    let bench = try Sample.bench()
    try bench.file("bad/50.rules", bytes: bytes)
    for command in ["plan", "guest list", "explain 01.0004", "simulate"] {
      let result = try bench.run("\(command) --inventory machine.json --rules bad")
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(
        result.messages.hasPrefix(
          "apreserve: the rules have errors, and none of them is used\n\nbad/50.rules:\(finding)\n"),
        "\(result.messages)")
    }
    let verified = try bench.run("verify --rules bad")
    #expect(verified.status == 1)
    #expect(verified.messages == "")
    #expect(verified.output.hasPrefix("bad/50.rules:\(finding)\n"), "\(verified.output)")
    #expect(verified.output.hasSuffix("1 file, 0 rules, 1 error\n"))
    #expect(try bench.run("verify bad/50.rules").output == verified.output)
  }

  @Test(arguments: ["list", "list -o json", "list -o name", "matrix", "matrix --svg -"])
  func `in a rule file does not hide the machine`(command: String) throws {
    let bench = try Sample.bench()
    try bench.file("bad/50.rules", "DOMIAN==\"1\", RESERVE=\"host\"\n")
    try bench.directory("none")
    try bench.file("none/50.rules", "# no rule\n")
    for machines in ["machine.json", "machine.json --inventory machine.json"] {
      guard machines == "machine.json" || !command.contains("--svg") else { continue }
      let result = try bench.run("\(command) --inventory \(machines) --rules bad")
      #expect(result.status == 1)
      #expect(
        result.messages.hasPrefix(
          "apreserve: the rules have errors, and none of them is used: the machine is shown without "
            + "rules\n\nbad/50.rules:1:1: error: "), "\(result.messages)")
      let without = try bench.run("\(command) --inventory \(machines) --rules none")
      #expect(without.status == 0)
      #expect(result.output == without.output)
      #expect(result.output != "")
    }
  }

  @Test func `that is a directory without rule files is an error`() throws {
    let bench = try Sample.bench()
    try bench.directory("empty")
    let result = try bench.run("plan --inventory machine.json --rules empty")
    #expect(result.status == 1)
    #expect(
      result.messages
        == "apreserve: no rule files in empty; names of rule files end in .rules\n")
    #expect(result.output == "")
  }

  @Test(
    arguments: [
      (Array(), ": the file is empty; a capture has at least one event or device."),
      (
        Array("hello\n".utf8),
        ":1: \"hello\" begins no known capture; expected the output of \"udevadm monitor --kernel "
          + "--property\" or \"udevadm info --export-db\", umockdev device descriptions, or kernel "
          + "messages."
      ),
      (
        Array(Sample.machine.utf8),
        ":1: this describes a machine, and is no capture; use it with --inventory."
      ),
      (
        Array("{\"a\": 1}\n".utf8),
        ":1: this is JSON; a capture is the text of \"udevadm monitor --kernel --property\" or "
          + "\"udevadm info --export-db\"."
      ),
      (
        [0x1f, 0x8b, 0x08, 0x00], ": this is a compressed file; unpack it first."
      ),
      (
        [0xd4, 0xc3, 0xb2, 0xa1],
        ": this is a packet capture, and Linux never copies uevents to a capture interface; record "
          + "with \"udevadm monitor --kernel --property\"."
      ),
    ] as [([UInt8], String)])
  func `that is not a capture is an error, never an empty machine`(
    bytes: [UInt8], message: String
  ) throws {
    let bench = try Sample.bench()
    try bench.file("bad.events", bytes: bytes)
    for words in [
      "replay bad.events --rules guests", "plan --capture bad.events --rules guests",
      "list --capture bad.events --rules guests", "snapshot --capture bad.events",
    ] {
      let result = try bench.run(words)
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(result.messages == "apreserve: bad.events\(message)\n")
    }
  }
}
